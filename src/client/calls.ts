/** Everything that is under way: when it is over at the latest, who may end it, and closing in good order. */
import { status, type CallOptions as GrpcCallOptions, type requestCallback } from "@grpc/grpc-js";
import { CallError, ClientClosed } from "./call-error.js";
import type { Connection, Link, Stubs } from "./connection.js";
import { isSameCertificate, type Identity } from "./credentials.js";
import { duration, requireSignal } from "./misuse.js";

/** How a call may end early. */
export interface CallOptions {
  /** Ends the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * After this many milliseconds, at most 24 days, the call fails with DEADLINE_EXCEEDED; `produce` with what its last attempt was
   * refused with, if a server gave a reason. Default 30,000 for a call with one answer and what it may wait; none for a stream.
   */
  readonly timeoutMs?: number | undefined;
}

/** What grpc-js knows of a call that was started. */
interface Started {
  cancel(): void;
  on?(event: "error", listener: () => void): unknown;
}

/** Starts a call with one request and one answer. */
export type UnaryStart<Response> = (stubs: Stubs, options: GrpcCallOptions, done: requestCallback<Response>) => Started;

/** Longer ones fail at once: grpc-js cuts them to 32 bits. */
const longestMs = 24 * 24 * 3_600_000;

/** What closing waits for. */
export interface UnderWay {
  /** It has no end of its own. */
  readonly endsOnClose: boolean;
  /** Ends it now, with this reason. */
  cancel(reason: unknown): void;
}

export class Calls {
  readonly #connection: Connection;
  readonly #open = new Set<UnderWay>();
  readonly #onceAllHaveLeft: (() => void)[] = [];
  #closing: Promise<void> | undefined;
  #lastLeft: (() => void) | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Registers a call before anything can be waited for. It has to be disposed of.
   * @param endsOnClose for a call that has no end of its own
   * @throws ClientClosed, or the signal's reason if it is aborted already; TypeError and RangeError for wrong options
   */
  begin(options: CallOptions, { endsOnClose = false } = {}): Call {
    const { signal, timeoutMs } = options;
    const deadline = this.admit(signal, timeoutMs);
    const call = new Call(this.#connection, { signal, deadline, endsOnClose }, () => this.leave(call));
    this.enter(call);
    return call;
  }

  /**
   * Until when a call may take that is made now, in milliseconds since 1970, or Infinity.
   * @throws as `begin`
   */
  admit(signal: AbortSignal | undefined, timeoutMs: number | undefined): number {
    requireSignal(signal);
    const deadline = timeoutMs === undefined ? Infinity : Date.now() + duration("timeoutMs", timeoutMs, 0, longestMs);
    if (this.#closing !== undefined) throw new ClientClosed();
    signal?.throwIfAborted();
    return deadline;
  }

  /** Closing waits for it until it leaves. */
  enter(underWay: UnderWay): void {
    this.#open.add(underWay);
  }

  leave(underWay: UnderWay): void {
    this.#open.delete(underWay);
    if (this.#open.size === 0) this.#lastLeft?.();
  }

  /** Calls `then` when everything has left after `close`, before the connection is closed. */
  whenAllHaveLeft(then: () => void): void {
    this.#onceAllHaveLeft.push(then);
  }

  /** One request, one answer. */
  async unary<Response>(options: CallOptions, start: UnaryStart<Response>): Promise<Response> {
    using call = this.begin({ ...options, timeoutMs: options.timeoutMs ?? defaultTimeoutMs });
    const stubs = await call.dial();
    return await call.answered((grpcOptions, done) => start(stubs, grpcOptions, done));
  }

  /** Takes no more calls, waits until those under way have ended, and cancels what is left after the time of grace. */
  close(graceMs: number): Promise<void> {
    this.#closing ??= this.#drain(graceMs);
    return this.#closing;
  }

  async #drain(graceMs: number): Promise<void> {
    const everyoneLeft = new Promise<void>((resolve) => (this.#lastLeft = resolve));
    for (const call of this.#open) if (call.endsOnClose) call.cancel(new ClientClosed());
    const timer = setTimeout(() => {
      const reason = new CallError(status.CANCELLED, "the client was closed");
      for (const call of this.#open) call.cancel(reason);
    }, graceMs);
    if (this.#open.size > 0) await everyoneLeft;
    clearTimeout(timer);
    for (const then of this.#onceAllHaveLeft) then();
    this.#connection.close();
  }
}

export const defaultTimeoutMs = 30_000;

interface Ending {
  readonly signal: AbortSignal | undefined;
  /** In milliseconds since 1970, or Infinity. */
  readonly deadline: number;
  readonly endsOnClose: boolean;
}

/** From when a method is entered until it has ended. */
export class Call implements UnderWay, Disposable {
  readonly endsOnClose: boolean;
  readonly #connection: Connection;
  readonly #deadline: number;
  readonly #signal: AbortSignal | undefined;
  readonly #onEnd: () => void;
  readonly #ended = new AbortController();
  readonly #abort = () => this.cancel(this.#signal?.reason);
  #cancelled: { readonly reason: unknown } | undefined;
  #link: Link | undefined;
  #started: Started | undefined;

  constructor(connection: Connection, { signal, deadline, endsOnClose }: Ending, onEnd: () => void) {
    this.endsOnClose = endsOnClose;
    this.#connection = connection;
    this.#deadline = deadline;
    this.#signal = signal;
    this.#onEnd = onEnd;
    signal?.addEventListener("abort", this.#abort);
  }

  /** Aborts when the call has ended, however it did. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** Somebody here ended it, so that its own end is no news. */
  get isCancelled(): boolean {
    return this.#cancelled !== undefined;
  }

  /**
   * What to call, once there are certificates to call with. A call that is started has to be given to `started`. It may be
   * asked for again when that is over.
   */
  async dial(): Promise<Stubs> {
    const link = this.#connection.enter(await this.#identity());
    this.#link?.leave();
    this.#link = link;
    return link.stubs;
  }

  /** A server has refused the certificate that it was made with: whether there is another one by now. */
  async hasOtherCertificate(): Promise<boolean> {
    const { identity: refused } = this.#link!;
    this.#connection.noteRefused(refused);
    return !isSameCertificate(await this.#identity(), refused);
  }

  async #identity(): Promise<Identity> {
    this.ended.throwIfAborted();
    const identity = this.#connection.identity();
    const known = identity instanceof Promise ? await before(identity, this.ended, this.#deadline) : identity;
    this.ended.throwIfAborted();
    return known;
  }

  /** From here on, whatever ends this call ends `started` too. */
  started<T extends Started>(started: T): T {
    this.#started = started;
    // A status may arrive when nobody reads any more; without a listener it would end the process.
    started.on?.("error", () => undefined);
    if (this.ended.aborted) started.cancel();
    return started;
  }

  /** It ends by itself after a while. */
  get hasDeadline(): boolean {
    return this.#deadline < Infinity;
  }

  /** Until it does, in milliseconds. */
  get leftMs(): number {
    return this.#deadline - Date.now();
  }

  /** Resolves after so many milliseconds, or when the call ends or is late. */
  async pause(ms: number): Promise<void> {
    if (this.ended.aborted) return;
    await new Promise<void>((resolve) => {
      const over = (): void => {
        clearTimeout(timer);
        // A call may pause often, and Node warns of more than ten listeners of one signal.
        this.ended.removeEventListener("abort", over);
        resolve();
      };
      const timer = setTimeout(over, Math.min(ms, this.leftMs));
      this.ended.addEventListener("abort", over);
    });
  }

  get grpcOptions(): GrpcCallOptions {
    return { deadline: this.#deadline };
  }

  /** Starts a call with one answer, and waits for it. */
  answered<Response>(start: (options: GrpcCallOptions, done: requestCallback<Response>) => Started): Promise<Response> {
    return new Promise((resolve, reject) => {
      this.started(
        start(this.grpcOptions, (error, response) => {
          if (response !== undefined) resolve(response);
          else reject(this.failure(error));
        }),
      );
    });
  }

  /** What to throw for what grpc-js reports: the reason for which it was cancelled, if it was. */
  failure(error: unknown): Error {
    // An AbortSignal's reason may be anything, and is handed on as it is.
    if (this.#cancelled !== undefined) return this.#cancelled.reason as Error;
    return this.#connection.failureOf(error);
  }

  /** An iterator that nobody asks any more is not waited for: this is the end of the call, whoever notices it when. */
  cancel(reason: unknown): void {
    this.#cancelled = { reason };
    this.#end(reason);
    // Once more when this turn is over: in the turn in which a call is opened, grpc-js (1.14.7) opens it all the same.
    setImmediate(() => this.#started?.cancel());
  }

  [Symbol.dispose](): void {
    if (!this.ended.aborted) this.#end(finished);
  }

  #end(reason: unknown): void {
    this.#ended.abort(reason);
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#started?.cancel();
    this.#link?.leave();
    this.#onEnd();
  }
}

/** Without a reason of its own, every abort would make an error and its stack. */
const finished = "the call has ended";

/** What `promise` gives, unless `signal` aborts or `deadline` passes first. */
async function before<T>(promise: Promise<T>, signal: AbortSignal, deadline: number): Promise<T> {
  let abort = () => {};
  let timer: NodeJS.Timeout | undefined;
  const stopped = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason as Error);
    signal.addEventListener("abort", abort);
    const late = () =>
      reject(new CallError(status.DEADLINE_EXCEEDED, "the certificates to call with were not there in time"));
    if (deadline < Infinity) timer = setTimeout(late, deadline - Date.now());
  });
  try {
    return await Promise.race([promise, stopped]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

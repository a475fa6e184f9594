import {
  Metadata,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
} from "@grpc/grpc-js";
import { Cancelled, ShuttingDown } from "../errors.js";
import { UploadIdle } from "../policy-errors.js";
import { type Admitted, type Listing, Refusal } from "./admission.js";
import type { OpenCalls } from "./open-calls.js";
import { requestIdOf } from "./request-id.js";
import { toStatus } from "./status.js";

/**
 * Every handler goes through one of these adapters, which turn any throw into a status: grpc-js by itself sends a raw
 * error's text to the caller, and leaves the call hanging when an async handler throws.
 */

/** Bytes handed to grpc-js that it has not written yet, beyond which a stream waits for its reader. */
const maxUnwrittenBytes = 1024 * 1024;
/** What a message takes in memory beside its bytes, roughly: small ones would make a window of some 50 MiB. */
const messageOverheadBytes = 1024;

/** What is told of errors that the caller has no part in. */
export type ReportInternal = (error: unknown, method: string, requestId: string | undefined) => void;

/** A use case with one answer. */
export function unary<R extends Admitted | Listing, Response>(
  report: ReportInternal,
  useCase: (admitted: R, caller: Caller) => Promise<Response>,
): handleUnaryCall<R | Refusal, Response> {
  return (call: ServerUnaryCall<R | Refusal, Response>, answer) => {
    const refuse = (error: unknown): void => {
      report(error, call.getPath(), requestIdOf(call.metadata));
      answer(toStatus(error));
    };
    try {
      if (call.request instanceof Refusal) throw call.request.error;
      useCase(call.request, new Caller(call)).then((response) => answer(null, response), refuse);
    } catch (error) {
      refuse(error);
    }
  };
}

/** A use case that changes something: judged again when it begins, and counted as work under way until it is done. */
export function change<R extends Admitted, Response>(
  report: ReportInternal,
  openCalls: OpenCalls,
  useCase: (admitted: R) => Promise<Response>,
): handleUnaryCall<R | Refusal, Response> {
  return unary(report, async (admitted: R) => {
    admitted.judgeAgain();
    const working = useCase(admitted);
    openCalls.track(working);
    return working;
  });
}

/** A use case with many answers, each of `sizeOf` bytes. The next one is asked for only when its reader has room. */
export function serverStream<R extends Admitted, Response>(
  report: ReportInternal,
  sizeOf: (response: Response) => number,
  useCase: (admitted: R, signal: AbortSignal) => AsyncIterable<Response>,
): handleServerStreamingCall<R | Refusal, Response> {
  return (call: ServerWritableStream<R | Refusal, Response>) => {
    const run = async (): Promise<void> => {
      if (call.request instanceof Refusal) throw call.request.error;
      const signal = abortOnCancel(call);
      const window = new WriteWindow(call, maxUnwrittenBytes, signal);
      // Who waits at the end of a topic learns by it that he was let in.
      call.sendMetadata(new Metadata());
      for await (const response of useCase(call.request, signal))
        await window.write(response, messageOverheadBytes + sizeOf(response));
      call.end();
    };
    run().catch((error: unknown) => endWith(call, error, report));
  };
}

/**
 * A use case that reads requests as they come and answers by itself; a throw ends the stream behind its answers.
 *
 * @param shutdown when it aborts, no more requests are taken, and the answers that are due are still given
 * @param idleMs it ends when no request comes for so long; for ever unless given
 */
export function duplexStream<R extends Admitted, Response>(
  report: ReportInternal,
  shutdown: AbortSignal,
  useCase: (
    requests: AsyncIterable<R | Refusal>,
    call: ServerDuplexStream<R | Refusal, Response>,
    signal: AbortSignal,
  ) => Promise<void>,
  idleMs?: number,
): handleBidiStreamingCall<R | Refusal, Response> {
  return (call: ServerDuplexStream<R | Refusal, Response>) => {
    const run = async (): Promise<void> => {
      await useCase(requestsOf<R>(call, shutdown, idleMs), call, abortOnCancel(call));
      call.end();
    };
    run().catch((error: unknown) => endWith(call, error, report));
  };
}

/**
 * A use case that reads requests as they come and has one answer.
 *
 * @param shutdown as for `duplexStream`
 * @param idleMs as for `duplexStream`
 */
export function clientStream<R extends Admitted, Response>(
  report: ReportInternal,
  shutdown: AbortSignal,
  useCase: (requests: AsyncIterable<R | Refusal>, signal: AbortSignal) => Promise<Response>,
  idleMs?: number,
): handleClientStreamingCall<R | Refusal, Response> {
  return (call: ServerReadableStream<R | Refusal, Response>, answer) => {
    const run = async (): Promise<Response> => useCase(requestsOf<R>(call, shutdown, idleMs), abortOnCancel(call));
    run().then(
      (response) => answer(null, response),
      (error: unknown) => {
        if (call.cancelled) return;
        report(error, call.getPath(), requestIdOf(call.metadata));
        answer(toStatus(error));
      },
    );
  };
}

/**
 * The requests until the signal aborts.
 *
 * @throws ShuttingDown then, also in the middle of waiting for one
 * @throws UploadIdle when none came for so long
 */
async function* requestsOf<R extends Admitted>(
  call: ServerReadableStream<R | Refusal, unknown> | ServerDuplexStream<R | Refusal, unknown>,
  shutdown: AbortSignal,
  idleMs?: number,
): AsyncGenerator<R | Refusal, void, undefined> {
  // Leaving the loop must not destroy the stream: the status is still to be sent.
  const requests = call.iterator({ destroyOnReturn: false }) as AsyncIterator<R | Refusal>;
  let interrupt: (why: Error) => void = () => undefined;
  const onShutdown = (): void => interrupt(new ShuttingDown());
  const onIdle = (): void => interrupt(new UploadIdle(idleMs!));
  shutdown.addEventListener("abort", onShutdown);
  try {
    for (;;) {
      const idle = idleMs === undefined ? undefined : setTimeout(onIdle, idleMs);
      const result = await new Promise<IteratorResult<R | Refusal>>((resolve, reject) => {
        interrupt = reject;
        if (shutdown.aborted) onShutdown();
        else requests.next().then(resolve, reject);
      }).finally(() => clearTimeout(idle));
      if (result.done === true) return;
      result.value.onTaken();
      yield result.value;
    }
  } finally {
    shutdown.removeEventListener("abort", onShutdown);
  }
}

/** Ends a stream with a status, behind everything that was written to it. */
function endWith(
  call: ServerWritableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>,
  error: unknown,
  report: ReportInternal,
): void {
  if (call.cancelled) return;
  report(error, call.getPath(), requestIdOf(call.metadata));
  call.emit("error", toStatus(error));
}

interface Cancellable {
  readonly cancelled: boolean;
  once(event: "cancelled", listener: () => void): unknown;
}

/** Whether a call's caller is still there. A signal costs much, so it is made only for who asks for one. */
export class Caller {
  readonly #call: Cancellable;
  #signal: AbortSignal | undefined;

  constructor(call: Cancellable) {
    this.#call = call;
  }

  get hasGone(): boolean {
    return this.#call.cancelled;
  }

  get signal(): AbortSignal {
    return (this.#signal ??= abortOnCancel(this.#call));
  }
}

/** Made once: every other reason that an AbortController makes up by itself has a stack trace. */
const callEnded = new Cancelled();

/** grpc-js says of every call that it is cancelled, when it has ended. */
function abortOnCancel(call: Cancellable): AbortSignal {
  const controller = new AbortController();
  if (call.cancelled) controller.abort(callEnded);
  else call.once("cancelled", () => controller.abort(callEnded));
  return controller.signal;
}

/** Bounds what a stream has handed over and its reader has not taken. */
export class WriteWindow<Response> {
  readonly #call: { write(response: Response, done: () => void): boolean };
  readonly #maxBytes: number;
  readonly #signal: AbortSignal;
  #unwritten = 0;
  #awaiting: (() => void) | undefined;

  constructor(call: { write(response: Response, done: () => void): boolean }, maxBytes: number, signal: AbortSignal) {
    this.#signal = signal;
    this.#call = call;
    this.#maxBytes = maxBytes;
    signal.addEventListener("abort", () => this.#awaiting?.(), { once: true });
  }

  /** Resolves when there is room for another one. @throws Cancelled when the call has gone */
  async write(response: Response, bytes: number): Promise<void> {
    this.#unwritten += bytes;
    this.#call.write(response, () => {
      this.#unwritten -= bytes;
      if (this.#unwritten < this.#maxBytes) this.#awaiting?.();
    });
    if (this.#unwritten >= this.#maxBytes && !this.#signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#awaiting = resolve;
      });
      this.#awaiting = undefined;
    }
    if (this.#signal.aborted) throw new Cancelled();
  }
}

import type {
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
  handleBidiStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
} from "@grpc/grpc-js";
import { Cancelled, ShuttingDown } from "../errors.js";
import { Admitted, Refusal } from "./admission.js";
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
export type ReportInternal = (error: unknown, method: string) => void;

/** A use case with one answer. */
export function unary<R extends Admitted, Response>(
  report: ReportInternal,
  useCase: (admitted: R, signal: AbortSignal) => Promise<Response>,
): handleUnaryCall<R | Refusal, Response> {
  return (call: ServerUnaryCall<R | Refusal, Response>, answer) => {
    const run = async (): Promise<Response> => {
      if (call.request instanceof Refusal) throw call.request.error;
      return useCase(call.request, abortOnCancel(call));
    };
    run().then(
      (response) => answer(null, response),
      (error: unknown) => {
        report(error, call.getPath());
        answer(toStatus(error));
      },
    );
  };
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
 */
export function duplexStream<R extends Admitted, Response>(
  report: ReportInternal,
  shutdown: AbortSignal,
  useCase: (
    requests: AsyncIterable<R | Refusal>,
    call: ServerDuplexStream<R | Refusal, Response>,
    signal: AbortSignal,
  ) => Promise<void>,
): handleBidiStreamingCall<R | Refusal, Response> {
  return (call: ServerDuplexStream<R | Refusal, Response>) => {
    const run = async (): Promise<void> => {
      // Leaving the loop must not destroy the stream: the status is still to be sent.
      const requests = call.iterator({ destroyOnReturn: false }) as AsyncIterator<R | Refusal>;
      await useCase(untilShutdown(requests, shutdown), call, abortOnCancel(call));
      call.end();
    };
    run().catch((error: unknown) => endWith(call, error, report));
  };
}

/** The requests until the signal aborts. @throws ShuttingDown then, also in the middle of waiting for one */
async function* untilShutdown<Request>(
  requests: AsyncIterator<Request>,
  shutdown: AbortSignal,
): AsyncGenerator<Request, void, undefined> {
  let interrupt: () => void = () => undefined;
  const onShutdown = (): void => interrupt();
  shutdown.addEventListener("abort", onShutdown);
  try {
    for (;;) {
      const result = await new Promise<IteratorResult<Request>>((resolve, reject) => {
        interrupt = () => reject(new ShuttingDown());
        if (shutdown.aborted) interrupt();
        else requests.next().then(resolve, reject);
      });
      if (result.done === true) return;
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
  report(error, call.getPath());
  call.emit("error", toStatus(error));
}

function abortOnCancel(call: {
  readonly cancelled: boolean;
  once(event: "cancelled", listener: () => void): unknown;
}): AbortSignal {
  const controller = new AbortController();
  if (call.cancelled) controller.abort();
  else call.once("cancelled", () => controller.abort());
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

/**
 * A connection beneath TLS whose writes fail later, never at once.
 *
 * Where a write meets a reset, TLSWrap tells Http2Session within that very write. If Http2Session is just handing out what it
 * had put aside until an earlier write was over, it hands it out a second time within the first, and the process ends with a
 * segmentation fault in `ArrayBuffer::New`, beneath `Http2Session::ConsumeHTTP2Data` (Node 20.20). nghttp2 forbids to be called
 * again from its callbacks; Node's issues 38964 and 64113 are others of that kind. Streams of JavaScript end a write with the
 * next turn of the event loop at the earliest.
 */
import type { Socket } from "node:net";
import { Duplex } from "node:stream";

/** Carries the bytes of a connected socket, and is closed with it. */
export function failingLate(socket: Socket): Duplex {
  // TLSSocket cannot ask for it through a stream, and without it a small write may wait for the other side's acknowledgement.
  socket.setNoDelay(true);
  return new LateErrors(socket);
}

class LateErrors extends Duplex {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    socket.on("data", (bytes) => {
      if (!this.push(bytes)) socket.pause();
    });
    socket.once("end", () => this.push(null));
    let failure: Error | undefined;
    socket.once("error", (error) => (failure = asReset(error)));
    socket.once("close", () => {
      // What came before the reset is read first.
      if (this.readableLength > 0) this.push(null);
      else this.destroy(failure);
    });
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(bytes, (error) => done(asReset(error)));
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: (error?: Error | null) => void): void {
    const end = (error?: Error | null): void => done(asReset(error));
    this.#socket.cork();
    chunks.forEach(({ chunk }, at) => this.#socket.write(chunk, at === chunks.length - 1 ? end : undefined));
    this.#socket.uncork();
  }

  override _final(done: () => void): void {
    // It may have ended by itself, when the other side did.
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}

/**
 * By this code grpc-js knows a connection that is lost, which is UNAVAILABLE; all else would be INTERNAL. A socket has other codes
 * too, such as EPIPE for what is written behind the other side's end.
 */
function asReset(error: Error | null | undefined): Error | undefined {
  if (error === null || error === undefined) return undefined;
  return Object.assign(new Error(error.message, { cause: error }), { code: "ECONNRESET" });
}

/** gRPC by hand, so that nothing stands between what is tried and what the server does: no retry, no check of its own. */
import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders, connect } from "node:http2";
import { type Socket, connect as connectPlainly } from "node:net";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import { status } from "@grpc/grpc-js";
import { decodeStatus, statusDetailsKey } from "../wire/definition.js";
import { connectTls, localAddressOf } from "./sockets.js";

/** How somebody knocks. */
export type Knock =
  | { readonly speaks: "TLS"; readonly options: ConnectionOptions }
  | { readonly speaks: "HTTP/2 in plain text" }
  | { readonly speaks: "HTTP/1.1 in plain text" };

/** How a call ended. */
export interface Ending {
  /** A gRPC status by its name; `cut off`: the connection ended before one came. */
  readonly status: string;
  /** The stable word of an error of aclog's own; empty without one. */
  readonly reason: string;
  readonly details: string;
}

const cutOff: Ending = { status: "cut off", reason: "", details: "" };

/** Who is neither cut off nor let in by then is not going to be. */
const patienceMs = 10_000;

/** One connection, and the calls on it. */
export class WireConnection implements Disposable {
  readonly #socket: Socket;
  readonly #tls: TLSSocket | undefined;
  readonly #session: ClientHttp2Session | undefined;
  /** What came on a connection that speaks HTTP/1.1. */
  #heard = "";
  #isIn = false;
  /** When it ended, in milliseconds of `performance.now`; undefined as long as it is open. */
  closedAt: number | undefined;
  /** As the server calls the other end: `127.0.0.1:50000`; undefined when nobody listened. */
  peer: string | undefined;
  /** Resolves once the server has spoken HTTP, true, or the connection has ended without a word of it, false. */
  readonly entered: Promise<boolean>;
  readonly closed: Promise<void>;

  constructor(port: number, knock: Knock) {
    if (knock.speaks === "TLS") this.#tls = connectTls(port, knock.options);
    const socket = (this.#socket = this.#tls ?? connectPlainly(port, "127.0.0.1"));
    // To be cut off is what is hoped for. Behind an alert of TLS nothing is read any more, and nobody would see the other end close.
    socket.on("error", () => socket.destroy());
    socket.once("connect", () => (this.peer = localAddressOf(socket)));
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        this.closedAt = performance.now();
        resolve();
      });
    });
    if (knock.speaks === "HTTP/1.1 in plain text") {
      this.entered = this.#entrance(socket, "data", () => this.#heard.startsWith("HTTP/"));
      socket.on("data", (bytes: Buffer) => (this.#heard += bytes.toString("latin1")));
      socket.write("POST /log.v1.Log/Produce HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
      return;
    }
    this.#session = connect("http://localhost", { createConnection: () => socket });
    this.#session.on("error", () => undefined);
    this.entered = this.#entrance(this.#session, "remoteSettings", () => true);
  }

  get isOpen(): boolean {
    return this.closedAt === undefined;
  }

  /** The TLS session that this connection could be resumed by. */
  get tlsSession(): Buffer | undefined {
    return this.#tls?.getSession();
  }

  /** Resolves once the server has read what was sent before, or the connection has ended. */
  async answersPing(): Promise<void> {
    const session = this.#session;
    if (session === undefined || session.destroyed || session.closed) return;
    const answered = new Promise<void>((resolve) => {
      session.ping(() => resolve());
    });
    await Promise.race([answered, this.closed]);
  }

  call(path: string, requestId: string): WireCall {
    return new WireCall(this.#session, path, requestId);
  }

  [Symbol.dispose](): void {
    this.#session?.destroy();
    this.#socket.destroy();
  }

  async #entrance(from: ClientHttp2Session | Socket, event: string, isIn: () => boolean): Promise<boolean> {
    const ending = AbortSignal.timeout(patienceMs);
    const heard = once(from, event, { signal: ending }).then(
      () => (this.#isIn = isIn()),
      () => undefined,
    );
    await Promise.race([heard, this.closed]);
    return this.#isIn;
  }
}

/** One call. It may be made on a connection that will be cut off, or has been. */
export class WireCall {
  /** All that came, each without its frame. */
  readonly messages: Buffer[] = [];
  readonly ended: Promise<Ending>;
  readonly #stream: ClientHttp2Stream | undefined;
  #isOver = false;
  #rest: Buffer = Buffer.alloc(0);
  #trailers: IncomingHttpHeaders = {};
  #onMessage: (() => void)[] = [];

  constructor(session: ClientHttp2Session | undefined, path: string, requestId: string) {
    this.#stream = session === undefined ? undefined : begin(session, path, requestId);
    const stream = this.#stream;
    if (stream === undefined) {
      this.#isOver = true;
      this.ended = Promise.resolve(cutOff);
      return;
    }
    stream.on("error", () => undefined);
    stream.on("response", (headers) => (this.#trailers = headers));
    stream.on("trailers", (headers: IncomingHttpHeaders) => (this.#trailers = headers));
    stream.on("data", (bytes: Buffer) => this.#take(bytes));
    // As every client of gRPC does: whoever has the status says no more. Otherwise the server would wait for that.
    stream.on("end", () => this.finish());
    this.ended = new Promise((resolve) => {
      stream.once("close", () => {
        this.#isOver = true;
        this.#wake();
        resolve(endingIn(this.#trailers));
      });
    });
  }

  get isOpen(): boolean {
    return !this.#isOver;
  }

  send(message: Buffer): void {
    if (this.#stream?.writable === true) this.#stream.write(framed(message));
  }

  /** Says that nothing more comes. */
  finish(): void {
    if (this.#stream?.writable === true) this.#stream.end();
  }

  cancel(): void {
    // CANCEL (RFC 9113, 7).
    this.#stream?.close(0x08);
  }

  /** True once this many messages have come; false if the call, or the time, ends before. */
  async received(count: number, withinMs: number): Promise<boolean> {
    const late = AbortSignal.timeout(withinMs);
    while (this.messages.length < count && this.isOpen && !late.aborted) {
      await new Promise<void>((resolve) => {
        this.#onMessage.push(resolve);
        late.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    return this.messages.length >= count;
  }

  /** How it ended; undefined if it did not by then. */
  async endedWithin(milliseconds: number): Promise<Ending | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), milliseconds);
    });
    try {
      return await Promise.race([this.ended, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #take(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= 5) {
      const end = 5 + this.#rest.readUInt32BE(1);
      if (this.#rest.length < end) break;
      this.messages.push(this.#rest.subarray(5, end));
      this.#rest = this.#rest.subarray(end);
    }
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#onMessage.splice(0)) wake();
  }
}

function begin(session: ClientHttp2Session, path: string, requestId: string): ClientHttp2Stream | undefined {
  try {
    return session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      "x-request-id": requestId,
    });
  } catch {
    // The connection has ended, or is about to: no call is begun on it any more.
    return undefined;
  }
}

function endingIn(headers: IncomingHttpHeaders): Ending {
  const code = headers["grpc-status"];
  if (typeof code !== "string") return cutOff;
  const packed = headers[statusDetailsKey];
  const details = decodeURIComponent(String(headers["grpc-message"] ?? ""));
  return { status: status[Number(code)] ?? `status ${code}`, reason: reasonIn(packed), details };
}

function reasonIn(packed: string | string[] | undefined): string {
  if (typeof packed !== "string") return "";
  try {
    return decodeStatus(Buffer.from(packed, "base64")).details.ErrorInfo?.reason ?? "";
  } catch {
    // Damaged details give no reason, and without the right one no refusal counts.
    return "";
  }
}

/** A message of gRPC: not compressed, its length, itself. */
export function framed(message: Buffer): Buffer {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, 5);
  return frame;
}

import { once } from "node:events";
import { type ConnectionOptions, type TLSSocket, connect } from "node:tls";

/** Source: RFC 9113, section 6. */
export const frameType = { data: 0, headers: 1, resetStream: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 };
export const errorCode = { enhanceYourCalm: 11 };

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const headBytes = 9;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** One frame's bytes. */
export function frame(type: number, payload: Buffer = Buffer.alloc(0), flags = 0, streamId = 0): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** The headers of a call, as a whole frame. Source: RFC 7541, without its dynamic table. */
export function callHeaders(path: string, streamId: number): Buffer {
  const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  const block = Buffer.concat([
    // :method POST and :scheme https, by their places in the static table; :path and :authority by those of their names.
    Buffer.from([0x83, 0x87, 0x04]),
    text(path),
    Buffer.from([0x01]),
    text("localhost"),
    Buffer.from([0x00]),
    text("content-type"),
    text("application/grpc"),
    Buffer.from([0x00]),
    text("te"),
    text("trailers"),
  ]);
  const endHeaders = 4;
  return frame(frameType.headers, block, endHeaders, streamId);
}

/** A peer that sends the frames that it is told to, and answers none. */
export class FramePeer {
  readonly received: Frame[] = [];
  readonly closed: Promise<unknown>;
  readonly socket: TLSSocket;
  #rest = Buffer.alloc(0);

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    this.closed = once(socket, "close");
    socket.on("error", () => undefined);
    socket.on("data", (bytes: Buffer) => this.#read(bytes));
  }

  /** Resolves when the server's settings have come. */
  static async connect(port: number, options: ConnectionOptions): Promise<FramePeer> {
    const socket = connect({ host: "127.0.0.1", servername: "localhost", port, ALPNProtocols: ["h2"], ...options });
    await once(socket, "secureConnect");
    const peer = new FramePeer(socket);
    peer.send(preface, frame(frameType.settings));
    await peer.until(({ type }) => type === frameType.settings);
    return peer;
  }

  send(...frames: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  /** The first frame, of the past or to come, that the test is true of; undefined if the connection closes before. */
  async until(test: (frame: Frame) => boolean): Promise<Frame | undefined> {
    for (;;) {
      const found = this.received.find(test);
      if (found !== undefined || this.socket.destroyed) return found;
      await Promise.race([once(this.socket, "data"), this.closed]);
    }
  }

  /** The error code of the first GOAWAY of a server that has closed; undefined if it closed without one. */
  async goAwayCode(): Promise<number | undefined> {
    await this.closed;
    return this.received.find(({ type }) => type === frameType.goAway)?.payload.readUInt32BE(4);
  }

  #read(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= headBytes) {
      const end = headBytes + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < end) return;
      const [type, flags] = [this.#rest[3]!, this.#rest[4]!];
      const payload = this.#rest.subarray(headBytes, end);
      this.received.push({ type, flags, streamId: this.#rest.readUInt32BE(5), payload });
      this.#rest = this.#rest.subarray(end);
    }
  }
}

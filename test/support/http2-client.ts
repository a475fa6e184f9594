import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from "node:http2";
import { type ConnectionOptions, connect as connectTls } from "node:tls";

/** HTTP/2 over mutual TLS, without gRPC on top of it. */
export function http2To(port: number, options: ConnectionOptions): ClientHttp2Session {
  const createConnection = () =>
    connectTls({ host: "127.0.0.1", servername: "localhost", port, ALPNProtocols: ["h2"], ...options });
  const session = connectHttp2(`https://localhost:${port}`, { createConnection });
  session.on("error", () => undefined);
  return session;
}

/** Opens a call of `log.v1.Log`. What goes wrong with it is for the test to look at. */
export function openCall(
  session: ClientHttp2Session,
  method: string,
  headers: Readonly<Record<string, string>> = {},
): ClientHttp2Stream {
  const stream = session.request({
    ":method": "POST",
    ":path": `/log.v1.Log/${method}`,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  stream.on("error", () => undefined);
  return stream;
}

/** A gRPC message: a flag, its length, its bytes. */
export function framed(message: Buffer, flag = 0): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flag;
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

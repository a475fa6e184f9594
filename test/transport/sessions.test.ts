import { once } from "node:events";
import { type ServerHttp2Session, type ServerHttp2Stream, createServer } from "node:http2";
import { type AddressInfo, type Socket, connect } from "node:net";
import { expect, test } from "vitest";
import { Sessions } from "../../src/transport/sessions.js";
import { callHeaders, frame, frameType } from "../support/http2-frames.js";

const limits = {
  maxAgeMs: Infinity,
  ageGraceMs: Infinity,
  maxIdleMs: Infinity,
  undeliveredMs: 500,
  keepaliveMs: 200,
  keepaliveTimeoutMs: 200,
};

test("a session that is destroyed while its peer takes nothing is not asked any more, and its socket is cut", async () => {
  const sessions = new Sessions(limits, () => undefined);
  const server = createServer();
  // Before Node makes a session of it.
  server.prependListener("connection", (socket: Socket) => {
    server.once("session", (session: ServerHttp2Session) => sessions.watch(session, socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const peer = connect((server.address() as AddressInfo).port, "127.0.0.1");
  peer.pause();
  const window = Buffer.from([0x7f, 0xff, 0, 0]);
  peer.write(
    Buffer.concat([
      Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
      frame(frameType.settings, Buffer.concat([Buffer.from([0, 4]), window])),
      frame(frameType.windowUpdate, window),
      callHeaders("/", 1),
    ]),
  );
  const [stream] = (await once(server, "stream")) as [ServerHttp2Stream];
  const session = stream.session as ServerHttp2Session;
  stream.on("error", () => undefined);
  stream.respond();
  // More than the kernel takes for a peer that takes nothing.
  stream.write(Buffer.alloc(64 * 1024 * 1024));
  session.destroy();
  expect(session.destroyed).toBe(true);
  await once(session, "close");
  peer.destroy();
  server.close();
});

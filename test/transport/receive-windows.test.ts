import { once } from "node:events";
import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";
import { expect, test } from "vitest";
import { callWindowBytes, connectionWindowBytes } from "../../src/transport/receive-windows.js";
import { EngineServer } from "../support/grpc-server.js";
import { framed, openCall } from "../support/http2-client.js";
import { produceBytes } from "../support/raw-client.js";

/** What a round trip of 10 ms needs for 50 MB/s, twice: a window is opened again only when half of it was used. */
const neededBytes = 2 * 50_000_000 * 0.01;

/** The server's windows, once it has told them. */
async function connect(server: EngineServer): Promise<ClientHttp2Session> {
  const session = server.http2("acme/root");
  while (session.remoteSettings.initialWindowSize !== callWindowBytes) await once(session, "remoteSettings");
  // The window of the connection follows in a frame of its own, before the answer to a ping.
  await new Promise((resolve) => session.ping(resolve));
  return session;
}

/** An engine that takes one batch and never makes it durable. */
function stuck(): Parameters<typeof EngineServer.start>[0] {
  return { append: async () => ({ durable: new Promise(() => undefined) }) };
}

/** Writes until the server takes no more of it while it answers other calls; gives how many bytes that were. */
async function fill(stream: ClientHttp2Stream, others: () => Promise<unknown>): Promise<number> {
  const message = framed(produceBytes({ topic: "orders", records: ["x".repeat(1000 * 1024)] }));
  let taken = 0;
  const writeOn = (): void => void stream.write(message, () => ++taken < 60 && writeOn());
  writeOn();
  for (let before = -1; before !== taken;) {
    before = taken;
    await others();
  }
  return taken * message.length;
}

test("a client may have as much on its way as a distant network needs, on one call and on its connection", async () => {
  await using server = await EngineServer.start(stuck());
  const session = await connect(server);
  expect(session.remoteSettings.initialWindowSize).toBeGreaterThanOrEqual(neededBytes);
  expect(session.state.remoteWindowSize).toBe(connectionWindowBytes);
  expect(connectionWindowBytes).toBeGreaterThanOrEqual(callWindowBytes);
  session.destroy();
});

test("calls that are not read further hold no more than their windows, and hold up no other call of their connection", async () => {
  await using server = await EngineServer.start(stuck());
  const session = await connect(server);
  const refused = async (): Promise<void> => {
    const call = openCall(session, "Consume");
    call.end(framed(Buffer.from([0xff])));
    call.resume();
    await once(call, "close");
  };
  const others = async (): Promise<void> => {
    for (let count = 0; count < 50; count++) await refused();
  };
  // More of them than the window of the connection has room for.
  for (let stream = 0; stream < 1 + (2 * connectionWindowBytes) / callWindowBytes; stream++) {
    const taken = await fill(openCall(session, "ProduceStream"), others);
    // What is under way to the disk, what waits for the handler, what is held back, and what nobody has looked at.
    expect(taken).toBeLessThan((16 + 1 + 1 + 1) * 1024 * 1024 + callWindowBytes + 1024 * 1024);
    expect(taken).toBeGreaterThan(callWindowBytes);
  }
  session.destroy();
});

import { once } from "node:events";
import { type AddressInfo, type Socket, connect, createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { Handshakes } from "../../src/transport/handshakes.js";

test("of too many handshakes the oldest is cut, and those that are finished are left alone", async () => {
  const cut: string[] = [];
  const handshakes = new Handshakes(2, (socket, why) => cut.push(`${socket.remotePort}: ${why}`));
  const accepted: Socket[] = [];
  const server = createServer((socket) => {
    accepted.push(socket);
    handshakes.begin(socket);
    server.emit("begun");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const peers: Socket[] = [];
  onTestFinished(() => {
    for (const peer of peers) peer.destroy();
    server.close();
  });
  const open = async (): Promise<Socket> => {
    const begun = once(server, "begun");
    const peer = connect((server.address() as AddressInfo).port, "127.0.0.1");
    peers.push(peer.resume());
    await Promise.all([begun, once(peer, "connect")]);
    return peer;
  };
  const [finished, oldest] = [await open(), await open()];
  handshakes.end(accepted[0]!);
  const third = await open();
  expect([handshakes.size, cut]).toEqual([2, []]);
  const closed = once(oldest, "close");
  const fourth = await open();
  expect(cut).toEqual([`${oldest.localPort}: handshakes`]);
  await closed;
  expect([finished, third, fourth].map(({ destroyed }) => destroyed)).toEqual([false, false, false]);
  // Who goes by himself makes room too.
  const gone = once(accepted[2]!, "close");
  third.destroy();
  await gone;
  expect(handshakes.size).toBe(1);
  await open();
  expect(cut).toHaveLength(1);
});

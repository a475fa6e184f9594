import { once } from "node:events";
import { type AddressInfo, type Socket, connect, createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { whyHandshakeFailed } from "../../src/transport/handshake-failure.js";
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

// Seen with a client of a hundred lines that sends whatever bytes it likes; none that is built on OpenSSL can.
test.each([
  ["ERR_SSL_BMPSTRING_IS_WRONG_LENGTH", "asn1 encoding routines", "bmpstring is wrong length", "malformed"],
  ["ERR_SSL_TOO_LONG", "asn1 encoding routines", "too long", "malformed"],
  ["ERR_SSL_DECODE_ERROR", "digital envelope routines", "decode error", "malformed"],
  ["ERR_SSL_CERT_LENGTH_MISMATCH", "SSL routines", "cert length mismatch", "malformed"],
  ["ERR_SSL_BAD_SIGNATURE", "SSL routines", "bad signature", "untrusted"],
  ["ERR_SSL_WRONG_SIGNATURE_TYPE", "SSL routines", "wrong signature type", "protocol"],
  ["ERR_SSL_EVP_LIB", "asn1 encoding routines", "EVP lib", "untrusted"],
  ["ERR_SSL_POINT_IS_NOT_ON_CURVE", "elliptic curve routines", "point is not on curve", "protocol"],
  ["ERR_SSL_UNEXPECTED_MESSAGE", "SSL routines", "unexpected message", "protocol"],
])("a handshake that OpenSSL ends with %s (%s: %s) is counted as %s", (code, library, reason, kind) => {
  const error = Object.assign(new Error(`error:0:${library}::${reason}`), { code, library, reason });
  expect(whyHandshakeFailed(error, {})).toMatchObject({
    kind,
    reason: expect.stringMatching(/certificate|client|message|point/) as string,
  });
});

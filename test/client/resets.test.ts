import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { test } from "vitest";
import { credentials } from "@grpc/grpc-js";
import { noticingResets } from "../../src/client/resets.js";

/** A connection that was made with such credentials, and its other side. */
async function pair(): Promise<{ readonly near: Socket; readonly far: Socket }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  const [far] = await accepted;
  server.close();
  const connector = noticingResets(credentials.createInsecure())._createSecureConnector(
    { scheme: "dns", path: "localhost" },
    {},
  );
  const { socket: near } = await connector.connect(socket);
  near.on("error", () => undefined);
  return { near, far };
}

/** As Node leaves it when a write was the first to meet a reset: nobody reads from it any more. */
function deafen(socket: Socket): void {
  const { _handle: handle } = socket as unknown as { readonly _handle: { readStop(): void } };
  handle.readStop();
}

test("a connection that was reset is closed although nobody reads from it", async () => {
  const { near, far } = await pair();
  deafen(near);
  const closed = new Promise((resolve) => near.on("close", resolve));
  far.resetAndDestroy();
  assert.equal(await closed, true);
});

test("a connection that is open, or half closed, is left alone", async () => {
  const { near, far } = await pair();
  deafen(near);
  far.on("error", () => undefined).end("what came last");
  await new Promise((resolve) => setTimeout(resolve, 1_800));
  assert.equal(near.destroyed, false);
  near.destroy();
  far.destroy();
});

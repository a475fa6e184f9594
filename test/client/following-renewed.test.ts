/** Following past the end of a certificate: with the one that its files hold by then, or not at all. */
import assert from "node:assert/strict";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { Client } from "../../src/client/index.js";
import { TestAuthority } from "../support/certificates.js";
import { startTestNode } from "../support/test-node.js";
import { pemOf } from "./server.js";

/** As a tool would: no reader finds half of it. */
async function replace(path: string, content: string | Buffer): Promise<void> {
  await writeFile(`${path}.new`, content);
  await rename(`${path}.new`, path);
}

test("who follows goes on with a certificate that was renewed when its authority goes, and ends without one", async () => {
  await using node = await startTestNode();
  const { authority: old, address } = node;
  const [young, stranger] = [await TestAuthority.create(), await TestAuthority.create()];
  const trust = async (...authorities: readonly TestAuthority[]): Promise<void> => {
    await replace(node.config.tls.ca, authorities.map(({ caPem }) => caPem).join(""));
    await node.reloadCredentials();
  };
  const directory = await mkdtemp(join(tmpdir(), "aclog-client-"));
  try {
    const files = { ca: join(directory, "ca"), cert: join(directory, "cert"), key: join(directory, "key") };
    const use = async (authority: TestAuthority): Promise<void> => {
      const { cert, key } = pemOf(authority, { principal: "acme/root" });
      await Promise.all([replace(files.ca, old.caPem), replace(files.cert, cert), replace(files.key, key)]);
    };
    await trust(old, young);
    await use(old);
    await using client = Client.connect({ address, files });
    await using producer = Client.connect({ address, ...pemOf(young, { principal: "acme/root" }), ca: old.caPem });
    await producer.produce("zero", { topic: "orders" });
    const onWaiting = (): void => assert.fail("no server was gone");
    const [renewed, cutOff] = [0, 1].map(() => client.follow({ topic: "orders", onWaiting }));
    for (const records of [renewed!, cutOff!]) assert.equal((await records.next()).value?.offset, 0n);

    const next = renewed!.next();
    await use(young);
    await trust(young);
    await producer.produce("one", { topic: "orders" });
    assert.equal((await next).value?.offset, 1n);
    assert.equal((await cutOff!.next()).value?.offset, 1n);

    await trust(old, young);
    const same = assert.rejects(renewed!.next(), { codeName: "UNAUTHENTICATED" });
    await trust(old);
    await same;
    // Nor is it waited for a server that does not let in the next one either.
    await use(stranger);
    await assert.rejects(cutOff!.next(), { codeName: "UNAVAILABLE" });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

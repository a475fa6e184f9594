import assert from "node:assert/strict";
import { afterAll, beforeAll, test } from "vitest";
import { Client } from "../../src/client/index.js";
import { TestAuthority } from "../support/certificates.js";
import { Relay } from "./relay.js";
import { BareServer, pemOf } from "./server.js";

let authority: TestAuthority;
const servers: BareServer[] = [];

/** A server that answers with its number as the offset. */
async function startServer(number: bigint, options: { names?: readonly string[]; port?: number } = {}) {
  const handlers = {
    Produce: (_call: unknown, answer: (error: null, response: { offset: bigint; count: number }) => void) =>
      answer(null, { offset: number, count: 1 }),
    Consume: (_call: unknown, answer: (error: null, response: { highWaterMark: bigint }) => void) =>
      answer(null, { highWaterMark: number }),
  };
  const server = await BareServer.start(handlers, { authority, ...options });
  servers.push(server);
  return server;
}

beforeAll(async () => {
  authority = await TestAuthority.create();
});

afterAll(async () => {
  for (const server of servers) await server[Symbol.asyncDispose]();
});

function connect(...address: string[]): Client {
  return Client.connect({ address, ...pemOf(authority) });
}

/** How often each server answered. */
async function answers(client: Client, calls: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let call = 0; call < calls; call++) {
    const { highWaterMark } = await client.consume();
    counts[`${highWaterMark}`] = (counts[`${highWaterMark}`] ?? 0) + 1;
  }
  return counts;
}

/** Calls until every server has answered once: connections are made one after the other. */
async function allReached(client: Client, count: number): Promise<void> {
  for (const reached = new Set<bigint>(); reached.size < count;) reached.add((await client.consume()).highWaterMark);
}

test("calls go to one server after the other, each under the name that it is listed with", async () => {
  const byName = await startServer(1n, { names: ["localhost"] });
  const byAddress = await startServer(2n, { names: ["127.0.0.1"] });
  await using client = connect(`localhost:${byName.port}`, `127.0.0.1:${byAddress.port}`);
  await allReached(client, 2);
  assert.deepEqual(await answers(client, 10), { 1: 5, 2: 5 });
});

test("a server that has a certificate for another listed name only is passed over", async () => {
  const good = await startServer(1n, { names: ["localhost"] });
  // It shows what the first one would be believed for.
  const misnamed = await startServer(2n, { names: ["localhost"] });
  await using client = connect(`localhost:${good.port}`, `127.0.0.1:${misnamed.port}`);
  assert.deepEqual(await answers(client, 10), { 1: 10 });
  await using alone = connect(`127.0.0.1:${misnamed.port}`, `127.0.0.1:${misnamed.port}`);
  await assert.rejects(alone.consume(), { codeName: "UNAVAILABLE", details: /127\.0\.0\.1/ });
});

test("an address where nobody is fails no call while another lives, and joins in when somebody is", async () => {
  const gone = await startServer(1n);
  const living = await startServer(2n);
  await gone[Symbol.asyncDispose]();
  await using client = connect(`localhost:${gone.port}`, `localhost:${living.port}`);
  assert.deepEqual(await answers(client, 10), { 2: 10 });
  await startServer(3n, { port: gone.port });
  await allReached(client, 2);
});

test("calls go on over the other server when one of two goes away", async () => {
  const first = await startServer(1n);
  const second = await startServer(2n);
  await using client = connect(`localhost:${first.port}`, `localhost:${second.port}`);
  await allReached(client, 2);
  await first[Symbol.asyncDispose]();
  // What is sent before the loss is noticed is answered with it, once.
  await answers(client, 2).catch(() => undefined);
  assert.deepEqual(await answers(client, 10), { 2: 10 });
});

test("calls of produce keep to one server, and go on over the other one when it goes away", async () => {
  const servers = [await startServer(0n), await startServer(1n)];
  await using client = connect(...servers.map(({ port }) => `localhost:${port}`));
  await allReached(client, 2);
  const { offset } = await client.produce("v");
  for (let call = 0; call < 10; call++) assert.equal((await client.produce("v")).offset, offset);
  await servers[Number(offset)]![Symbol.asyncDispose]();
  // What is sent before the loss is noticed is answered with it, once.
  await client.produce("v").catch(() => undefined);
  assert.equal((await client.produce("v")).offset, 1n - offset);
});

test("a read that a server took along when it went is tried again at another one", async () => {
  const living = await BareServer.start(
    { Consume: (_call, answer) => answer(null, { highWaterMark: 2n }) },
    { authority },
  );
  let cuts = 0;
  const leaving = await BareServer.start(
    {
      Consume: () => {
        cuts++;
        relay.cut(leaving.port);
      },
    },
    { authority },
  );
  servers.push(living, leaving);
  await using relay = await Relay.start(leaving.port);
  await using client = connect(`localhost:${relay.port}`, `localhost:${living.port}`);
  while (cuts === 0) assert.equal((await client.consume()).highWaterMark, 2n);
});

test("with every server gone, a call fails with what the last attempt said", async () => {
  const [first, second] = [await startServer(1n), await startServer(2n)];
  await first[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
  await using client = connect(`localhost:${first.port}`, `127.0.0.1:${second.port}`);
  await assert.rejects(client.produce("v"), { codeName: "UNAVAILABLE", details: /ECONNREFUSED/ });
});

test("a list of addresses that is empty or has one without a port is a TypeError", () => {
  for (const [address, message] of [
    [[], /^address: expected at least one/],
    [["localhost:8400", "localhost"], /^address\[1\]: expected HOST:PORT/],
    [["localhost:8400", 5], /^address\[1\]: expected HOST:PORT.*got a number/],
  ] as const) {
    assert.throws(() => Client.connect({ address: address as never, ...pemOf(authority) }), {
      name: "TypeError",
      message,
    });
  }
});

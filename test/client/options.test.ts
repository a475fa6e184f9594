import assert from "node:assert/strict";
import { afterAll, beforeAll, test } from "vitest";
import { Client } from "../../src/client/index.js";
import { TestAuthority } from "../support/certificates.js";
import { pemOf } from "./server.js";

let client: Client;

beforeAll(async () => {
  client = Client.connect({ address: "localhost:1", ...pemOf(await TestAuthority.create()) });
});
afterAll(() => client.close());

/** What plain JavaScript lets pass. */
type Loose = (options: object) => Promise<unknown>;

const topicId = Buffer.alloc(16, 7);
const calls = {
  produce: (options) => client.produce("v", options),
  produceMany: (options) => client.produceMany([["v"]], options).next(),
  import: (options) => client.import([["v"]], options),
  consume: (options) => client.consume(options),
  follow: (options) => client.follow(options).next(),
  followBatches: (options) => client.followBatches(options).next(),
  "topics.create": (options) => client.topics.create("t", options),
  "topics.delete": (options) => client.topics.delete("t", options),
  "topics.describe": (options) => client.topics.describe("t", options),
  "topics.list": (options) => client.topics.list(options).next(),
  "topics.update": (options) => client.topics.update("t", { settings: {}, ...options }),
  "topics.truncate": (options) => client.topics.truncate("t", { before: 1n, ...options }),
  "offsets.commit": (options) => client.offsets.commit({ group: "g", offset: 1n, ...options }),
  "offsets.fetch": (options) => client.offsets.fetch({ group: "g", ...options }),
  "offsets.list": (options) => client.offsets.list(options).next(),
  "offsets.delete": (options) => client.offsets.delete({ group: "g", ...options }),
  "policy.status": (options) => client.policy.status(options),
  "policy.history": (options) => client.policy.history(options),
  "policy.files": (options) => client.policy.files(options),
  "policy.validate": (options) => client.policy.validate({}, options),
  "policy.activate": (options) => client.policy.activate({}, { basedOn: "v", ...options }),
  "policy.rollback": (options) => client.policy.rollback("v", { basedOn: "v", ...options }),
  "policy.test": (options) => client.policy.test(options),
  "policy.diff": (options) => client.policy.diff(options),
  "policy.why": (options) => client.policy.why({ decision: "id", ...options }),
  "policy.who": (options) => client.policy.who({ action: "produce", tenant: "acme", topic: "t", ...options }),
  "policy.what": (options) => client.policy.what(options),
} as const satisfies Record<string, Loose>;
type Method = keyof typeof calls;

const reason = new Error("nobody has to be called");
const ofCall = { signal: AbortSignal.abort(reason), timeoutMs: 1_000 };
const ofTopic = { ...ofCall, topic: "t", tenant: "acme", topicId };
const ofRead = { ...ofTopic, from: { time: new Date() }, maxRecords: 1, maxBytes: 1 };
const settings = { retentionMs: 1, retentionBytes: null, retentionRecords: undefined, compact: true };
const all: Readonly<Record<Method, object>> = {
  produce: { ...ofTopic, expectedOffset: 1n },
  produceMany: { ...ofTopic, expectedOffset: 1n, onWaiting: () => undefined },
  import: { ...ofTopic, expectedOffset: 1n, onProgress: () => undefined },
  consume: { ...ofRead, maxWaitMs: 1 },
  follow: ofRead,
  followBatches: ofRead,
  "topics.create": { ...ofCall, tenant: "acme", settings },
  "topics.delete": { ...ofCall, tenant: "acme", topicId },
  "topics.describe": { ...ofCall, tenant: "acme" },
  "topics.list": { ...ofCall, tenant: "acme", prefix: "t", pageSize: 1 },
  "topics.update": { ...ofCall, tenant: "acme", topicId, settings },
  "topics.truncate": { ...ofCall, tenant: "acme", topicId, before: 1n },
  "offsets.commit": { ...ofTopic, group: "g", offset: 1n },
  "offsets.fetch": { ...ofCall, group: "g", topic: "t", tenant: "acme" },
  "offsets.list": { ...ofCall, group: "g", topic: "t", tenant: "acme", pageSize: 1 },
  "offsets.delete": { ...ofCall, group: "g", topic: "t", tenant: "acme" },
  "policy.status": ofCall,
  "policy.history": { ...ofCall, pageSize: 1 },
  "policy.files": { ...ofCall, version: "v" },
  "policy.validate": ofCall,
  "policy.activate": { ...ofCall, basedOn: "v", overwrite: true },
  "policy.rollback": { ...ofCall, basedOn: "v", overwrite: true },
  "policy.test": { ...ofCall, files: {}, version: "v", tenant: "acme" },
  "policy.diff": { ...ofCall, files: {}, oldVersion: "v", newVersion: "v", tenant: "acme" },
  "policy.why": { ...ofCall, principal: "acme/billing", action: "produce", tenant: "acme", topic: "t" },
  "policy.who": { ...ofCall, action: "produce", tenant: "acme", topic: "t" },
  "policy.what": { ...ofCall, principal: "acme/billing", tenant: "acme" },
};

for (const [method, options] of Object.entries(all)) {
  const call: Loose = calls[method as Method];
  test(`${method} takes each of its options, and refuses one of another name before anything is sent`, async () => {
    await call(options).catch((error: unknown) => assert.equal(error, reason));
    await assert.rejects(call({ ...options, timoutMs: 5 }), {
      name: "TypeError",
      message: 'options: there is no option "timoutMs"; did you mean "timeoutMs"?',
    });
  });
}

const misspelt = [
  // method          options                             message
  ["produce", { topci: "orders" }, /^options: .* "topci"; did you mean "topic"\?$/],
  ["produce", { expectedOfset: 3n }, /did you mean "expectedOffset"\?$/],
  ["produce", { maxWaitMs: undefined }, /^options: there is no option "maxWaitMs"; /],
  ["follow", { maxWaitMs: 5 }, /^options: there is no option "maxWaitMs"/],
  ["follow", Object.create({ topci: "orders" }) as object, /"topci"/],
  ["consume", { from: { time: new Date(), tiem: 1 } }, /^from: .* "tiem"; did you mean "time"\?$/],
  ["topics.create", { retentionMS: 1000 }, /"retentionMS"; known are signal, timeoutMs, tenant, settings$/],
  ["topics.create", { settings: { retentionMS: 1000 } }, /^settings: .*; did you mean "retentionMs"\?$/],
  ["topics.update", { settings: { compct: undefined } }, /^settings: .*; did you mean "compact"\?$/],
  ["offsets.fetch", { ["x".repeat(1000)]: 1 }, /^options: there is no option "x{40}…"; known are [a-zA-Z, ]+$/],
] as const satisfies readonly (readonly [Method, object, RegExp])[];
for (const [method, options, message] of misspelt) {
  test(`${method} with an option that there is not: ${message.source}`, async () => {
    const call: Loose = calls[method];
    await assert.rejects(call(options), { name: "TypeError", message });
  });
}

test("connecting and closing know their options too", async () => {
  const pem = pemOf(await TestAuthority.create());
  const address = "localhost:1";
  for (const [options, message] of [
    [{ address, adress: 1, ...pem }, /^options: .* "adress"; did you mean "address"\?$/],
    [{ address, files: { ca: "a", cert: "b", key: "c", crt: "d" } }, /^files: .* "crt"; did you mean "cert"\?$/],
  ] as const) {
    assert.throws(() => Client.connect(options as never), { name: "TypeError", message });
  }
  const other = Client.connect({ address, ...pem, keepaliveMs: 5_000 });
  await assert.rejects(other.close({ gracMs: 1 } as never), {
    name: "TypeError",
    message: /did you mean "graceMs"\?$/,
  });
  await other.close({ graceMs: 0 });
});

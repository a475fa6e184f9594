import assert from "node:assert/strict";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { type ServerUnaryCall, type ServerWritableStream, type sendUnaryData } from "@grpc/grpc-js";
import { afterEach, beforeEach, test, vi } from "vitest";
import { Client, CredentialsError, type Pem } from "../../src/client/index.js";
import type { ConsumeRequestOutput } from "../../src/wire/generated/log/v1/ConsumeRequest.js";
import type { ConsumeResponse } from "../../src/wire/generated/log/v1/ConsumeResponse.js";
import type { ProduceRequestOutput } from "../../src/wire/generated/log/v1/ProduceRequest.js";
import type { ProduceResponse } from "../../src/wire/generated/log/v1/ProduceResponse.js";
import { TestAuthority, type IssueOptions } from "../support/certificates.js";
import { startTestNode } from "../support/test-node.js";
import { Relay } from "./relay.js";
import { BareServer, pemOf } from "./server.js";

const minuteMs = 60_000;
const topicId = Buffer.alloc(16, 7);

/** The clock by which the client decides when to look again, and how far that of certificates is ahead. */
let [monotonicMs, aheadMs] = [0, 0];
const now = Date.now.bind(Date);

beforeEach(() => {
  [monotonicMs, aheadMs] = [0, 0];
  vi.spyOn(performance, "now").mockImplementation(() => monotonicMs);
  vi.spyOn(Date, "now").mockImplementation(() => now() + aheadMs);
});
afterEach(() => vi.restoreAllMocks());

function passSeconds(seconds: number): void {
  monotonicMs += seconds * 1000;
}

/** For certificates only: deadlines and looking again go by other clocks. */
function passMinutes(minutes: number): void {
  aheadMs += minutes * minuteMs;
}

/** Answers each batch with who sent it, in the place of a topic id, and follows without an end. */
class Witness {
  readonly followed: ServerWritableStream<ConsumeRequestOutput, ConsumeResponse>[] = [];

  readonly handlers = {
    Produce: (call: ServerUnaryCall<ProduceRequestOutput, ProduceResponse>, answer: sendUnaryData<ProduceResponse>) => {
      const name = call.getAuthContext().sslPeerCertificate?.subject.CN;
      answer(null, { offset: 0n, count: 1, topicId: Buffer.from(String(name)) });
    },
    ConsumeStream: (call: ServerWritableStream<ConsumeRequestOutput, ConsumeResponse>) => {
      this.followed.push(call);
      call.write({ records: [{ offset: 0n }], topicId, highWaterMark: 1n });
    },
  };
}

async function whoCalls(client: Client): Promise<string> {
  return (await client.produce("v")).topicId.toString();
}

/** Certificate files that can be replaced as a tool would: written beside, then renamed. */
class Files implements AsyncDisposable {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async create(pem?: Pem): Promise<Files> {
    const files = new Files(await mkdtemp(join(tmpdir(), "aclog-client-")));
    if (pem !== undefined) await files.replace(pem);
    return files;
  }

  get paths(): { readonly ca: string; readonly cert: string; readonly key: string } {
    return { ca: join(this.directory, "ca"), cert: join(this.directory, "cert"), key: join(this.directory, "key") };
  }

  async replace(pem: Partial<Pem>): Promise<void> {
    for (const [name, content] of Object.entries(pem)) {
      const beside = join(this.directory, `.${name}`);
      await writeFile(beside, content);
      await rename(beside, join(this.directory, name));
    }
  }

  async remove(name: keyof Pem): Promise<void> {
    await rm(join(this.directory, name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true });
  }
}

test("new certificate files mean a new principal for new calls, with its rights and no others", async () => {
  await using node = await startTestNode();
  await using files = await Files.create(node.keysOf("acme/billing"));
  await using client = Client.connect({ address: node.address, files: files.paths });
  await client.produce("v", { topic: "orders" });
  await assert.rejects(client.consume({ topic: "orders" }), { reason: "PERMISSION_DENIED" });

  await files.replace(node.keysOf("acme/reports"));
  passSeconds(2);
  assert.equal((await client.consume({ topic: "orders" })).records.length, 1);
  await assert.rejects(client.produce("v", { topic: "orders" }), { reason: "PERMISSION_DENIED" });
});

test("what is under way goes on over the connection that it began on, which closes behind it", async () => {
  const witness = new Witness();
  await using server = await BareServer.start(witness.handlers);
  await using relay = await Relay.start(server.port);
  await using files = await Files.create(pemOf(server.authority));
  await using client = Client.connect({ address: `localhost:${relay.port}`, files: files.paths });
  const followed = client.follow();
  assert.equal((await followed.next()).value?.offset, 0n);

  await files.replace(pemOf(server.authority, { principal: "acme/reports" }));
  passSeconds(2);
  assert.equal(await whoCalls(client), "reports");
  assert.equal(relay.open, 2);
  witness.followed[0]!.write({ records: [{ offset: 1n }], topicId, highWaterMark: 2n });
  assert.equal((await followed.next()).value?.offset, 1n);

  await followed.return();
  await relay.reaches(1);
  assert.equal(await whoCalls(client), "reports");
});

test("a call whose connection is still being made when the certificate is replaced is made as whom it began", async () => {
  const witness = new Witness();
  await using server = await BareServer.start(witness.handlers);
  await using relay = await Relay.start(server.port);
  await using files = await Files.create(pemOf(server.authority));
  await using client = Client.connect({ address: `localhost:${relay.port}`, files: files.paths });
  const release = relay.hold();
  const before = whoCalls(client);
  await relay.reaches(1);
  await files.replace(pemOf(server.authority, { principal: "acme/reports" }));
  passSeconds(2);
  const after = whoCalls(client);
  release();
  assert.deepEqual(await Promise.all([before, after]), ["billing", "reports"]);
  assert.equal(relay.accepted, 2);
});

test("no call overtakes those that were made before, under the certificate that was replaced", async () => {
  const received: string[] = [];
  const answers: (() => void)[] = [];
  let [isHeld, arrived]: [boolean, () => void] = [false, () => undefined];
  await using server = await BareServer.start({
    Produce: ({ request }, answer) => {
      received.push(...request.records.map(({ value }) => value.toString()));
      const stored = { offset: BigInt(received.length - 1), count: request.records.length, topicId };
      if (isHeld) answers.push(() => answer(null, stored));
      else answer(null, stored);
      arrived();
    },
    Consume: (_call, answer) => answer(null, { topicId, highWaterMark: 0n }),
  });
  await using files = await Files.create(pemOf(server.authority));
  await using client = Client.connect({ address: `localhost:${server.port}`, files: files.paths });
  await client.produce("zero");
  isHeld = true;
  const calls: Promise<unknown>[] = [];
  // Two are on their way, and the third waits for their answers.
  for (const value of ["one", "two", "three"]) {
    calls.push(client.produce(value));
    await new Promise(setImmediate);
  }
  while (received.length < 3) await new Promise<void>((resolve) => (arrived = resolve));

  await files.replace(pemOf(server.authority, { principal: "acme/reports" }));
  passSeconds(2);
  calls.push(client.produce("four"));
  // The second of these is made, and answered, behind everything that the new connection was given before.
  for (let time = 0; time < 2; time++) await client.consume();
  isHeld = false;
  for (const answer of answers) answer();
  await Promise.all(calls);
  assert.deepEqual(received, ["zero", "one", "two", "three", "four"]);
});

test("files that cannot be used are told of once, and again when they are others that cannot", async () => {
  await using server = await BareServer.start(new Witness().handlers);
  await using files = await Files.create(pemOf(server.authority));
  const told: string[] = [];
  const onUnusable = ({ message }: Error): number => told.push(message);
  await using client = Client.connect({
    address: `localhost:${server.port}`,
    files: { ...files.paths, onUnusable },
  });
  const good = pemOf(server.authority, { principal: "acme/reports" });
  const [empty, bad] = [
    "key: expected PEM as text or bytes, got nothing",
    "key: this is not a private key without a passphrase in PEM",
  ];
  const steps = [
    [{}, "billing", []],
    [{ key: "" }, "billing", [empty]],
    [{ cert: good.cert }, "billing", [empty]],
    [{ key: "x" }, "billing", [empty, bad]],
    [{ key: good.key }, "reports", [empty, bad]],
    [{ key: "x" }, "reports", [empty, bad, bad]],
  ] as const;
  for (const [pem, who, messages] of steps) {
    await files.replace(pem);
    passSeconds(2);
    assert.equal(await whoCalls(client), who);
    assert.deepEqual(told, messages);
  }
});

test("files are looked at again after two seconds, and as long as they stay the same so does the connection", async () => {
  const witness = new Witness();
  await using server = await BareServer.start(witness.handlers);
  await using relay = await Relay.start(server.port);
  await using files = await Files.create(pemOf(server.authority));
  await using client = Client.connect({ address: `localhost:${relay.port}`, files: files.paths });
  assert.equal(await whoCalls(client), "billing");
  passSeconds(2);
  assert.equal(await whoCalls(client), "billing");
  assert.equal(relay.accepted, 1);
  await files.replace(pemOf(server.authority, { principal: "acme/reports" }));
  passSeconds(1.9);
  assert.equal(await whoCalls(client), "billing");
  passSeconds(0.2);
  assert.equal(await whoCalls(client), "reports");
});

test("of a pair that is half replaced the old one is used, until the other half is there", async () => {
  const witness = new Witness();
  await using server = await BareServer.start(witness.handlers);
  await using files = await Files.create(pemOf(server.authority));
  await using client = Client.connect({ address: `localhost:${server.port}`, files: files.paths });
  assert.equal(await whoCalls(client), "billing");
  const { cert, key } = pemOf(server.authority, { principal: "acme/reports" });
  await files.replace({ cert });
  passSeconds(2);
  assert.equal(await whoCalls(client), "billing");
  await files.replace({ key });
  passSeconds(2);
  assert.equal(await whoCalls(client), "reports");
});

test("a missing file is a CredentialsError in the call, and none while the certificate that was read is valid", async () => {
  const witness = new Witness();
  await using server = await BareServer.start(witness.handlers);
  await using files = await Files.create();
  await using client = Client.connect({ address: `localhost:${server.port}`, files: files.paths });
  await assert.rejects(client.produce("v"), (error) => {
    assert.ok(error instanceof CredentialsError);
    assert.match(error.message, /^no certificates to call with: ENOENT/);
    assert.equal((error.cause as NodeJS.ErrnoException).code, "ENOENT");
    return true;
  });
  await files.replace(pemOf(server.authority, { notAfter: new Date(Date.now() + 60 * minuteMs) }));
  assert.equal(await whoCalls(client), "billing");

  await files.remove("cert");
  passSeconds(2);
  assert.equal(await whoCalls(client), "billing");
  passMinutes(61);
  await assert.rejects(client.produce("v"), CredentialsError);
  await assert.rejects(client.follow().next(), CredentialsError);
});

/** Gives one certificate after the other, and notes how often it was asked. */
function giving(...certificates: readonly Pem[]): { readonly credentials: () => Promise<Pem>; asked: number } {
  const source = {
    asked: 0,
    credentials: async () => certificates[Math.min(source.asked++, certificates.length - 1)]!,
  };
  return source;
}

const lives = [
  // minutes  of its life before the end
  [40, 4],
  [1000, 5],
] as const;
for (const [minutes, margin] of lives) {
  test(`a certificate of ${minutes} minutes is asked for again ${margin} minutes before its end`, async () => {
    const witness = new Witness();
    await using server = await BareServer.start(witness.handlers);
    const start = Math.floor(Date.now() / 1000) * 1000;
    const life: Partial<IssueOptions> = {
      notBefore: new Date(start),
      notAfter: new Date(start + minutes * minuteMs),
    };
    const source = giving(
      pemOf(server.authority, life),
      pemOf(server.authority, { principal: "acme/reports", ...life }),
    );
    await using client = Client.connect({ address: `localhost:${server.port}`, credentials: source.credentials });
    assert.equal(source.asked, 0);
    assert.deepEqual(await Promise.all([whoCalls(client), whoCalls(client)]), ["billing", "billing"]);
    assert.equal(source.asked, 1);
    passSeconds(2);
    passMinutes(minutes - margin - 0.1);
    assert.equal(await whoCalls(client), "billing");
    assert.equal(source.asked, 1);
    passMinutes(0.2);
    assert.equal(await whoCalls(client), "reports");
    assert.equal(source.asked, 2);
  });
}

test("a function is asked again after a connection failed, and at most every two seconds", async () => {
  const witness = new Witness();
  await using server = await BareServer.start(witness.handlers);
  const stranger = await TestAuthority.create();
  const { cert, key } = pemOf(stranger);
  const source = giving({ ca: server.authority.caPem, cert, key }, pemOf(server.authority));
  await using client = Client.connect({ address: `localhost:${server.port}`, credentials: source.credentials });
  await assert.rejects(client.produce("v"), { codeName: "UNAVAILABLE" });
  await assert.rejects(client.produce("v"), { codeName: "UNAVAILABLE" });
  assert.equal(source.asked, 1);
  passSeconds(2);
  assert.equal(await whoCalls(client), "billing");
  passSeconds(2);
  assert.equal(await whoCalls(client), "billing");
  assert.equal(source.asked, 2);
});

test("the same certificate given again keeps the connection", async () => {
  const witness = new Witness();
  await using server = await BareServer.start(witness.handlers);
  await using relay = await Relay.start(server.port);
  const pem = pemOf(server.authority, { notAfter: new Date(Date.now() + 60 * minuteMs) });
  const source = giving(pem, { ca: Buffer.from(pem.ca), cert: Buffer.from(pem.cert), key: Buffer.from(pem.key) });
  await using client = Client.connect({ address: `localhost:${relay.port}`, credentials: source.credentials });
  await whoCalls(client);
  passSeconds(2);
  passMinutes(57);
  await whoCalls(client);
  assert.deepEqual([source.asked, relay.accepted], [2, 1]);
});

const failures = [
  // what the function does                says
  ["throws", () => Promise.reject(new Error("the vault is sealed")), /^no certificates .*: the vault is sealed$/],
  ["gives nothing", () => undefined, /credentials: expected \{ ca, cert, key \}, got undefined$/],
  ["gives no key", () => ({ ca: "ca", cert: "cert" }), /key: expected PEM as text or bytes, got undefined$/],
  ["gives no PEM", () => ({ ca: "ca", cert: "cert", key: "key" }), /^no certificates to call with: ca: this is not a/],
] as const;
for (const [what, credentials, message] of failures) {
  test(`a function that ${what} is a CredentialsError in the call`, async () => {
    await using client = Client.connect({ address: "localhost:8400", credentials: credentials as never });
    await assert.rejects(client.produce("v"), { name: "CredentialsError", message });
    await assert.rejects(client.import([["v"]]), { name: "CredentialsError" });
  });
}

test("a function that never answers is waited for until the deadline, or until the call is aborted", async () => {
  const never = () => new Promise<Pem>(() => undefined);
  await using client = Client.connect({ address: "localhost:8400", credentials: never });
  await assert.rejects(client.produce("v", { timeoutMs: 20 }), { codeName: "DEADLINE_EXCEEDED" });
  const aborting = new AbortController();
  const aborted = client.produce("v", { signal: aborting.signal });
  aborting.abort(new Error("enough"));
  await assert.rejects(aborted, { message: "enough" });
  const followed = client.follow({ signal: AbortSignal.timeout(20) });
  assert.deepEqual(await followed.next(), { value: undefined, done: true });
});

test("certificates in more than one way, or in none, are a TypeError", async () => {
  const address = "localhost:8400";
  const pem = pemOf(await TestAuthority.create());
  const files = { ca: "ca", cert: "cert", key: "key" };
  const credentials = () => pem;
  for (const [options, message] of [
    [{ address, ...pem, files }, /^options: expected one of/],
    [{ address, files, credentials }, /^options: expected one of/],
    [{ address, ca: pem.ca, credentials }, /^options: expected one of/],
    [{ address }, /^ca: expected PEM/],
    [{ address, files: "certs" }, /^files: expected an object, got "certs"/],
    [{ address, files: { ...files, key: undefined } }, /^files\.key: expected text/],
    [{ address, credentials: pem }, /^credentials: expected a function/],
    [null, /^options: expected an object/],
  ] as const) {
    assert.throws(() => Client.connect(options as never), { name: "TypeError", message });
  }
  for (const keepaliveMs of [0, 999, NaN, Infinity]) {
    assert.throws(() => Client.connect({ address, ...pem, keepaliveMs }), {
      name: "RangeError",
      message: /^keepaliveMs/,
    });
  }
});

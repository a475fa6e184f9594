/** A sample of the same with the server itself, by the public contract only. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CallError } from "../../src/client/index.js";
import { type TestNode, startTestNode } from "../support/test-node.js";
import { compileShim } from "./shim.js";
import { Shimmed } from "./shimmed.js";

let files: TestNode;
let directory: string;
let library: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "aclog-faults-"));
  library = await compileShim(directory);
  files = await startTestNode();
});
afterAll(async () => {
  await files[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const calm = "any any 0 EIO once";
const topics = [
  ["acme/root", "orders"],
  ["acme/root", "bills"],
  ["globex/root", "orders"],
] as const;

/** What callers were told, by the number of a topic: values by offset. */
class Told {
  readonly acked = topics.map(() => new Map<number, string>());
  readonly #attempted = topics.map(() => new Set<string>());
  #count = 0;

  /** Produces to each topic at the same time; resolves with what each was refused with. */
  async produce(server: Shimmed, timeoutMs = 20_000): Promise<(CallError | undefined)[]> {
    const sent = topics.map(async ([principal, topic], number) => {
      const values = [0, 1].map((index) => `${topic} ${this.#count++} ${index} `.padEnd(700, "."));
      for (const value of values) this.#attempted[number]!.add(value);
      try {
        const { offset } = await server.as(principal).produce(values, { topic, timeoutMs });
        for (const [index, value] of values.entries()) this.acked[number]!.set(Number(offset) + index, value);
        return undefined;
      } catch (error) {
        if (error instanceof CallError) return error;
        throw error;
      }
    });
    return Promise.all(sent);
  }

  /** Everything that was acknowledged is there; whatever else is there was sent, comes once, and is whole. */
  async check(server: Shimmed): Promise<void> {
    for (const [number, [principal, topic]] of topics.entries()) {
      const read = await server
        .as(principal)
        .consume({ topic, from: "earliest", maxRecords: 10_000, maxBytes: 3 << 20 });
      const values = read.records.map(({ value }) => value.toString());
      expect(read.records.map(({ offset }) => Number(offset))).toEqual(values.map((_, index) => index));
      for (const [offset, value] of this.acked[number]!) expect(values[offset]).toBe(value);
      expect(new Set(values).size).toBe(values.length);
      expect(values.filter((value) => !this.#attempted[number]!.has(value))).toEqual([]);
      expect(values.length % 2).toBe(0);
    }
  }
}

interface Serving extends AsyncDisposable {
  readonly server: Shimmed;
  readonly told: Told;
  /** The same data without the shim. */
  readonly restart: () => Promise<Shimmed>;
}

/** A server with a few records, under the shim. */
async function serving(name: string): Promise<Serving> {
  const where = { files, data: join(directory, name) };
  const server = new Shimmed(where, { library, rule: calm });
  expect(await server.serves(), server.log).toBe(true);
  const told = new Told();
  for (let round = 0; round < 3; round++) expect(await told.produce(server)).toEqual([undefined, undefined, undefined]);
  const restart = async (): Promise<Shimmed> => {
    const again = new Shimmed(where);
    expect(await again.serves(), again.log).toBe(true);
    return again;
  };
  return { server, told, restart, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

const isLong = (process.env["FAULTS"] ?? "") !== "";

describe.each([
  ["sync journal 2 EIO+drop once", "SIGKILL"],
  ["write journal 2 EIO once", "SIGTERM"],
  ...(isLong
    ? ([
        ["sync journal 1 EIO once", "SIGTERM"],
        ["sync journal 2 ENOSPC+drop once", "SIGKILL"],
        ["write journal 1 ENOSPC on", "SIGKILL"],
      ] as const)
    : []),
] as const)("%s, then %s", (rule, signal) => {
  test("ends acknowledgement until the next start, and reading goes on", async () => {
    await using open = await serving(rule.replaceAll(" ", "-"));
    const { server, told, restart } = open;
    await server.arm(rule);
    let refused: (CallError | undefined)[] = [];
    while (!refused.some((error) => error !== undefined)) {
      // It may have struck a file that is only being prepared for the journal: another one takes its place then.
      if ((await server.state()).injected > 0) await server.arm(rule);
      refused = await told.produce(server, 1_500);
    }
    await server.arm(calm);
    const known = told.acked.map(({ size }) => size);
    // Within its time, each call is tried many times.
    for (const error of await told.produce(server, 1_500)) {
      expect([error?.codeName, error?.reason]).toEqual(["UNAVAILABLE", "JOURNAL_FAILED"]);
    }
    expect(told.acked.map(({ size }) => size)).toEqual(known);
    expect((await server.state()).retried).toBe(0);
    await told.check(server);
    expect(await server.readiness()).toMatchObject({ status: 503, text: expect.stringContaining("journal") as string });
    expect(server.log.match(/nothing is acknowledged until a restart/g)).toHaveLength(1);
    await server.end(signal);

    await using next = await restart();
    await told.check(next);
    expect(await told.produce(next)).toEqual([undefined, undefined, undefined]);
  });
});

test("a disk that is full refuses by its name, and once there is room all goes on by itself", async () => {
  await using open = await serving("full");
  const { server, told, restart } = open;
  await server.arm("open+write+mkdir+rename+truncate any 1 ENOSPC on");
  const created = await server
    .as("acme/root")
    .topics.create("new")
    .then(
      () => undefined,
      (error: unknown) => error as CallError,
    );
  expect([created?.codeName, created?.reason]).toEqual(["RESOURCE_EXHAUSTED", "STORAGE_FULL"]);
  await server.arm(calm);
  await server.as("acme/root").topics.create("new");
  expect(await told.produce(server)).toEqual([undefined, undefined, undefined]);
  await server.end("SIGKILL");
  await using next = await restart();
  await told.check(next);
});

test("without descriptors a new topic is refused by its name, and once there are some all goes on by itself", async () => {
  await using open = await serving("descriptors");
  const { server, told, restart } = open;
  await server.arm("open any 1 EMFILE on");
  const created = await server
    .as("globex/root")
    .topics.create("new")
    .then(
      () => undefined,
      (error: unknown) => error as CallError,
    );
  expect([created?.codeName, created?.reason]).toEqual(["RESOURCE_EXHAUSTED", "STORAGE_FULL"]);
  expect(await told.produce(server)).toEqual([undefined, undefined, undefined]);
  await server.arm(calm);
  await server.as("globex/root").topics.create("new");
  await server.end("SIGKILL");
  await using next = await restart();
  await told.check(next);
});

test("killed in the midst of a write to the journal, the next start has everything that was answered", async () => {
  await using open = await serving("killed");
  const { server, told, restart } = open;
  await server.arm("write journal 3 kill-half once");
  const ended = server.end();
  while ((await server.state()).injected === 0) await told.produce(server);
  expect(await ended).toBe("SIGKILL");
  await using next = await restart();
  await told.check(next);
});

describe.each([
  "open any 4 EMFILE on",
  "sync any 2 EIO once",
  ...(isLong ? ["write any 3 EIO on", "rename any 1 EROFS on"] : []),
])("a start with %s", (rule) => {
  test("is refused with a message, and leaves nothing that is in the way of the next one", async () => {
    const where = { files, data: join(directory, `start ${rule}`.replaceAll(" ", "-")) };
    await using server = new Shimmed(where, { library, rule });
    expect(await server.serves()).toBe(false);
    expect(await server.end()).toBe(1);
    expect(server.log).toMatch(/cannot keep data in|the data directory .* cannot be used: E/);
    expect(server.log).not.toMatch(/ at .*\.js:\d+/);
    await using next = new Shimmed(where);
    expect(await next.serves(), next.log).toBe(true);
    const told = new Told();
    expect(await told.produce(next)).toEqual([undefined, undefined, undefined]);
    await told.check(next);
  });
});

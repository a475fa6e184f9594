import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Client } from "../../src/client/index.js";
import { ServedProcess } from "../support/served-process.js";
import { startTestNode } from "../support/test-node.js";

const cycles = 6;

test(
  `what was acknowledged or read survives ${cycles} kills under load, and SIGTERM ends the process by itself`,
  { timeout: 180_000 },
  async () => {
    // Lends its certificates and its policy.
    await using files = await startTestNode();
    const directory = await mkdtemp(join(tmpdir(), "aclog-crash-"));
    try {
      /** By topic: what is known to be at an offset. */
      const known = new Map<string, Map<bigint, string>>();
      const note = (topic: string, offset: bigint, value: string): void => {
        const records = known.get(topic) ?? new Map<bigint, string>();
        known.set(topic, records);
        // An offset never holds anything else, in this life or in the next.
        expect(records.get(offset) ?? value).toBe(value);
        records.set(offset, value);
      };
      for (let cycle = 0; cycle < cycles; cycle++) {
        const server = await ServedProcess.start(files, join(directory, "data"));
        const connect = (): Client => Client.connect({ address: server.address, ...files.keysOf("acme/root") });
        const clients = [connect(), connect(), connect()];
        await checkAll(clients[0]!, known);
        let acknowledged = 0;
        const enough = deferred();
        const load = clients.flatMap((client, number) => [
          unary(client, `unary.${number}`, `${cycle}`, (...record) => (note(...record), ++acknowledged)),
          ...Array.from({ length: 8 }, (_, caller) => unary(client, `packed.${number}`, `${cycle}.${caller}`, note)),
          streamed(client, `streamed.${number}`, cycle, (...record) => {
            note(...record);
            if (++acknowledged >= 300) enough.resolve(undefined);
          }),
          follow(client, `streamed.${number}`, note),
        ]);
        await Promise.race([enough.promise, Promise.all(load)]);
        await server.end("SIGKILL");
        // What is under way has no answer to wait for.
        for (const client of clients) await client.close();
        await Promise.all(load);
        expect(acknowledged).toBeGreaterThanOrEqual(300);
      }
      const server = await ServedProcess.start(files, join(directory, "data"));
      const client = Client.connect({ address: server.address, ...files.keysOf("acme/root") });
      await checkAll(client, known);
      expect(await server.end("SIGTERM")).toBe(0);
      await client.close();
    } finally {
      await rm(directory, { recursive: true });
    }
  },
);

type Note = (topic: string, offset: bigint, value: string) => void;

/** These go on until the server is gone. */
async function unary(client: Client, topic: string, name: string, note: Note): Promise<void> {
  try {
    for (let count = 0; ; count++) {
      const values = [0, 1].map((index) => `${topic}:${name}:${count}:${index}`);
      const { offset } = await client.produce(values, { topic });
      for (const [index, value] of values.entries()) note(topic, offset + BigInt(index), value);
    }
  } catch {
    // The end that was made for it.
  }
}

async function streamed(client: Client, topic: string, cycle: number, note: Note): Promise<void> {
  const sent: string[] = [];
  function* batches(): Generator<string[]> {
    for (let count = 0; ; count++) {
      sent.push(`${topic}:${cycle}:${count}`);
      yield [sent[count]!.padEnd(count % 3000, ".")];
    }
  }
  let answers = 0;
  try {
    for await (const { offset } of client.produceMany(batches(), { topic })) {
      note(topic, offset, sent[answers]!.padEnd(answers % 3000, "."));
      answers++;
    }
  } catch {
    // The end that was made for it.
  }
}

async function follow(client: Client, topic: string, note: Note): Promise<void> {
  try {
    for await (const { offset, value } of client.follow({ topic, from: "latest" }))
      note(topic, offset, value.toString());
  } catch {
    // The topic is not there yet, or the end that was made for it.
  }
}

async function checkAll(client: Client, known: ReadonlyMap<string, ReadonlyMap<bigint, string>>): Promise<void> {
  for (const [topic, records] of known) {
    let next = 0n;
    let found = 0;
    for (let end = 1n; next < end;) {
      const read = await client.consume({ topic, from: next, maxRecords: 10_000, maxBytes: 3 << 20 });
      end = read.highWaterMark;
      for (const { offset, value } of read.records) {
        expect(offset).toBe(next++);
        const wanted = records.get(offset);
        if (wanted === undefined) continue;
        if (wanted !== value.toString()) expect.fail(`${topic} at ${offset}: ${value.toString()} instead of ${wanted}`);
        found++;
      }
    }
    expect(found, topic).toBe(records.size);
  }
}

function deferred(): { promise: Promise<unknown>; resolve: (value: unknown) => void } {
  let resolve: (value: unknown) => void = () => undefined;
  const promise = new Promise<unknown>((settle) => (resolve = settle));
  return { promise, resolve };
}

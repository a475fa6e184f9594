import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { append, openStore, readValues, temporaryDirectory } from "../support/log-harness.js";

const mebibyte = 1024 * 1024;
const options = { journalFileBytes: 8 * mebibyte, journalFiles: 4, segmentBytes: 64 * mebibyte, openFiles: 256 };

/** Counts what is written to segments, by all stores of this process. */
async function segmentWrites(directory: string): Promise<{ readonly calls: unknown[] }> {
  await using file = await open(join(directory, "any"), "w");
  return vi.spyOn(Object.getPrototypeOf(file) as FileHandle, "writev").mock;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("what is written behind the answer", () => {
  test("waits for company while there is memory, and is read from there, whatever number of topics it belongs to", async () => {
    await using directory = await temporaryDirectory();
    const data = join(directory.path, "data");
    const { calls } = await segmentWrites(directory.path);
    const values = (topic: number, count: number): string[] =>
      Array.from({ length: count }, (_, round) => `${topic}/${round}/${"x".repeat(100)}`);
    const topics = 100;
    const rounds = 60;
    {
      await using open = await openStore(data, { ...options, pendingBytes: mebibyte });
      const logs = await Promise.all(
        Array.from({ length: topics }, (_, topic) => open.store.open("acme", `topic.${topic}`)),
      );
      let before = 0;
      for (let round = 0; round < rounds; round++) {
        await Promise.all(logs.map((log, topic) => append(log, values(topic, rounds)[round]!)));
        if (round === 10) before = calls.length;
      }
      expect(before, "a fifth of the memory is used").toBe(0);
      // Some 1.4 MiB went through a memory of half a mebibyte.
      expect(calls.length).toBeGreaterThan(0);
      expect(calls.length).toBeLessThanOrEqual(6 * topics);
      for (const [topic, log] of logs.entries()) expect(await readValues(log)).toEqual(values(topic, rounds));
    }
    await using open = await openStore(data, options);
    for (const log of open.store.topics("acme")) {
      expect(await readValues(log)).toEqual(values(Number(log.topic.slice(6)), rounds));
    }
  });

  test("is written at once where there is much of it, though there is memory for more", async () => {
    await using directory = await temporaryDirectory();
    const { calls } = await segmentWrites(directory.path);
    await using open = await openStore(join(directory.path, "data"), { ...options, pendingBytes: 32 * mebibyte });
    const log = await open.store.open("acme", "orders");
    for (let n = 0; n < 3; n++) await append(log, Buffer.alloc(500_000, n));
    await vi.waitFor(() => expect(calls.length).toBe(1));
    await append(log, "last");
    expect(calls.length).toBe(1);
    expect((await readValues(log)).map(({ length }) => length)).toEqual([500_000, 500_000, 500_000, 4]);
  });
});

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { FileStore } from "../../src/log/file-store.js";
import { type DumpedCommit, dumpFile, repair, verify } from "../../src/repair/index.js";
import { openStore, temporaryDirectory, valuesBatch } from "../support/log-harness.js";
import { directoryIn, flip } from "./directory.js";

async function send(store: FileStore, sequence: bigint): Promise<bigint> {
  const log = await store.open("acme", "orders");
  const producer = { principal: "acme/billing", id: "p", epoch: 0, sequence };
  return (await (await log.append(valuesBatch(`value ${sequence}`), { producer })).durable).offset;
}

test("a producer goes on where it was after a repair: what is there is known again, and nothing is stored twice", async () => {
  await using directory = await temporaryDirectory();
  const data = directory.path;
  {
    await using open = await openStore(data);
    for (let n = 0n; n < 20n; n++) expect(await send(open.store, n)).toBe(n);
  }
  // So that the journal begins anew, and all of the topic is written anew.
  await rm(join(data, "journal", "checkpoint"));
  await flip(join(await directoryIn(data, "orders"), "00000000000000000000.log"), 1);
  expect((await repair(data, { yes: true })).isDone).toBe(true);
  expect((await verify(data)).ok).toBe(true);
  await using open = await openStore(data);
  expect(await send(open.store, 19n)).toBe(19n);
  expect(await send(open.store, 20n)).toBe(20n);
});

test("a dump shows which producers a commit is from", async () => {
  await using directory = await temporaryDirectory();
  const data = directory.path;
  {
    await using open = await openStore(data);
    for (let n = 0n; n < 3n; n++) await send(open.store, n);
  }
  const commits: DumpedCommit[] = [];
  for await (const part of dumpFile(join(await directoryIn(data, "orders"), "00000000000000000000.log"))) {
    if (part.type === "commit") commits.push(part);
  }
  expect(commits.flatMap(({ producers }) => producers?.batches ?? [])).toMatchObject(
    [0n, 1n, 2n].map((n) => ({
      producer: { principal: "acme/billing", id: "p", epoch: 0, sequence: n },
      count: 1,
      offset: n,
    })),
  );
});

/** All of a topic in one segment. */
const big = { segmentBytes: 1024 * 1024, pendingBytes: 512 * 1024 };

/** Sends batches of five records each, of one producer; gives their offsets, or why they are refused. */
async function sendBatches(data: string, numbers: readonly bigint[]): Promise<string[]> {
  await using open = await openStore(data, big);
  const log = await open.store.open("acme", "orders");
  const answers: string[] = [];
  for (const n of numbers) {
    const producer = { principal: "acme/billing", id: "p", epoch: 0, sequence: 5n * n };
    const values = Array.from({ length: 5 }, (_, each) => `value ${5n * n + BigInt(each)}`);
    try {
      answers.push(`${(await (await log.append(valuesBatch(...values), { producer })).durable).offset}`);
    } catch (error) {
      answers.push((error as Error).name);
    }
  }
  return answers;
}

/** Where the commits of a file begin. */
async function commitsIn(path: string): Promise<number[]> {
  const positions: number[] = [];
  for await (const part of dumpFile(path)) if (part.type === "commit") positions.push(part.position);
  return positions;
}

for (const [what, damaged, early] of [
  ["the second commit", 1, "485"],
  ["the one before the last", 98, "ProducerSequenceForgotten"],
] as const) {
  test(`what is known of producers outlives ${what}: nothing that is there is stored again`, async () => {
    await using directory = await temporaryDirectory();
    const data = directory.path;
    await sendBatches(
      data,
      Array.from({ length: 100 }, (_, n) => BigInt(n)),
    );
    // Another start lets go of the journal, from which a repair could bring everything back.
    await sendBatches(data, []);
    const segment = join(await directoryIn(data, "orders"), "00000000000000000000.log");
    await flip(segment, (await commitsIn(segment))[damaged]! + 80);
    const { losses, unknown } = await repair(data, { yes: true });
    expect(losses.map(({ loss }) => [loss.from, loss.to])).toEqual([[BigInt(5 * damaged), BigInt(5 * damaged + 5)]]);
    expect(unknown.join("\n")).toMatch(/acme\/orders .*which batches of producers were in what is gone/);
    expect(await sendBatches(data, [99n, 97n, 100n, 99n])).toEqual(["495", early, "500", "495"]);
  });
}

test("where damage may have taken what is said of a batch that is there, producers are refused, and a repair says so", async () => {
  await using directory = await temporaryDirectory();
  const data = directory.path;
  await sendBatches(data, [0n, 1n]);
  {
    await using open = await openStore(data, big);
    const log = await open.store.open("acme", "orders");
    await (
      await log.append(valuesBatch("of no producer"), {})
    ).durable;
  }
  await sendBatches(data, [2n]);
  await sendBatches(data, []);
  const segment = join(await directoryIn(data, "orders"), "00000000000000000000.log");
  // In a group of several commits only the last one says which batches of producers they are.
  await flip(segment, (await commitsIn(segment))[3]! + 80);
  const { unknown } = await repair(data, { yes: true });
  expect(unknown.join("\n")).toMatch(/acme\/orders .*all producers are refused there with RECORD_CORRUPT/);
  expect(await sendBatches(data, [1n, 2n])).toEqual(["RecordCorrupt", "RecordCorrupt"]);
});

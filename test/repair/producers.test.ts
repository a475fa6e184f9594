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

import { readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { repair, verify } from "../../src/repair/index.js";
import { appendAll, openStore, temporaryDirectory } from "../support/log-harness.js";
import { flip, makePlace, valueOf } from "./directory.js";

for (const how of ["stopped", "killed"] as const) {
  test(`a directory of a server that was ${how} is sound, and is left as it was`, async () => {
    await using place = await makePlace(how);
    const report = await verify(place.data);
    expect(report.findings).toEqual([]);
    expect(report.counts.topics).toBe(3);
    expect(report.ok).toBe(true);
  });
}

test("what a server writes, seals, compacts and deletes meanwhile is no finding", async () => {
  await using directory = await temporaryDirectory();
  await using open = await openStore(directory.path);
  let running = true;
  const produce = async (name: string): Promise<void> => {
    const log = await open.store.open("acme", name, { compact: name === "keyed", retentionRecords: 50 } as never);
    for (let n = 0; running; n++) await appendAll(log, [valueOf(n), valueOf(n + 1)]);
  };
  const churn = async (): Promise<void> => {
    while (running) {
      const log = await open.store.open("acme", "brief");
      await appendAll(log, [valueOf(3)]);
      await open.store.delete(log);
      await open.store.maintain();
    }
  };
  const work = Promise.all([produce("orders"), produce("small"), produce("keyed"), churn()]);
  const found = [];
  try {
    for (let round = 0; round < 120; round++) {
      const { findings } = await verify(directory.path);
      found.push(...findings.filter(({ severity }) => severity !== "note"));
    }
  } finally {
    running = false;
    await work;
  }
  expect(found).toEqual([]);
}, 60_000);

test("one topic is not called sound where what all of them stand on is damaged", async () => {
  await using place = await makePlace("killed");
  const journal = join(place.data, "journal");
  const [file] = (await readdir(journal)).filter((name) => name.endsWith(".wal")).sort();
  const small = basename(await place.directoryOf("small"));
  const damages: readonly (readonly [string, (data: string) => Promise<void>])[] = [
    ["JOURNAL", (data) => flip(join(data, "journal", file!), 4096 + 10)],
    ["CHECKPOINT", (data) => rm(join(data, "journal", "checkpoint"))],
    ["TOPIC_DIRECTORY", (data) => rm(join(data, "tenants", "acme", "topics", small), { recursive: true })],
  ];
  for (const [kind, damage] of damages) {
    const data = await place.copy();
    await damage(data);
    for (const filter of [{ topic: "orders" }, { tenant: "acme" }, { topic: "orders", tenant: "acme" }]) {
      const { ok, findings } = await verify(data, filter);
      expect([ok, findings.some((finding) => finding.kind === kind)]).toEqual([false, true]);
    }
  }
  const data = await place.copy();
  await rm(join(data, "tenants", "acme", "topics", small), { recursive: true });
  expect((await verify(data, { topic: small })).ok).toBe(false);
  await expect(verify(data, { topic: "orderz" })).rejects.toThrow("orders");
});

test("a topic whose directory is missing is a loss, of all its offsets", async () => {
  await using place = await makePlace("stopped");
  const directory = await place.directoryOf("small");
  await rm(directory, { recursive: true });
  const { losses, steps } = await repair(place.data, { yes: false });
  const next = BigInt(place.stored["small"]!.length);
  expect(losses.map(({ topic, loss }) => [topic.topicId, loss.from, loss.to])).toEqual([
    [basename(directory), 0n, next],
  ]);
  expect(steps.map(({ does }) => does).join("\n")).toContain(`its last offset was ${next - 1n}`);
});

test("where the journal is missing, nobody says that nothing is lost", async () => {
  await using place = await makePlace("killed");
  const journal = join(place.data, "journal");
  for (const name of await readdir(journal)) if (name.endsWith(".wal")) await rm(join(journal, name));
  const { unknown, isLossKnown, steps } = await repair(place.data, { yes: false });
  expect(isLossKnown).toBe(false);
  expect(unknown.join("\n")).toMatch(
    /the journal from group \d+ on is missing: records that were only there are lost, and how many cannot be known/,
  );
  expect(steps.map(({ does }) => does).join("\n")).not.toContain("in the segments then");
});

import { expect, test } from "vitest";
import { verify } from "../../src/repair/index.js";
import { appendAll, openStore, temporaryDirectory } from "../support/log-harness.js";
import { makePlace, valueOf } from "./directory.js";

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

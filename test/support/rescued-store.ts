/** Data directories of which a topic's segments could not be written. */
import { cp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, vi } from "vitest";
import { readCheckpoint } from "../../src/log/checkpoint.js";
import { readable } from "../repair/directory.js";
import { appendDescribed } from "./described-records.js";
import type { DiskModel } from "./disk-model.js";
import { type OpenStore, openStore } from "./log-harness.js";

export const rescuedOptions = { segmentBytes: 2048, compactedSegmentBytes: 2048, journalFileBytes: 48 * 1024 };
export const rescuedTopics = ["orders", "bills"] as const;

/** Values by topic and offset. */
export type Records = Readonly<Record<(typeof rescuedTopics)[number], ReadonlyMap<bigint, string>>>;

export interface Rescued {
  /** A data directory as a kill left it: `acme/orders` has a rescue file, and `acme/bills` groups above the checkpoint. */
  readonly data: string;
  readonly rescue: string;
  readonly topicId: string;
  /** Of `acme/orders`, where the rescue file begins. */
  readonly from: bigint;
  readonly records: Records;
}

export async function recordsIn({ store }: OpenStore): Promise<Records> {
  const [orders, bills] = rescuedTopics.map((topic) => store.find("acme", topic)!);
  return { orders: await readable(orders!), bills: await readable(bills!) };
}

/** The same in a copy of its directory. */
export async function copyOf(made: Rescued, data: string): Promise<Rescued> {
  await cp(made.data, data, { recursive: true });
  return { ...made, data, rescue: join(data, "journal", `rescue-${made.topicId}`) };
}

/**
 * Makes one below `path`.
 *
 * @param whileServed is called while the store that cannot write goes on
 */
export async function makeRescued(
  model: DiskModel,
  path: string,
  whileServed: (live: string, open: OpenStore) => Promise<void> = async () => undefined,
): Promise<Rescued> {
  const live = join(path, "live");
  const data = join(path, "data");
  {
    await using open = await openStore(live, rescuedOptions);
    for (const topic of rescuedTopics) {
      const log = await open.store.open("acme", topic);
      for (let n = 0; n < 8; n++) await appendDescribed(log, 5, 400);
    }
  }
  model.watch(live);
  await using open = await openStore(live, rescuedOptions);
  const orders = open.store.find("acme", "orders")!;
  const bills = open.store.find("acme", "bills")!;
  const { topicId } = orders;
  model.failBy((operation, at) => (operation === "write" && at.includes(`/topics/${topicId}`) ? "EIO" : undefined));
  while (open.failedTopics.length === 0) await appendDescribed(orders, 5).catch(() => undefined);
  // Many times what the journal holds: nothing else has what is rescued.
  for (let n = 0; n < 60; n++) await appendDescribed(bills, 5, 900);
  await whileServed(live, open);
  // The last of it above the checkpoint.
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  for (let n = 0; n < 4; n++) await appendDescribed(bills, 5);
  const records = await recordsIn(open);
  await model.copyBetween(() => model.copyAfterKill(data));
  vi.useRealTimers();
  model.failBy(() => undefined);
  model.stop();
  const journal = join(data, "journal");
  const [name] = (await readdir(journal)).filter((each) => /^rescue-[0-9a-f]{32}$/.test(each));
  const { ends, rescues } = await readCheckpoint(journal);
  expect([...rescues]).toEqual([[topicId, orders.range().next]]);
  return { data, rescue: join(journal, name!), topicId, from: ends.get(topicId)!.next, records };
}

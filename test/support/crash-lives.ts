import { type TopicSettings, defaultTopicSettings } from "../../src/log/port.js";
import type { TopicCaller } from "./topic-caller.js";

/** What callers do from one start to the next; `other` is of another tenant. */
export type Life = (caller: TopicCaller, other: TopicCaller) => Promise<void>;

const compacting: TopicSettings = { ...defaultTopicSettings, compact: true };

/** Each step that the engine takes by itself is in one of them: rolling, sealing, checkpoints, recycling, compaction, … */
export const lives: readonly (readonly [string, Life])[] = [
  [
    "trimming and giving space back",
    async (caller) => {
      await caller.create("orders");
      await caller.append("orders", 12);
      await caller.trim("orders", 20n);
      await caller.maintain();
      await caller.trim("orders", 55n);
      await caller.maintain();
      // All of it, though the last segment is not full: it is sealed.
      await caller.trim("orders", 72n);
      await caller.maintain();
      await caller.append("orders", 4);
      await caller.maintain();
      await caller.trim("orders", 90n);
      await caller.append("orders", 3);
      await caller.maintain();
    },
  ],
  [
    "retention by count, by bytes, and changing settings",
    async (caller) => {
      await caller.create("orders", { ...defaultTopicSettings, retentionRecords: 30 });
      await caller.append("orders", 10);
      await caller.maintain({ orders: 30n });
      await caller.append("orders", 1);
      await caller.configure("orders", { ...defaultTopicSettings, retentionRecords: 10 });
      await caller.maintain({ orders: 56n });
      await caller.configure("orders", defaultTopicSettings);
      await caller.append("orders", 8);
      await caller.configure("orders", { ...defaultTopicSettings, retentionBytes: 1 });
      await caller.maintain({ orders: 114n });
      await caller.append("orders", 2);
    },
  ],
  [
    "compaction, with trims and in several passes",
    async (caller) => {
      await caller.create("orders", compacting);
      await caller.append("orders", 15);
      await caller.maintain();
      await caller.append("orders", 10);
      await caller.trim("orders", 40n);
      await caller.maintain();
      await caller.configure("orders", defaultTopicSettings);
      await caller.append("orders", 8);
      await caller.maintain();
      await caller.configure("orders", compacting);
      await caller.maintain();
      await caller.append("orders", 2);
    },
  ],
  [
    "deletion and re-creation",
    async (caller) => {
      await caller.create("bills");
      await caller.append("bills", 2);
      for (let round = 0; round < 3; round++) {
        await caller.create("orders");
        await caller.append("orders", 1 + round * 4);
        if (round === 1) await caller.trim("orders", 10n);
        if (round === 2) await caller.maintain();
        await Promise.all([caller.delete("orders"), caller.append("bills", 2)]);
      }
      await caller.create("orders", compacting);
      await caller.append("orders", 9);
      await Promise.all([caller.maintain(), caller.append("bills", 2)]);
      await caller.delete("orders");
      await caller.maintain();
      await caller.append("bills", 1);
    },
  ],
  [
    "everything at once",
    async (caller) => {
      await caller.create("bills", { ...defaultTopicSettings, compact: true });
      await caller.create("orders");
      for (let round = 0; round < 5; round++) {
        await caller.create("gone");
        await caller.append("gone", 3);
        await caller.trim("gone", 18n);
        const start = caller.ledger.current("orders")!.acknowledged;
        await Promise.all([
          caller.maintain(),
          caller.append("orders", 3).then(() => caller.trim("orders", start + 15n)),
          caller.append("bills", 2).then(() => caller.maintain()),
          caller.delete("gone"),
        ]);
      }
    },
  ],
  [
    "several topics of two tenants, in groups of all sizes",
    async (caller, other) => {
      for (const topic of ["a", "b", "c"]) await Promise.all([caller.create(topic), other.create(topic)]);
      for (let round = 0; round < 6; round++) {
        await Promise.all([
          caller.append("a", 2, 1),
          caller.append("b", 1, 3 + round, 40 * round),
          caller.appendInVain("c"),
          other.append("a", 3, 2, 700),
          // A batch that is larger than a segment.
          other.append("b", 1, 4, 150 * round),
        ]);
      }
      await caller.append("c", 1, 1, 3);
    },
  ],
];

/** What they do after a start. */
export async function goOn(caller: TopicCaller): Promise<void> {
  await Promise.all(caller.ledger.topics.map((topic) => caller.append(topic, 2)));
  await caller.maintainAll();
  await caller.create("afterwards");
  await caller.append("afterwards", 1);
}

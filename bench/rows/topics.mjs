/** Many topics beside one: tenants must not pay for each other's syncs. */
import { perSecond } from "./values.mjs";

const many = {
  ...perSecond,
  kind: "topics",
  among: ["aclog"],
  sizes: [100],
  params: { callers: 1000, batch: 10 },
  variants: [
    { name: "1,000 topics", params: { topics: 1000 } },
    { name: "one topic", params: {} },
  ],
};

const name = "1,000 topics active, batches of 10, 1,000 under way";

export const byStream = {
  ...many,
  name: `${name}, raw stream`,
  way: "ProduceStream with request ids, raw",
  targets: [
    ({ entries: [, one] }) => {
      const value = one.ratio.median;
      return [{ text: "≥ 0.7 × one topic", value, reached: value >= 0.7 }];
    },
    ({ entries: [ours, one] }) => {
      const value = ours.p50.median / one.p50.median;
      return [{ text: "p50 of a commit ≤ 3 × that of one topic", value, reached: value <= 3 }];
    },
  ],
};

// The client packs what waits for one topic into larger batches, so here the two do not have the same batch sizes.
export const byClient = { ...many, name: `${name}, client.produce`, way: "client.produce", targets: [] };

/** Over a round trip of 10 ms. */

const far = {
  unit: "MB/s",
  better: "more",
  among: ["aclog", "bare", "peer"],
  sizes: [1024],
  delayMs: 10,
  value: ({ rate }) => rate * 1024e-6,
  targets: [
    ({ entries: [{ value }] }) => [
      { text: "≥ 50 MB/s on one connection", value: value.median, reached: value.median >= 50 },
    ],
  ],
};

export const farProduce = { ...far, name: "over a 10 ms round trip: pipelined produce", kind: "flood" };
export const farConsume = {
  ...far,
  name: "over a 10 ms round trip: consume from the start",
  kind: "read",
  storesNothing: true,
  holds: (_bytes, seconds) => Math.round(Math.min(1, seconds) * 200_000),
};

/** Producing: one at a time, many at a time, and as fast as it goes. */
import { spread } from "../statistics.mjs";
import { atLeast, atMost, bestFsyncingPeer, bestPeer, entryNamed } from "./targets.mjs";
import { perSecond } from "./values.mjs";

const sizes = [100, 1024];

export const oneAtATime = {
  ...perSecond,
  name: "one record at a time, each acked",
  kind: "produce",
  sizes,
  params: { callers: 1 },
  computed: bareAndOneSync,
  targets: [
    atLeast(0.9, entryNamed("bare grpc-js + one fdatasync")),
    atLeast(1, entryNamed("NATS synced")),
    atLeast(0.7, entryNamed("Redis always")),
  ],
};

export const manyInFlight = {
  ...perSecond,
  name: "64 produce() calls in flight",
  kind: "produce",
  sizes,
  params: { callers: 64 },
  among: ["aclog", "bare", "peer"],
  targets: [atLeast(2, bestFsyncingPeer), atLeast(1.5, bestPeer)],
};

export const flatOut = {
  ...perSecond,
  name: "pipelined flat out",
  kind: "flood",
  sizes,
  targets: [
    atLeast({ 100: 3, 1024: 3.5 }, bestFsyncingPeer),
    atLeast({ 100: 1.2, 1024: 0.8 }, bestPeer),
    (row) => (row.bytes === 100 ? atMost(0.8, "cpu", "server CPU s per million records")(row) : []),
  ],
};

export const unary = {
  ...perSecond,
  name: "plain unary Produce, 64 in flight",
  kind: "unary",
  sizes,
  params: { callers: 64 },
  targets: [atLeast(0.9, entryNamed("bare grpc-js")), atLeast(1.5, entryNamed("etcd"))],
};

/** What no server that syncs before it answers can beat with one record at a time: a round trip and then the disk. */
function bareAndOneSync(entries) {
  const bare = entries.find(({ kind }) => kind === "bare");
  const disk = entries.find(({ kind }) => kind === "disk");
  if (bare === undefined || disk === undefined) return [];
  const values = bare.runs.map(({ rate }, round) => 1 / (1 / rate + 1 / disk.runs[round].rate));
  return [
    {
      name: "bare grpc-js + one fdatasync",
      kind: "computed",
      way: "1 ÷ (round trip + fdatasync), of the two above",
      durable: "as if fdatasync",
      secured: bare.secured,
      value: spread(values),
      ratio: spread(values.map((value, round) => bare.beside[round].value / value)),
    },
  ];
}

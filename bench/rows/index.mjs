/** Every row, in the order of the table. */
import { coldStart } from "./cold-start.mjs";
import { fromTheStart, tailing } from "./consume.mjs";
import { memory, stalledConsumers } from "./memory.mjs";
import { farConsume, farProduce } from "./network.mjs";
import { policy } from "./policy.mjs";
import { flatOut, manyInFlight, oneAtATime, unary } from "./produce.mjs";
import { byClient, byStream } from "./topics.mjs";

const ofWork = [
  oneAtATime,
  manyInFlight,
  flatOut,
  fromTheStart,
  byStream,
  byClient,
  tailing,
  unary,
  farProduce,
  farConsume,
];

export const rows = [
  ...ofWork.flatMap((row) =>
    row.sizes.map((bytes) => ({ ...row, bytes, name: `${row.name}, ${bytes === 1024 ? "1 KiB" : `${bytes} B`}` })),
  ),
  memory,
  stalledConsumers,
  policy,
  coldStart,
];

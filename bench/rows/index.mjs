/** Every row, in the order of the table. */
import { fromTheStart, tailing } from "./consume.mjs";
import { flatOut, manyInFlight, oneAtATime, unary } from "./produce.mjs";

export const rows = [oneAtATime, manyInFlight, flatOut, fromTheStart, tailing, unary].flatMap((row) =>
  row.sizes.map((bytes) => ({ ...row, bytes, name: `${row.name}, ${bytes === 1024 ? "1 KiB" : `${bytes} B`}` })),
);

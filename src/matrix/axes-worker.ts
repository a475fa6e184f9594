/** A thread that tries its share of the axes, and tells of each batch what came of its cells. */
import { parentPort, workerData } from "node:worker_threads";
import { tryShare } from "./axes-run.js";
import type { Task } from "./axes-threads.js";

const { isFull, share } = workerData as Task;
const port = parentPort!;
const stop = new AbortController();
port.once("message", () => stop.abort());
try {
  await tryShare({
    isFull,
    share,
    signal: stop.signal,
    // Which cells these are is known there: they hold functions, which no message can.
    onTried: (tried) => port.postMessage(tried.map(({ problems, said, counters }) => ({ problems, said, counters }))),
  });
} finally {
  port.close();
}

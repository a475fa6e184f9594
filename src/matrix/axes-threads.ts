/** The axes on several cores: each thread has a server and clients of its own, and takes its share of the batches. */
import { Worker } from "node:worker_threads";
import type { TriedAxesCell } from "./axes-cell.js";
import { planAxes, type Share, shareOf } from "./axes-plan.js";
import { tryShare } from "./axes-run.js";
import { expectedOf } from "./oracle.js";

/** What a thread is to do. */
export interface Task {
  readonly isFull: boolean;
  readonly share: Share;
}

/** What it tells of a cell. */
type Told = Pick<TriedAxesCell, "problems" | "said" | "counters">;

export interface AxesOptions {
  /** Every combination, and not only every pair. */
  readonly isFull: boolean;
  /** At least one, which is the caller's. */
  readonly threads: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, of: number) => void) | undefined;
  /** Told of every cell; none is kept. */
  readonly onTried: (tried: TriedAxesCell) => void;
}

/** Tries all of them. The first failure ends it, once every server is gone. */
export async function tryAxes({ isFull, threads, signal, onProgress, onTried }: AxesOptions): Promise<void> {
  const { count } = planAxes(isFull);
  let done = 0;
  const onBatch = (batch: readonly TriedAxesCell[]): void => {
    for (const tried of batch) onTried(tried);
    done += batch.length;
    onProgress?.(done, count);
  };
  const failing = new AbortController();
  const stop = AbortSignal.any([failing.signal, ...(signal === undefined ? [] : [signal])]);
  const shares = Array.from({ length: threads }, (_, at) => ({ at, of: threads }));
  const work = shares.map(async (share) => {
    try {
      await (share.at === 0 ? tryShare : tryInThread)({ isFull, share, signal: stop, onTried: onBatch });
    } catch (error) {
      failing.abort(error);
    }
  });
  await Promise.all(work);
  stop.throwIfAborted();
}

function tryInThread({ isFull, share, signal, onTried }: Parameters<typeof tryShare>[0]): Promise<void> {
  const batches = shareOf(isFull, share);
  const workerData: Task = { isFull, share };
  const worker = new Worker(new URL("./axes-worker.js", import.meta.url), { workerData });
  const onAbort = (): void => worker.postMessage("stop");
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted) onAbort();
  return new Promise<void>((resolve, reject) => {
    worker.on("message", (told: readonly Told[]) => {
      const { value: batch = [] } = batches.next() as IteratorResult<Parameters<typeof expectedOf>[0][], undefined>;
      onTried(told.map((each, at) => ({ cell: batch[at]!, expected: expectedOf(batch[at]!), ...each })));
    });
    worker.once("error", reject);
    worker.once("exit", () => {
      if (signal?.aborted || batches.next().done) resolve();
      else reject(new Error("a thread of the matrix ended before it was done"));
    });
  }).finally(() => signal?.removeEventListener("abort", onAbort));
}

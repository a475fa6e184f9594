import { cpSync } from "node:fs";
import { append, appendAll, openStore, temporaryDirectory, valuesBatch } from "../support/log-harness.js";
import { ManualClock } from "../support/manual-clock.js";
import { type Engine, logOf } from "./engine.js";
import { describeCommitLog } from "./suite.js";

const mebibyte = 1024 * 1024;
/** Many segments of few records, and journal files that hold the largest records all the same. */
const sizes = {
  journalFileBytes: 2 * mebibyte,
  journalFiles: 2,
  segmentBytes: 4096,
  compactedSegmentBytes: 4096,
  pendingBytes: 256 * 1024,
};

async function open(): Promise<Engine> {
  let directory = await temporaryDirectory();
  const clock = new ManualClock({ goesOn: true });
  let opened = await openStore(directory.path, sizes, clock);
  const reopen = async (): Promise<void> => {
    await opened[Symbol.asyncDispose]();
    opened = await openStore(directory.path, sizes, clock);
  };
  const crash = async (): Promise<void> => {
    const found = await temporaryDirectory();
    // In one go: meanwhile the store does not take another step.
    cpSync(directory.path, found.path, { recursive: true });
    await opened[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
    directory = found;
    opened = await openStore(directory.path, sizes, clock);
  };
  const engine: Engine = {
    get store() {
      return opened.store;
    },
    advance: (milliseconds) => clock.advance(milliseconds),
    reopen,
    crash,
    settle: async (tenant, topic) => {
      // A record that fits into no segment begins one of its own: what is before it is sealed, and a close makes a checkpoint.
      await appendAll(logOf(engine, topic, tenant), ["filler".padEnd(sizes.segmentBytes, ".")]);
      await append(logOf(engine, topic, tenant), "filler");
      await reopen();
    },
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
  return engine;
}

describeCommitLog("the file engine", open, {
  durable: true,
  pieceBytes: 2 * sizes.segmentBytes,
  refused: {
    batch: () => valuesBatch(...Array.from({ length: 3 }, () => Buffer.alloc(mebibyte))),
    reason: "LIMIT_EXCEEDED",
  },
});

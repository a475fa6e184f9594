// `aclog serve` with the same flags, but with files so small that every cycle of a campaign crosses their ends, and with
// retention and compaction without a pause.
import { parseArgs } from "node:util";
import { setTimeout as delay } from "node:timers/promises";
import { pino } from "pino";
import { loadConfig, settingNames } from "../../dist/config/index.js";
import { defaultFileStoreOptions } from "../../dist/log/index.js";
import { startNode } from "../../dist/node/index.js";

const storage = {
  ...defaultFileStoreOptions,
  journalFileBytes: 8 * 1024 * 1024,
  journalFiles: 2,
  segmentBytes: 64 * 1024,
  compactedSegmentBytes: 64 * 1024,
  openFiles: 16,
  pendingBytes: 512 * 1024,
  reclaimBytes: 4096,
};
const options = Object.fromEntries(settingNames.map((name) => [name, { type: "string" }]));
const config = await loadConfig({ flags: parseArgs({ options }).values, env: {} });
const logger = pino({ base: null, level: config.logLevel }, pino.destination({ fd: 2, sync: true }));
process.on("uncaughtException", (error) => {
  logger.fatal({ err: error }, "a defect ends the server");
  process.exit(1);
});
const node = await startNode(config, logger, storage);
process.on("SIGTERM", () => void node.drain());
const { address, adminAddress } = node;
process.stdout.write(`${JSON.stringify({ address, adminAddress, pid: process.pid })}\n`);
// Not awaited: when everything is closed, nothing keeps the process for the next round.
void maintain();

async function maintain() {
  while (node.store.failure === undefined) {
    await node.store.maintain().catch(() => undefined);
    await delay(20, undefined, { ref: false });
  }
}

/** `aclog log`: what an operator does with a data directory itself, without a client's certificate. */
import type { Command } from "commander";
import { addLogDump } from "./log-dump.js";
import { addLogReindex, addLogRepair } from "./log-repair.js";
import { addLogVerify } from "./log-verify.js";

export function addLog(program: Command): void {
  const log = program
    .command("log")
    .summary("verify, look into and repair a data directory")
    .description("Verify, look into and repair a data directory. Repair and reindex need the server to be stopped.");
  for (const add of [addLogVerify, addLogDump, addLogRepair, addLogReindex]) add(log);
}

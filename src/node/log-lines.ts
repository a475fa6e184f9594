import { status } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { RecoveryReport } from "../log/index.js";
import { formatPrincipal } from "../names.js";
import type { Outcome } from "../transport/index.js";

/** Refusals and failures are always logged, successes at debug. No value, no key, no header ever is. */
export function logOutcome(logger: Logger, outcome: Outcome): void {
  const { method, peer, principal, code, details, seconds } = outcome;
  const line = {
    method,
    peer,
    principal: principal && formatPrincipal(principal),
    code: status[code],
    details,
    milliseconds: Math.round(seconds * 1000),
  };
  if (code === status.OK || code === status.CANCELLED) logger.debug(line, "call");
  else if (code === status.INTERNAL || code === status.DATA_LOSS || code === status.UNKNOWN)
    logger.error(line, "call failed");
  else logger.info(line, "call refused");
}

/** What a start found on the disk. */
export function logRecovery(logger: Logger, report: RecoveryReport): void {
  const { groups, commits, milliseconds, torn, cut, damaged } = report;
  logger.info({ groups, commits, milliseconds }, "the data directory is open");
  if (torn !== undefined)
    logger.warn(torn, "the journal ended in a write that was cut short: nobody had been told about it");
  for (const { path, bytes } of cut) logger.warn({ path, bytes }, "bytes beyond the last acknowledged record were cut");
  for (const { location, facts } of damaged) {
    logger.error(
      { location, ...facts },
      "a topic is shorter than it was: it takes no more records, the rest can be read",
    );
  }
}

import { status } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { PolicyVersion, RefusedFiles } from "../activation/index.js";
import type { CredentialsChange, CredentialsInForce, EndWarning } from "../credentials/index.js";
import { RecordCorrupt, TopicStorageFailed } from "../errors.js";
import type { Connection } from "../identity/index.js";
import type { ClockJump, FailedTopic, RecoveryReport } from "../log/index.js";
import { formatPrincipal } from "../names.js";
import {
  type CallObserver,
  type RefusalObserver,
  type StartedCall,
  type StrayRequest,
  isInternal,
} from "../transport/index.js";

import type { ExpiryWarning } from "./expiry-warnings.js";

type Refusal = Parameters<RefusalObserver>[1];

/** The codes that tell of something wrong here. */
const faults: ReadonlySet<number> = new Set([status.INTERNAL, status.DATA_LOSS, status.UNKNOWN]);

/** Refusals and failures are always logged, successes at debug. No value, no key, no header ever is. */
export function logCalls(logger: Logger): CallObserver {
  return (call) => {
    return ({ code, details, seconds, isOurs }) => {
      const isQuiet = code === status.OK || code === status.CANCELLED;
      if (isQuiet && !logger.isLevelEnabled("debug")) return;
      const line = { ...lineOf(call, code, details), milliseconds: Math.round(seconds * 1000) };
      if (isQuiet) logger.debug(line, "call");
      else if (isOurs && faults.has(code)) logger.error(line, "call failed");
      else logger.info(line, "call refused");
    };
  };
}

/** Not the end of its call, but as good as one to whoever sent it. */
export function logRefusedRequest(logger: Logger, call: StartedCall, { code, details }: Refusal): void {
  const line = lineOf(call, code, details);
  if (faults.has(code)) logger.error(line, "request failed");
  else logger.info(line, "request refused");
}

function lineOf({ requestId, method, peer, principal }: StartedCall, code: number, details: string) {
  return { requestId, method, peer, principal: principal && formatPrincipal(principal), code: status[code], details };
}

/** Of a client's certificate, while there is time to renew it. */
export function logExpiry(logger: Logger, { connection: { identity, peer }, withinDays }: ExpiryWarning): void {
  const { principal, serial, fingerprint256, endsMs } = identity;
  const names = { principal: formatPrincipal(principal), peer, serial, fingerprint: fingerprint256 };
  logger.warn({ ...names, ends: new Date(endsMs).toISOString(), withinDays }, "a client's certificate ends soon");
}

/** What a caller has no part in, with what led to it. */
export function logInternal(logger: Logger, error: unknown, method: string, requestId: string | undefined): void {
  if (error instanceof RecordCorrupt)
    logger.error({ requestId, method, location: error.location }, "stored records are damaged");
  else if (error instanceof TopicStorageFailed && error.cause !== undefined)
    logger.error(
      { requestId, method, ...error.facts, err: error.cause },
      "a topic's files could not be read or written",
    );
  else if (isInternal(error)) logger.error({ requestId, err: error, method }, "a call failed for a reason of ours");
}

/** A request that never became a call. @param stray its `code` is the word for what it was answered */
export function logStray(logger: Logger, stray: Omit<StrayRequest, "code"> & { readonly code: string }): void {
  logger.info(stray, "a request is no call of any method here");
}

/** A connection whose peer is nobody any more. */
export function logEnded(logger: Logger, { peer, identity, since, ended }: Connection): void {
  const { message, problem, cause } = ended!;
  const { principal, subject, serial } = identity;
  const line = { peer, principal: formatPrincipal(principal), subject, serial, since, kind: problem, reason: message };
  logger.warn({ ...line, ...(cause !== undefined && { err: cause }) }, "connection ended");
}

/** What a start found on the disk. */
export function logRecovery(logger: Logger, report: RecoveryReport): void {
  const { groups, commits, milliseconds, torn, cut, damaged, lost, removed } = report;
  logger.info({ groups, commits, milliseconds }, "the data directory is open");
  if (torn !== undefined)
    logger.warn(
      torn,
      "the journal ended in a write that was cut short: nobody had been told about it, as far as can be known",
    );
  for (const { path, bytes } of cut) logger.warn({ path, bytes }, "bytes beyond the last acknowledged record were cut");
  for (const { location, facts } of damaged) {
    logger.error(
      { location, ...facts },
      "a topic's file is not what it was: it takes no more records, what is there of it can be read",
    );
  }
  for (const topic of removed) logger.info(topic, "files of a topic that was deleted before were removed");
  for (const { topicId, ...rest } of lost) {
    const what =
      topicId === undefined
        ? "a tenant's topics cannot be found: every call for them is refused with RECORD_CORRUPT, and nothing of them is touched"
        : "a topic cannot be read: it is refused with RECORD_CORRUPT, as is every topic of its tenant that is not found while its name is not known, and nothing of it is touched";
    logger.error({ ...rest, topicId }, what);
  }
}

/** Once for each topic: what callers are told of it later is not logged again. */
export function logTopicFailure(logger: Logger, { error, ...topic }: FailedTopic): void {
  logger.error(
    { ...topic, err: error },
    "a topic's files could not be written: it takes no more records until a restart, and none is lost",
  );
}

/** Nothing is deleted for it. */
export function logClockJump(logger: Logger, { byMs, wallMs }: ClockJump): void {
  logger.warn({ byMs, wallTime: new Date(wallMs).toISOString() }, "the clock jumped: records age as if it had not");
}

/** Whoever looks into an incident wants to know who had changed what may be done. */
export function logActivated(logger: Logger, { version, author, how, basedOn }: PolicyVersion): void {
  logger.info({ policyVersion: version, author, how, basedOn }, "a new policy is in force");
}

/** The findings are bounded, whatever the files are. */
export function logRefusedFiles(logger: Logger, { findings, inForce, atStart }: RefusedFiles): void {
  const line = { policyVersion: inForce, findings };
  const stays = `the policy files cannot be used; version ${inForce} stays in force`;
  if (atStart) logger.error(line, `the server starts with the policy that it had kept: ${stays}`);
  else logger.error(line, `the policy was not reloaded: ${stays}`);
}

/** What a server proves itself with, and by whom it lets others vouch for themselves. */
export function logCredentials(
  logger: Logger,
  { server, trust, lists }: CredentialsInForce,
  { isTls, isTrust }: CredentialsChange,
): void {
  const revocationLists = lists.map(({ source, list, signer }) => ({
    source,
    issuer: list.issuer,
    number: list.number?.toString(),
    revoked: list.size,
    isOfAuthority: signer !== undefined,
  }));
  const { length } = trust.authorities;
  // What an operator sees of the change, in his words.
  const outcome = { newHandshakesDiffer: isTls, connectionsJudgedAgain: isTrust };
  const line = { certificate: server.fingerprint256, authorities: length, revocationLists, ...outcome };
  logger.info(line, "new certificates or revocation lists are in force");
  for (const { source, issuer } of revocationLists.filter(({ isOfAuthority }) => !isOfAuthority)) {
    // As in any company whose root alone is given: nothing is wrong.
    logger.info(
      { source, issuer },
      "a revocation list is of none of the authorities: it counts for intermediates of its name",
    );
  }
}

/** Earlier than it is too late. */
export function logEnd(logger: Logger, { endMs, hasEnded, kind, ...rest }: EndWarning): void {
  const line = { ...rest, kind, ends: new Date(endMs).toISOString() };
  if (hasEnded) logger.error(line, `this ${kind}${kind === "server" ? "'s certificate" : ""} has expired`);
  else logger.warn(line, `this ${kind}${kind === "server" ? "'s certificate" : ""} expires soon`);
}

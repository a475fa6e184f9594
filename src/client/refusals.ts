/** What a server's refusal of a request says about the calls in it, and about what is sent behind it. */
import { status } from "@grpc/grpc-js";
import { CallError, asLastAttempt } from "./call-error.js";

const ofBytes = new Set(["MALFORMED_MESSAGE", "LIMIT_EXCEEDED", "INVALID_FIELD"]);
const ofSizes = new Set(["record_bytes", "batch_bytes", "storage_bytes"]);

/** It depends on which records there were, and how many: sent by themselves, some of the calls may come through. */
export function isAboutRecords(error: Error): boolean {
  if (!(error instanceof CallError) || error.reason === undefined) return false;
  const { reason, facts } = error;
  if (reason === "INVALID_FIELD") return facts["field"]?.startsWith("records") === true;
  if (reason === "QUOTA_EXCEEDED") return ofSizes.has(facts["limit"] ?? "");
  return ofBytes.has(reason);
}

/** The most that the owner of the topic takes in one request, in bytes, if the error says that this was more. */
export function largestBatchOf(error: Error): number | undefined {
  if (!(error instanceof CallError) || error.facts["limit"] !== "batch_bytes") return undefined;
  const maximum = Number(error.facts["maximum"]);
  return Number.isSafeInteger(maximum) ? maximum : undefined;
}

/** The caller's tenant has as many streams open as it may have. Calls with one answer are not counted. */
export function refusesStreams(error: Error): error is CallError {
  return error instanceof CallError && error.reason === "QUOTA_EXCEEDED" && error.facts["limit"] === "streams";
}

/** The batch does not follow on what the server has of its producer. */
export function isGap(error: Error): boolean {
  return error instanceof CallError && error.reason === "PRODUCER_SEQUENCE_GAP";
}

/** The batch is stored, and only its offset is not known any more. */
export function isStored(error: Error): boolean {
  return error instanceof CallError && error.reason === "PRODUCER_SEQUENCE_FORGOTTEN";
}

/**
 * Whatever attempt of the request comes to the server, and whenever, it is refused like this one. Other refusals say of one
 * attempt only that it was not stored: what is looked at before whether it is there already, or may be different for
 * an attempt that is still on its way, says nothing of the others.
 *
 * @param sequence of the request
 */
export function isOfEveryAttempt(error: Error, sequence: number): boolean {
  if (!(error instanceof CallError) || error.reason === undefined) return false;
  const { reason, facts } = error;
  // Offsets only grow, and whether the batch is there already was looked at before; but a server that has forgotten the producer
  // takes its first batch for a new one.
  if (reason === "UNEXPECTED_OFFSET") return sequence > 0 && Number(facts["actual"]) > Number(facts["expected"]);
  return ofBytes.has(reason);
}

/** It may pass, and says nothing of whether the request is stored. */
export function isPassing(error: Error): boolean {
  if (!(error instanceof CallError)) return false;
  return error.codeName === "UNAVAILABLE" || (error.reason === undefined && ofBrokenStreams.has(error.codeName));
}

/** What grpc-js makes of a stream that was reset or just ended. */
const ofBrokenStreams = new Set(["UNKNOWN", "INTERNAL", "CANCELLED"]);

/** Before something is sent again, each time that no answer came in between; from then on the last one. */
const resendAfterMs = [0, 150, 450, 1350];
/** So often something is sent again to where nobody has ever answered this client. */
export const maxVainResends = resendAfterMs.length;

/** How long to wait before something is sent again. @param times how often it was already, without an answer in between */
export function resendDelayMs(times: number, failure: Error): number {
  const atLeastMs = failure instanceof CallError ? (failure.retryAfterMs ?? 0) : 0;
  return Math.max(atLeastMs, resendAfterMs[Math.min(times, maxVainResends - 1)]!);
}

/** Whoever calls is nobody to the server, or not any more: a certificate that is revoked, has expired, or is not trusted. */
export function isRefusedAsNobody(error: Error): boolean {
  return error instanceof CallError && error.reason === "UNAUTHENTICATED";
}

/** It goes by itself after a while. */
export function isTemporary(error: Error): error is CallError {
  return error instanceof CallError && error.retryAfterMs !== undefined;
}

/** What a call fails with that may be stored or not. */
export function notKnown(error: Error): CallError {
  const details = `it is not known whether it is stored: an answer was lost, and the last attempt got ${error.message}`;
  if (!(error instanceof CallError && error.codeName === "UNAVAILABLE")) {
    return new CallError(status.UNKNOWN, details, undefined, { cause: error });
  }
  return asLastAttempt(status.UNAVAILABLE, details, error);
}

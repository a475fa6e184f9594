/** What a server's refusal of many calls in one request says about each of them. */
import { CallError } from "./call-error.js";

const ofRequests = new Set(["MALFORMED_MESSAGE", "LIMIT_EXCEEDED"]);
const ofSizes = new Set(["record_bytes", "batch_bytes", "storage_bytes"]);

/** It depends on which records there were, and how many: sent by themselves, some of the calls may come through. */
export function isAboutRecords(error: Error): boolean {
  if (!(error instanceof CallError) || error.reason === undefined) return false;
  const { reason, facts } = error;
  if (reason === "INVALID_FIELD") return facts["field"]?.startsWith("records") === true;
  if (reason === "QUOTA_EXCEEDED") return ofSizes.has(facts["limit"] ?? "");
  return ofRequests.has(reason);
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

import { Metadata, type StatusObject, status } from "@grpc/grpc-js";
import { type Reason, ServiceError } from "../errors.js";
import {
  type OutgoingStatus,
  type StatusDetail,
  encodeStatus,
  statusDetailsKey,
  statusMessage,
} from "../wire/definition.js";
import type { Status } from "../wire/generated/google/rpc/Status.js";

/** The only file that knows both our reasons and gRPC's codes. */

/** `ErrorInfo.domain` of every error of ours. */
const domain = "aclog";

/** One code for each reason: a new reason does not compile until it has one. Source: gRPC status codes guide. */
const codeOf = {
  MALFORMED_MESSAGE: status.INVALID_ARGUMENT,
  INVALID_FIELD: status.INVALID_ARGUMENT,
  UNAUTHENTICATED: status.UNAUTHENTICATED,
  PERMISSION_DENIED: status.PERMISSION_DENIED,
  TOPIC_NOT_FOUND: status.NOT_FOUND,
  TOPIC_EXISTS: status.ALREADY_EXISTS,
  TOPIC_ID_MISMATCH: status.FAILED_PRECONDITION,
  UNEXPECTED_OFFSET: status.FAILED_PRECONDITION,
  PRODUCER_SEQUENCE_GAP: status.FAILED_PRECONDITION,
  PRODUCER_SEQUENCE_REUSED: status.FAILED_PRECONDITION,
  PRODUCER_SEQUENCE_FORGOTTEN: status.FAILED_PRECONDITION,
  PRODUCER_FENCED: status.FAILED_PRECONDITION,
  OFFSET_OUT_OF_RANGE: status.OUT_OF_RANGE,
  LIMIT_EXCEEDED: status.RESOURCE_EXHAUSTED,
  QUOTA_EXCEEDED: status.RESOURCE_EXHAUSTED,
  STORAGE_FULL: status.RESOURCE_EXHAUSTED,
  BACKLOG_FULL: status.RESOURCE_EXHAUSTED,
  ANSWERS_UNREAD: status.RESOURCE_EXHAUSTED,
  RECORD_CORRUPT: status.DATA_LOSS,
  TOPIC_STORAGE_FAILED: status.UNAVAILABLE,
  JOURNAL_FAILED: status.UNAVAILABLE,
  LOG_CLOSED: status.UNAVAILABLE,
  SHUTTING_DOWN: status.UNAVAILABLE,
  CONNECTION_TOO_OLD: status.UNAVAILABLE,
  CANCELLED: status.CANCELLED,
  DECISION_UNKNOWN: status.NOT_FOUND,
  POLICY_BUSY: status.RESOURCE_EXHAUSTED,
  UPLOAD_IDLE: status.DEADLINE_EXCEEDED,
  POLICY_MOVED: status.ABORTED,
  POLICY_REFUSED: status.INVALID_ARGUMENT,
  POLICY_FILES_EDITED: status.FAILED_PRECONDITION,
  POLICY_FILES_UNWRITABLE: status.FAILED_PRECONDITION,
  POLICY_VERSION_UNKNOWN: status.NOT_FOUND,
  POLICY_VERSION_DAMAGED: status.DATA_LOSS,
} satisfies Record<Reason, status>;

/** The status that answers a call, with its details in the trailer. */
export function toStatus(error: unknown): StatusObject {
  const outgoing = describe(error);
  const metadata = new Metadata();
  metadata.set(statusDetailsKey, encodeStatus(outgoing));
  return { code: outgoing.code, details: outgoing.message, metadata };
}

/** The same for one request of a stream that goes on. */
export function toStatusMessage(error: unknown): Status {
  return statusMessage(describe(error));
}

/** True for an error that the caller has no part in: our own log needs to say what happened. */
export function isInternal(error: unknown): boolean {
  return !(error instanceof ServiceError);
}

function describe(error: unknown): OutgoingStatus & { code: status } {
  if (!(error instanceof ServiceError)) {
    // A defect or an I/O failure. Its message may name paths: our own log gets it, the caller does not.
    const info = { reason: "INTERNAL", domain, metadata: {} };
    return { code: status.INTERNAL, message: "internal error", details: [{ type: "ErrorInfo", value: info }] };
  }
  const { message, reason, facts } = error;
  const details: StatusDetail[] = [
    { type: "ErrorInfo", value: { reason, domain, metadata: facts } },
    { type: "LocalizedMessage", value: { locale: "en", message } },
  ];
  if (error.quotaSubject !== undefined) {
    const violation = { subject: error.quotaSubject, description: message };
    details.push({ type: "QuotaFailure", value: { violations: [violation] } });
  }
  const violations = error.field === undefined ? error.violations : [{ field: error.field, description: message }];
  if (violations !== undefined) {
    details.push({ type: "BadRequest", value: { fieldViolations: [...violations] } });
  }
  if (error.retryAfterMs !== undefined) {
    const seconds = Math.floor(error.retryAfterMs / 1000);
    const nanos = (error.retryAfterMs % 1000) * 1_000_000;
    details.push({ type: "RetryInfo", value: { retryDelay: { seconds, nanos } } });
  }
  return { code: codeOf[reason], message, details };
}

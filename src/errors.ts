/**
 * The reasons a call can fail, and what an operator can get wrong. Open to every room.
 *
 * A `ServiceError` travels to the caller: its message and facts never hold a path, a key or a payload.
 * `transport/status.ts` alone knows which gRPC code a reason has.
 */

import type { TenantLimits } from "./tenant-limits.js";

/** Stable names that a client may branch on. They travel on the wire: add, never rename. */
export type Reason =
  | "MALFORMED_MESSAGE"
  | "INVALID_FIELD"
  | "UNAUTHENTICATED"
  | "PERMISSION_DENIED"
  | "TOPIC_NOT_FOUND"
  | "TOPIC_EXISTS"
  | "TOPIC_ID_MISMATCH"
  | "UNEXPECTED_OFFSET"
  | "PRODUCER_SEQUENCE_GAP"
  | "PRODUCER_SEQUENCE_REUSED"
  | "PRODUCER_SEQUENCE_FORGOTTEN"
  | "PRODUCER_FENCED"
  | "OFFSET_OUT_OF_RANGE"
  | "LIMIT_EXCEEDED"
  | "QUOTA_EXCEEDED"
  | "STORAGE_FULL"
  | "BACKLOG_FULL"
  | "ANSWERS_UNREAD"
  | "RECORD_CORRUPT"
  | "TOPIC_STORAGE_FAILED"
  | "JOURNAL_FAILED"
  | "LOG_CLOSED"
  | "SHUTTING_DOWN"
  | "CONNECTION_TOO_OLD"
  | "DECISION_UNKNOWN"
  | "POLICY_BUSY"
  | "UPLOAD_IDLE"
  | "POLICY_MOVED"
  | "POLICY_REFUSED"
  | "POLICY_FILES_EDITED"
  | "POLICY_FILES_UNWRITABLE"
  | "POLICY_VERSION_UNKNOWN"
  | "POLICY_VERSION_DAMAGED"
  | "CANCELLED";

export abstract class ServiceError extends Error {
  abstract readonly reason: Reason;
  /** What a client needs in order to act, as text; never a path, a key or a payload. */
  readonly facts: Readonly<Record<string, string>>;
  /** The request field that is to blame, as in `records[3].key`. */
  readonly field?: string;
  /** The same where several things are wrong; a few of them, if there are many. */
  readonly violations?: readonly { readonly field: string; readonly description: string }[];
  /** When trying again may help: how long to wait first, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** Whose limit was passed, as in `tenant:acme`, where that is the reason. */
  readonly quotaSubject?: string;

  constructor(message: string, facts: Readonly<Record<string, string>> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.facts = facts;
  }
}

/** The bytes are not a well-formed request: truncated, overlong, a repeated singular field, a group. */
export class MalformedMessage extends ServiceError {
  readonly reason = "MALFORMED_MESSAGE";
  override readonly field: string;

  constructor(field: string, problem: string) {
    super(`${field}: ${problem}`, { field });
    this.field = field;
  }
}

/** A field is well-formed but its value is not allowed. */
export class InvalidField extends ServiceError {
  readonly reason = "INVALID_FIELD";
  override readonly field: string;

  constructor(field: string, problem: string) {
    super(`${field}: ${problem}`, { field });
    this.field = field;
  }
}

export class Unauthenticated extends ServiceError {
  readonly reason = "UNAUTHENTICATED";
}

/** Says the same whether or not what was asked for exists. The decision id leads to the reason in the server's log. */
export class PermissionDenied extends ServiceError {
  readonly reason = "PERMISSION_DENIED";
}

export class TopicNotFound extends ServiceError {
  readonly reason = "TOPIC_NOT_FOUND";

  constructor(tenant: string, topic: string) {
    super(`topic ${tenant}/${topic} does not exist`, { tenant, topic });
  }
}

export class TopicExists extends ServiceError {
  readonly reason = "TOPIC_EXISTS";

  constructor(tenant: string, topic: string) {
    super(`topic ${tenant}/${topic} exists already`, { tenant, topic });
  }
}

/** The request names a topic id that the topic no longer has: it was deleted and created again. */
export class TopicIdMismatch extends ServiceError {
  readonly reason = "TOPIC_ID_MISMATCH";

  constructor(requested: string, actual: string) {
    super(`the topic id is ${actual}, not ${requested}`, { requested, actual });
  }
}

/** The append was to happen only at a certain offset, and the next offset is another. */
export class UnexpectedOffset extends ServiceError {
  readonly reason = "UNEXPECTED_OFFSET";

  constructor(expected: bigint, actual: bigint) {
    super(`expected offset ${expected}, but the next offset is ${actual}`, {
      expected: `${expected}`,
      actual: `${actual}`,
    });
  }
}

export class OffsetOutOfRange extends ServiceError {
  readonly reason = "OFFSET_OUT_OF_RANGE";

  constructor(requested: bigint, base: bigint, next: bigint) {
    super(`offset ${requested} is outside [${base}, ${next})`, {
      requested: `${requested}`,
      base: `${base}`,
      next: `${next}`,
    });
  }
}

/** A published limit is passed; nothing was stored. */
export class LimitExceeded extends ServiceError {
  readonly reason = "LIMIT_EXCEEDED";
  override readonly field: string;
  override readonly quotaSubject: string;

  constructor(field: string, limit: string, maximum: number, actual: number, unit: string) {
    super(`${field}: ${actual} ${unit}, and ${limit} is ${maximum}`, {
      field,
      limit,
      maximum: `${maximum}`,
      actual: `${actual}`,
    });
    this.field = field;
    this.quotaSubject = limit;
  }
}

/** A limit of a tenant, as `tenants.yaml` states it, is passed; nothing was stored. */
export class QuotaExceeded extends ServiceError {
  readonly reason = "QUOTA_EXCEEDED";
  override readonly quotaSubject: string;
  override readonly retryAfterMs: number | undefined;

  /**
   * @param limit its key in `tenants.yaml`
   * @param retryAfterMs for what passes by itself, such as open streams
   */
  constructor(tenant: string, limit: keyof TenantLimits, maximum: number, retryAfterMs?: number) {
    const isSize = limit === "record_bytes" || limit === "batch_bytes";
    const what = isSize ? "this is more than tenant" : "tenant";
    super(`${what} ${tenant} ${isSize ? "takes" : "is at its limit"}: ${limit} is ${maximum}`, {
      tenant,
      limit,
      maximum: `${maximum}`,
    });
    this.quotaSubject = `tenant:${tenant}`;
    // Where nothing is allowed nothing comes free.
    this.retryAfterMs = maximum === 0 ? undefined : retryAfterMs;
  }
}

/** The disk has too little space for what waits and for the journal, or no more files can be opened; nothing was stored. */
export class StorageFull extends ServiceError {
  readonly reason = "STORAGE_FULL";
  override readonly quotaSubject = "server:storage";
  override readonly retryAfterMs = 1000;

  constructor() {
    super("the server is out of disk space or of open files; nothing was stored");
  }
}

/** More waits to be written than the server is willing to hold in memory; nothing was stored. */
export class BacklogFull extends ServiceError {
  readonly reason = "BACKLOG_FULL";
  override readonly quotaSubject = "server:backlog";
  override readonly retryAfterMs = 100;

  constructor(maximumBytes: number) {
    super(`more than ${maximumBytes} bytes of this tenant already wait to be written`, { maximum: `${maximumBytes}` });
  }
}

/** Callers of one tenant leave more answers unread than the server is willing to hold in memory. */
export class AnswersUnread extends ServiceError {
  readonly reason = "ANSWERS_UNREAD";
  override readonly quotaSubject: string;
  override readonly retryAfterMs = 1000;

  constructor(tenant: string, maximumBytes: number) {
    super(`more than ${maximumBytes} bytes of answers to callers of tenant ${tenant} wait to be read`, {
      tenant,
      maximum: `${maximumBytes}`,
    });
    this.quotaSubject = `tenant:${tenant}`;
  }
}

/** Stored bytes are not what was written. Where exactly is for the server's log (`location`), not for the caller. */
export class RecordCorrupt extends ServiceError {
  readonly reason = "RECORD_CORRUPT";
  readonly location: string;

  /** @param topicId undefined: that it is damaged keeps it from being known */
  constructor(topicId: string | undefined, location: string, problem: string) {
    super("stored records are damaged; the server's log says where", topicId === undefined ? {} : { topicId });
    this.location = `${location}: ${problem}`;
  }
}

/**
 * Files of one topic could not be written or read. With a cause, that was met now, and the server's log is yet to be told;
 * without one, it was met before and told then, and the topic takes nothing until the server is restarted.
 */
export class TopicStorageFailed extends ServiceError {
  readonly reason = "TOPIC_STORAGE_FAILED";

  /** @param topicId undefined: it was about to be created */
  constructor(topicId: string | undefined, cause?: unknown) {
    const until = cause === undefined ? "the topic takes no records until the server is restarted: its" : "the topic's";
    const facts = topicId === undefined ? {} : { topicId };
    super(`${until} files could not be read or written; the server's log says which`, facts, { cause });
  }
}

/** The journal could not be written or synced. Nothing is acknowledged until the server is restarted. */
export class JournalFailed extends ServiceError {
  readonly reason = "JOURNAL_FAILED";

  constructor(cause: unknown) {
    const code = cause instanceof Error && "code" in cause && typeof cause.code === "string" ? ` (${cause.code})` : "";
    super(`the journal failed${code}: nothing can be stored until the server is restarted`, {}, { cause });
  }
}

export class LogClosed extends ServiceError {
  readonly reason = "LOG_CLOSED";

  constructor() {
    super("the log is closed");
  }
}

export class ShuttingDown extends ServiceError {
  readonly reason = "SHUTTING_DOWN";
  override readonly retryAfterMs = 1000;

  constructor() {
    super("the server is shutting down");
  }
}

/** The connection has reached the server's limit of age: the same call goes on, on another connection, at once. */
export class ConnectionTooOld extends ServiceError {
  readonly reason = "CONNECTION_TOO_OLD";
  override readonly retryAfterMs = 0;

  constructor() {
    super("the connection has reached the server's limit of age");
  }
}

export class Cancelled extends ServiceError {
  readonly reason = "CANCELLED";

  constructor() {
    super("the call was cancelled");
  }
}

/** One mistake in a file, a flag or a variable: where it is, what it is, and what was expected. Lines and columns count from 1. */
export interface Finding {
  readonly source: string;
  readonly line?: number;
  readonly column?: number;
  readonly problem: string;
}

/** `policy.csv:7:3: unknown action "prodcue"; did you mean "produce"?` */
export function formatFinding(finding: Finding): string {
  const place = [finding.source, finding.line, finding.column].filter((part) => part !== undefined).join(":");
  return `${place}: ${finding.problem}`;
}

/** Something that whoever runs aclog can mend: a file, a flag, a directory. Never travels to a caller. */
export class OperatorError extends Error {
  /** Every mistake that was found, not just the first. */
  readonly findings: readonly Finding[];

  constructor(message: string, findings: readonly Finding[] = [], options?: ErrorOptions) {
    super([message, ...findings.map((finding) => `  ${formatFinding(finding)}`)].join("\n"), options);
    this.name = "OperatorError";
    this.findings = findings;
  }
}

/** A policy that cannot be used: its files have mistakes, or would have with what was asked for. */
export class UnusablePolicy extends OperatorError {}

/** A setting that there is not, or a value that it may not have, wherever it is written: the command was used wrongly. */
export class WrongSettings extends OperatorError {}

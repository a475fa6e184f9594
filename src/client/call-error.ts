/** What a call failed with, read once from the status and its details. */
import { status, type Metadata } from "@grpc/grpc-js";
import { decodeStatus, readStatusMessage, statusDetailsKey, type DecodedStatus } from "../wire/definition.js";
import type { StatusOutput } from "../wire/generated/google/rpc/Status.js";

/** One request field and what is wrong with it. */
export interface FieldViolation {
  /** A path in the request, such as `records[3].key`. */
  readonly field: string;
  readonly description: string;
}

/** One limit that was passed. */
export interface QuotaViolation {
  /** Whose limit, such as `tenant:acme`, or which one. */
  readonly subject: string;
  readonly description: string;
}

/** The server, or the way to it, answered with a status other than OK. */
export class CallError extends Error {
  /** A gRPC status code. */
  readonly code: number;
  /** Its name, such as `PERMISSION_DENIED`. */
  readonly codeName: string;
  /** The server's own words. */
  readonly details: string;
  /** A stable word to branch on, such as `OFFSET_OUT_OF_RANGE`; undefined if the status is not one of aclog's own. */
  readonly reason: string | undefined;
  /**
   * What goes with the reason, such as the range that an offset is outside of; with PERMISSION_DENIED `decision`, by
   * which the server's administrator finds out why.
   */
  readonly facts: Readonly<Record<string, string>>;
  readonly fieldViolations: readonly FieldViolation[];
  readonly quotaViolations: readonly QuotaViolation[];
  /** How long to wait before trying again may help, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(code: number, details: string, decoded?: DecodedStatus["details"], options?: ErrorOptions) {
    const codeName = status[code] ?? `CODE_${code}`;
    super(`${codeName}: ${details}`, options);
    this.name = "CallError";
    this.code = code;
    this.codeName = codeName;
    this.details = details;
    this.reason = decoded?.ErrorInfo?.reason;
    this.facts = decoded?.ErrorInfo?.metadata ?? {};
    this.fieldViolations = decoded?.BadRequest?.fieldViolations ?? [];
    this.quotaViolations = decoded?.QuotaFailure?.violations ?? [];
    const delay = decoded?.RetryInfo?.retryDelay;
    this.retryAfterMs = delay ? Number(delay.seconds) * 1000 + delay.nanos / 1e6 : undefined;
  }
}

/**
 * What becomes of a call that was tried in vain: the refusal that its last attempt got, if a server gave a reason, in other words.
 *
 * @param code unless a server gave a reason
 */
export function asLastAttempt(code: number, details: string, last: Error | undefined): CallError {
  if (!(last instanceof CallError) || last.reason === undefined) {
    return new CallError(code, details, undefined, { cause: last });
  }
  const ErrorInfo = { reason: last.reason, domain: "aclog", metadata: { ...last.facts } };
  return new CallError(last.code, details, { ErrorInfo }, { cause: last });
}

/** A method was called after `close`. */
export class ClientClosed extends Error {
  constructor() {
    super("the client was closed");
    this.name = "ClientClosed";
  }
}

/** So much is waiting to be stored that no more is taken: wait for some of the promises of `produce` first. */
export class QueueFull extends Error {
  constructor(maximumBytes: number) {
    super(
      `more than ${maximumBytes} bytes of records wait for their answers: wait for some of them before producing more`,
    );
    this.name = "QueueFull";
  }
}

/** A CallError for what a message says, as `ProduceResponse.error`. */
export function errorInMessage(error: StatusOutput): CallError {
  return new CallError(
    error.code,
    error.message,
    unlessDamaged(() => readStatusMessage(error).details),
  );
}

/** A CallError for what grpc-js reports; anything else is given back as it is. */
export function toCallError(error: unknown): unknown {
  if (!isServiceError(error)) return error;
  return new CallError(error.code, error.details, readDetails(error.metadata), { cause: error });
}

function readDetails(metadata: Metadata): DecodedStatus["details"] | undefined {
  const [trailer] = metadata.get(statusDetailsKey);
  return Buffer.isBuffer(trailer) ? unlessDamaged(() => decodeStatus(trailer).details) : undefined;
}

/** Damaged details must not hide the status that they came with. */
function unlessDamaged<Details>(read: () => Details): Details | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function isServiceError(error: unknown): error is Error & { code: number; details: string; metadata: Metadata } {
  return error instanceof Error && "metadata" in error && "code" in error && typeof error.code === "number";
}

/** What came of a call, whatever kind of call it was: the status, and how much was handed over before it. */
import {
  type CallOptions,
  type ClientReadableStream,
  type Metadata,
  type ServiceError,
  type StatusObject,
  status,
} from "@grpc/grpc-js";
import { type DecodedStatus, decodeStatus, readStatusMessage, statusDetailsKey } from "../wire/definition.js";
import type { StatusOutput } from "../wire/generated/google/rpc/Status.js";

export interface Answer<Message> {
  readonly messages: readonly Message[];
  readonly code: status;
  /** The stable word of an error of aclog's own. */
  readonly reason: string | undefined;
  readonly details: string;
  /** Which field of the request is to blame, if one is. */
  readonly field?: string | undefined;
  /** How long to wait before trying again may help, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** A call that is not over by then is not going to be. */
const patienceMs = 60_000;

/** What every call of the matrix is made with. */
export function callOptions(forMs = patienceMs): CallOptions {
  return { deadline: Date.now() + forMs };
}

/** The answer to a call with one response. */
export function once<Message>(
  start: (done: (error: ServiceError | null, message?: Message) => void) => unknown,
): Promise<Answer<Message>> {
  return new Promise((resolve) => {
    start((error, message) => {
      if (error === null) resolve({ messages: message === undefined ? [] : [message], ...accepted });
      else resolve({ messages: [], ...refused(error) });
    });
  });
}

/** The answer to a call with many responses: all until its status, or the first `enough` of them. */
export function collected<Message>(call: ClientReadableStream<Message>, enough = Infinity): Promise<Answer<Message>> {
  return new Promise((resolve) => {
    const messages: Message[] = [];
    let final: StatusObject | undefined;
    call.on("data", (message: Message) => {
      messages.push(message);
      if (messages.length === enough) call.cancel();
    });
    // The status says the same, and comes in any case.
    call.on("error", () => undefined);
    call.on("status", (arrived: StatusObject) => {
      final = arrived;
    });
    // Only now has every message been seen that came before the status.
    call.on("end", () => {
      const isOurs = messages.length >= enough;
      resolve({ messages, ...(isOurs || final?.code === status.OK ? accepted : refused(final)) });
    });
  });
}

/** The answer to a call whose refusal is one of its messages, as on a stream with request ids. */
export function refusedIn(error: StatusOutput): Answer<never> {
  const code = codes.find((each: number) => each === error.code) ?? status.UNKNOWN;
  return { messages: [], code, details: onOneLine(error.message), ...explained(() => readStatusMessage(error)) };
}

/** What somebody else says: it must not move a terminal's cursor or end a line, and no letter may be out of its place or unseen. */
export function onOneLine(words: string): string {
  return words.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (sign) => `\\u{${sign.codePointAt(0)!.toString(16)}}`);
}

const codes = Object.values(status).filter((each) => typeof each !== "string");

const accepted = { code: status.OK, reason: undefined, details: "" } as const;

function refused(
  error: { readonly code: status; readonly details: string; readonly metadata: Metadata } | undefined,
): Omit<Answer<never>, "messages"> {
  if (error === undefined) return { code: status.UNKNOWN, reason: undefined, details: "ended without a status" };
  const [trailer] = error.metadata.get(statusDetailsKey);
  const why = Buffer.isBuffer(trailer) ? explained(() => decodeStatus(trailer)) : { reason: undefined };
  return { code: error.code, details: onOneLine(error.details), ...why };
}

function explained(decode: () => DecodedStatus): Pick<Answer<never>, "reason" | "field" | "retryAfterMs"> {
  try {
    const { ErrorInfo, BadRequest, RetryInfo } = decode().details;
    const delay = RetryInfo?.retryDelay;
    return {
      reason: ErrorInfo?.reason,
      field: BadRequest?.fieldViolations[0]?.field,
      retryAfterMs: delay ? Number(delay.seconds) * 1000 + delay.nanos / 1e6 : undefined,
    };
  } catch {
    // Damaged details give no reason, and without the right one no refusal counts.
    return { reason: undefined };
  }
}

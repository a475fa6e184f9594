/** What came of a call, whatever kind of call it was: the status, and how much was handed over before it. */
import {
  type CallOptions,
  type ClientReadableStream,
  type Metadata,
  type ServiceError,
  type StatusObject,
  status,
} from "@grpc/grpc-js";
import { decodeStatus, statusDetailsKey } from "../wire/definition.js";

export interface Answer<Message> {
  readonly messages: readonly Message[];
  readonly code: status;
  /** The stable word of an error of aclog's own. */
  readonly reason: string | undefined;
  readonly details: string;
}

/** A call that is not over by then is not going to be. */
const patienceMs = 60_000;

/** What every call of the matrix is made with. */
export function callOptions(): CallOptions {
  return { deadline: Date.now() + patienceMs };
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

const accepted = { code: status.OK, reason: undefined, details: "" } as const;

function refused(
  error: { readonly code: status; readonly details: string; readonly metadata: Metadata } | undefined,
): Pick<Answer<never>, "code" | "reason" | "details"> {
  if (error === undefined) return { code: status.UNKNOWN, reason: undefined, details: "ended without a status" };
  return { code: error.code, reason: reasonOf(error.metadata), details: error.details };
}

function reasonOf(metadata: Metadata): string | undefined {
  const [trailer] = metadata.get(statusDetailsKey);
  try {
    return Buffer.isBuffer(trailer) ? decodeStatus(trailer).details.ErrorInfo?.reason : undefined;
  } catch {
    // A damaged trailer gives no reason, and without the right one no refusal counts.
    return undefined;
  }
}

/** One cell against a server that runs elsewhere: every call of its action that can be made without effect. */
import { setTimeout } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import type { StatedCase } from "../authz/index.js";
import { isSystemName } from "../names.js";
import type { Answer } from "./answer.js";
import type { Caller } from "./callers.js";
import { type Probe, probesOf } from "./probes.js";
import { type Attempted, type TriedCell, inAll } from "./try-cell.js";

/** The server, or the way to it, is not there any more. */
export class NoAnswer extends Error {}

/** How long a run waits, all in all, for a server that says that it is at a limit and when to ask again. */
const maxWaitMs = 60_000;
/** Whoever says "at once" is not asked ten thousand times. */
const minWaitMs = 100;

/** Asks again where the server says that it is worth waiting. */
export class Patience {
  readonly #signal: AbortSignal | undefined;
  #leftMs: number;

  /** @param signal ends the waiting, which then rejects */
  constructor(signal: AbortSignal | undefined, leftMs = maxWaitMs) {
    this.#signal = signal;
    this.#leftMs = leftMs;
  }

  /** @throws NoAnswer when nobody answers; the reason of `signal` */
  async ask<Message>(call: () => Promise<Answer<Message> | undefined>): Promise<Answer<Message> | undefined> {
    for (;;) {
      const answer = await call();
      if (answer === undefined) return undefined;
      const { code, reason, details, retryAfterMs } = answer;
      if (reason === undefined && (code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED)) {
        // grpc-js ends some messages with a label that nothing follows.
        throw new NoAnswer(`the server does not answer (${details.replace(/\.? Resolution note: *$/, "")})`);
      }
      if (code !== status.RESOURCE_EXHAUSTED || retryAfterMs === undefined || this.#leftMs <= 0) return answer;
      const waitMs = Math.min(Math.max(retryAfterMs, minWaitMs), this.#leftMs);
      this.#leftMs -= waitMs;
      await setTimeout(waitMs, undefined, { signal: this.#signal });
    }
  }
}

/** Undefined where no call says anything about it without effect. @throws NoAnswer */
export async function probeCell(cell: StatedCase, caller: Caller, patience: Patience): Promise<TriedCell | undefined> {
  const errand = { caller, tenant: cell.tenant, topic: cell.topic };
  const attempts: Attempted[] = [];
  for (const probe of probesOf[cell.action]) {
    if (probe.applies?.(errand) === false) continue;
    const answer = await patience.ask(() => probe.call(errand));
    if (answer === undefined) continue;
    const attempted = { method: probe.method, ...judge(probe, cell, answer) };
    attempts.push(attempted);
    // A server that does not answer as it must is asked for nothing else: it may not refuse what would have an effect.
    if (attempted.got === "neither") break;
  }
  return attempts.length === 0 ? undefined : inAll(cell, attempts);
}

function judge({ ends }: Probe, cell: StatedCase, answer: Answer<unknown>): Omit<Attempted, "method"> {
  const { code, reason, details, field, messages } = answer;
  if (code === status.PERMISSION_DENIED && reason === "PERMISSION_DENIED") {
    // The server says whom it refuses: a certificate may be taken there for somebody else.
    const refused = /^(\S+) may not /.exec(details)?.[1] ?? cell.principal;
    if (refused !== cell.principal) return { got: "neither", problem: `the server takes the caller for ${refused}` };
    if (messages.length > 0) return { got: "neither", problem: `refused, and yet it delivered ${messages.length}` };
    return { got: "deny", refusal: { layer: "policy", status: "PERMISSION_DENIED", said: details } };
  }
  const end = code === status.OK ? "OK" : reason === "INVALID_FIELD" ? `${reason} ${field ?? ""}` : (reason ?? "");
  // Only the server writes there, which whoever may is told in the place of everything else.
  const isServersOwn = isSystemName(cell.topic) && end === "INVALID_FIELD topic";
  if (ends.includes(end) || isServersOwn) return { got: "allow" };
  return { got: "neither", problem: `${status[code]}: ${details}` };
}

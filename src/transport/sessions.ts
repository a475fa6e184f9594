import { type ServerHttp2Session, constants } from "node:http2";
import { ConnectionTooOld } from "../errors.js";
import { watchControlFrames } from "./control-frames.js";
import type { CallRegister, EndableCall } from "./outcomes.js";
import { toStatus } from "./status.js";
import { longestTimeoutMs } from "./timeouts.js";

/** All in milliseconds; Infinity for what is not limited. */
export interface SessionLimits {
  /** A connection this old takes no more calls; its client opens another one. */
  readonly maxAgeMs: number;
  /** How long its calls may go on then. */
  readonly ageGraceMs: number;
  /** A connection without a call for this long is closed. */
  readonly maxIdleMs: number;
  /** How long after the grace a status may take to arrive. */
  readonly undeliveredMs: number;
}

/** Each of many connections that were opened together gets a time of its own: within this part of the limit. */
const jitter = 0.1;

/** One session's calls, and since when there is none. */
interface Live {
  readonly calls: Set<EndableCall>;
  idleSince: number;
}

/** The live HTTP/2 sessions, and the calls that are open on each. Closes the old and the idle, and cuts off floods. */
export class Sessions implements CallRegister {
  readonly #live = new Map<ServerHttp2Session, Live>();
  readonly #limits: SessionLimits;
  readonly #onFlood: (session: ServerHttp2Session) => void;

  /** `onFlood` is told of a session that is about to be cut off. */
  constructor(limits: SessionLimits, onFlood: (session: ServerHttp2Session) => void) {
    this.#limits = limits;
    this.#onFlood = onFlood;
  }

  /** From its first byte on, until it closes. */
  watch(session: ServerHttp2Session): void {
    const live = { calls: new Set<EndableCall>(), idleSince: performance.now() };
    this.#live.set(session, live);
    session.once("close", () => this.#live.delete(session));
    watchControlFrames(session, () => {
      this.#onFlood(session);
      session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      session.destroy();
    });
    this.#limitAge(session, live);
    this.#limitIdleness(session, live);
  }

  add(session: ServerHttp2Session, call: EndableCall): void {
    this.#live.get(session)?.calls.add(call);
  }

  delete(session: ServerHttp2Session, call: EndableCall): void {
    const live = this.#live.get(session);
    live?.calls.delete(call);
    if (live?.calls.size === 0) live.idleSince = performance.now();
  }

  /** Answers every call that is open, on any session, whatever answers it is still due. */
  cutAll(error: Error): void {
    // A status of its own for each: a call writes its request id into it.
    for (const { calls } of this.#live.values()) for (const call of [...calls]) call.sendStatus(toStatus(error));
  }

  #limitAge(session: ServerHttp2Session, { calls }: Live): void {
    const { maxAgeMs, ageGraceMs, undeliveredMs } = this.#limits;
    if (maxAgeMs === Infinity) return;
    inTurn(session, [
      [
        withJitter(maxAgeMs),
        () => {
          // First an announcement: what is on its way to us is still taken.
          session.goaway(constants.NGHTTP2_NO_ERROR, 2 ** 31 - 1, Buffer.from("max_age"));
          session.close();
        },
      ],
      [
        ageGraceMs,
        () => {
          for (const call of [...calls]) call.end(toStatus(new ConnectionTooOld()));
        },
      ],
      [undeliveredMs, () => session.destroy()],
    ]);
  }

  #limitIdleness(session: ServerHttp2Session, live: Live): void {
    if (this.#limits.maxIdleMs === Infinity) return;
    const limit = withJitter(this.#limits.maxIdleMs);
    let timer: NodeJS.Timeout;
    const look = (): void => {
      const left = live.calls.size > 0 ? limit : limit - (performance.now() - live.idleSince);
      if (left <= 0) session.close();
      else timer = setTimeout(look, Math.min(left, longestTimeoutMs)).unref();
    };
    look();
    session.once("close", () => clearTimeout(timer));
  }
}

function withJitter(milliseconds: number): number {
  return milliseconds * (1 - jitter + 2 * jitter * Math.random());
}

/** Each step so long after the one before, unless the session closes first. */
function inTurn(session: ServerHttp2Session, steps: readonly (readonly [afterMs: number, step: () => void])[]): void {
  let timer: NodeJS.Timeout | undefined;
  const wait = (at: number): void => {
    const [afterMs, step] = steps[at] ?? [Infinity, undefined];
    if (step === undefined || afterMs === Infinity) return;
    timer = setTimeout(
      () => {
        if (session.destroyed) return;
        step();
        wait(at + 1);
      },
      Math.min(afterMs, longestTimeoutMs),
    ).unref();
  };
  wait(0);
  session.once("close", () => clearTimeout(timer));
}

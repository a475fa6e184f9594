import { type ServerHttp2Session, constants } from "node:http2";
import type { Socket } from "node:net";
import { ConnectionTooOld, ShuttingDown } from "../errors.js";
import { watchControlFrames } from "./control-frames.js";
import type { CallRegister, EndableCall } from "./outcomes.js";
import { widenReceiveWindows } from "./receive-windows.js";
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
  /** How long a status may take to be taken; a connection that is closed is cut when it takes twice as long. */
  readonly undeliveredMs: number;
  /** So often a peer is asked whether it is still there. */
  readonly keepaliveMs: number;
  /** One that has not answered by then is cut off. */
  readonly keepaliveTimeoutMs: number;
}

/** How long the calls of a connection whose peer is nobody any more have to end by themselves. */
const lastCallsMs = 350;
/** And how long all of it may take, until the connection is cut: within a second of the change in the files that ended it. */
const endMs = 500;

/** Each of many connections that were opened together gets a time of its own: within this part of the limit. */
const jitter = 0.1;

interface Live {
  readonly session: ServerHttp2Session;
  /** What the session is on. Whoever destroys only a session waits for its peer to take what is on its way, and to close. */
  readonly socket: Socket;
  readonly calls: Set<EndableCall>;
  /** Since when there is no call. */
  idleSince: number;
  /** It takes no more calls, and closes behind those that it has. */
  isLeaving: boolean;
}

/**
 * The live HTTP/2 sessions, and the calls that are open on each. Closes the old and the idle, and cuts off floods and peers
 * that have gone without a word. grpc-js has a keepalive too, which cuts off every session that is closing: Node lets
 * nobody ping there.
 */
export class Sessions implements CallRegister {
  readonly #live = new Map<ServerHttp2Session, Live>();
  readonly #bySocket = new WeakMap<Socket, Live>();
  readonly #limits: SessionLimits;
  readonly #onFlood: (session: ServerHttp2Session) => void;

  /** `onFlood` is told of a session that is about to be cut off. */
  constructor(limits: SessionLimits, onFlood: (session: ServerHttp2Session) => void) {
    this.#limits = limits;
    this.#onFlood = onFlood;
  }

  /** From its beginning, until it closes. */
  watch(session: ServerHttp2Session, socket: Socket): void {
    const live = { session, socket, calls: new Set<EndableCall>(), idleSince: performance.now(), isLeaving: false };
    this.#live.set(session, live);
    this.#bySocket.set(socket, live);
    session.once("close", () => this.#live.delete(session));
    widenReceiveWindows(session);
    watchControlFrames(session, () => {
      this.#onFlood(session);
      session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      // Node is handing out what it has read. A session that is destroyed within that may write, and read, within itself.
      setImmediate(() => this.#destroy(live));
    });
    this.#limitAge(live);
    this.#limitIdleness(live);
    this.#keepAlive(live);
  }

  add(session: ServerHttp2Session, call: EndableCall): void {
    this.#live.get(session)?.calls.add(call);
  }

  delete(session: ServerHttp2Session, call: EndableCall): void {
    const live = this.#live.get(session);
    if (live === undefined) return;
    live.calls.delete(call);
    if (live.calls.size > 0) return;
    live.idleSince = performance.now();
    if (live.isLeaving) this.#close(live);
  }

  /**
   * Ends the connection on this socket: it takes no more calls and closes behind those that it has. Those that are open have
   * been told before; what is left of them after a while is told `why`.
   *
   * @param since from when on the time is counted, by `performance.now()`
   */
  end(socket: Socket, since: number, why: () => Error): void {
    const live = this.#bySocket.get(socket);
    // One after the other, and not both from now on: in a server that is held up for longer both would be due in one turn, and
    // what is told would be cut off with its connection.
    const cutCalls = (): void => {
      if (live !== undefined && !live.session.destroyed) {
        for (const call of [...live.calls]) call.sendStatus(toStatus(why()));
        this.#close(live);
      }
      timer = setTimeout(() => socket.destroy(), endMs - lastCallsMs).unref();
    };
    let timer = setTimeout(cutCalls, Math.max(0, since + lastCallsMs - performance.now())).unref();
    socket.once("close", () => clearTimeout(timer));
    if (live === undefined || live.session.destroyed) return;
    const { session, calls } = live;
    session.goaway();
    live.isLeaving = true;
    // Whoever brings this about may be in the midst of what Node has read from this session.
    if (calls.size === 0) setImmediate(() => this.#close(live));
  }

  /** How many calls of each method are open on the session that is on this socket. */
  openCallsOn(socket: Socket): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { method } of this.#bySocket.get(socket)?.calls ?? []) counts.set(method, (counts.get(method) ?? 0) + 1);
    return counts;
  }

  /** Answers every call that is open, on any session, whatever answers it is still due. */
  cutAll(error: Error): void {
    // A status of its own for each: a call writes its request id into it.
    for (const { calls } of this.#live.values()) for (const call of [...calls]) call.sendStatus(toStatus(error));
  }

  /** Cuts every session off, whatever goes on there. */
  destroyAll(): void {
    for (const { session } of [...this.#live.values()]) session.destroy(new ShuttingDown(), constants.NGHTTP2_CANCEL);
  }

  #limitAge(live: Live): void {
    const { maxAgeMs, ageGraceMs } = this.#limits;
    if (maxAgeMs === Infinity) return;
    const { session, calls } = live;
    inTurn(session, [
      [
        withJitter(maxAgeMs),
        () => {
          // First an announcement: what is on its way to us is still taken.
          session.goaway(constants.NGHTTP2_NO_ERROR, 2 ** 31 - 1, Buffer.from("max_age"));
          session.goaway();
          live.isLeaving = true;
          if (calls.size === 0) this.#close(live);
        },
      ],
      [
        ageGraceMs,
        () => {
          for (const call of [...calls]) call.end(new ConnectionTooOld());
          this.#close(live);
        },
      ],
    ]);
  }

  #limitIdleness(live: Live): void {
    if (this.#limits.maxIdleMs === Infinity) return;
    const limit = withJitter(this.#limits.maxIdleMs);
    let timer: NodeJS.Timeout;
    const look = (): void => {
      const left = live.calls.size > 0 ? limit : limit - (performance.now() - live.idleSince);
      if (left <= 0) this.#close(live);
      else timer = setTimeout(look, Math.min(left, longestTimeoutMs)).unref();
    };
    look();
    live.session.once("close", () => clearTimeout(timer));
  }

  #keepAlive(live: Live): void {
    const { keepaliveMs, keepaliveTimeoutMs } = this.#limits;
    const { session, socket, calls } = live;
    let timer: NodeJS.Timeout;
    const ask = (): void => {
      // Nobody may ping there any more. Where its calls go on, only TCP can ask.
      if (session.closed || session.destroyed) {
        if (session.destroyed || calls.size === 0) this.#cutLater(live);
        else socket.setKeepAlive(true, Math.min(keepaliveMs, longestTimeoutMs));
        wait();
        return;
      }
      const isSent = session.ping((error) => {
        if (error !== null) return;
        clearTimeout(timer);
        wait();
      });
      const patienceMs = isSent ? Math.min(keepaliveTimeoutMs, longestTimeoutMs) : 0;
      timer = setTimeout(() => this.#destroy(live), patienceMs).unref();
    };
    const wait = (): void => {
      timer = setTimeout(ask, Math.min(keepaliveMs, longestTimeoutMs)).unref();
    };
    wait();
    session.once("close", () => clearTimeout(timer));
  }

  /** Behind its calls. */
  #close(live: Live): void {
    if (live.session.closed) return;
    live.session.close();
    this.#cutLater(live);
  }

  #destroy(live: Live): void {
    live.session.destroy();
    this.#cutLater(live);
  }

  /** A peer that takes nothing more, or does not close its end, must not hold the connection. */
  #cutLater({ session, socket }: Live): void {
    // What its calls are told is given up before.
    const timer = setTimeout(() => socket.destroy(), 2 * this.#limits.undeliveredMs).unref();
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

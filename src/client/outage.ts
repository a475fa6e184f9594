import { defaultTimeoutMs, type Call } from "./calls.js";
import type { Sending } from "./lane.js";
import { maxVainResends, resendDelayMs } from "./refusals.js";

/** A server that is gone is waited for so long where records wait to be sent, unless the call has a time of its own. */
const defaultLongestMs = defaultTimeoutMs;
/** A stream that held for so long, and owed nothing when it broke, is no part of the outage before it. */
const heldMs = 5_000;
/** When so many attempts in a row came to nothing, it is more than a connection that was replaced. */
const attemptsBeforeTold = 3;

/**
 * Told when the server is gone and is waited for, once until there is an answer again.
 *
 * @param reason what the last attempt got
 * @param forMs how long it is waited for at most, in milliseconds; Infinity if for ever
 */
export type OnWaiting = (reason: Error, forMs: number) => void;

type Answered = Pick<Sending, "wasAnswered">;

/** How long a server is gone, and whether it is still waited for. */
export class Outage {
  readonly #call: Call;
  readonly #sending: Answered;
  readonly #longestMs: number;
  readonly #onWaiting: OnWaiting | undefined;
  /** How often in a row a stream broke. */
  #broken = 0;
  /** How often of that since a server was back. */
  #vain = 0;
  /** Monotonic, in milliseconds. */
  #since = Infinity;

  constructor(call: Call, sending: Answered, onWaiting: OnWaiting | undefined, longestMs = defaultLongestMs) {
    this.#call = call;
    this.#sending = sending;
    this.#longestMs = longestMs;
    this.#onWaiting = onWaiting;
  }

  /** Notes that a server has answered. */
  end(): void {
    this.#broken = 0;
    this.#vain = 0;
    this.#since = Infinity;
  }

  /** Notes that a server is there again, which has brought nothing yet: that it goes again is told, too. */
  noteBack(): void {
    this.#vain = 0;
  }

  /** Notes how long a stream was there that owed nothing when it broke, in milliseconds. */
  noteHeld(ms: number): void {
    if (ms >= heldMs) this.end();
  }

  /** Where nobody has ever answered, a wrong address is likelier than a server that comes back. */
  get isTooLong(): boolean {
    if (!this.#sending.wasAnswered) return this.#broken >= maxVainResends;
    return !this.#call.hasDeadline && performance.now() - this.#since > this.#longestMs;
  }

  /** Resolves when it may be tried again after a stream has broken for this reason. */
  async pause(reason: Error): Promise<void> {
    this.#since = Math.min(this.#since, performance.now());
    const delayMs = resendDelayMs(this.#broken++, reason);
    this.#vain++;
    if (this.#sending.wasAnswered && this.#vain === attemptsBeforeTold) this.#onWaiting?.(reason, this.#leftMs);
    await this.#call.pause(delayMs);
  }

  get #leftMs(): number {
    if (this.#call.hasDeadline) return this.#call.leftMs;
    return this.#longestMs - (performance.now() - this.#since);
  }
}

/** However far away the next end is, the clock is looked at so often: it may jump. In milliseconds. */
const lookMs = 1_000;

/** Looks when a moment has come by the wall clock, a year ahead too, also when that clock is put right meanwhile. */
export class ExpiryTimer {
  readonly #now: () => number;
  readonly #look: (nowMs: number) => number | undefined;
  #nextMs = Infinity;
  #timer: NodeJS.Timeout | undefined;

  /** @param look called about once a second, and when a moment has come; gives the next one, if any */
  constructor(now: () => number, look: (nowMs: number) => number | undefined) {
    this.#now = now;
    this.#look = look;
  }

  /** One more moment, in milliseconds since 1970. */
  note(momentMs: number): void {
    if (momentMs >= this.#nextMs) return;
    this.#nextMs = momentMs;
    this.#arm();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#nextMs = -Infinity;
  }

  #arm(): void {
    clearTimeout(this.#timer);
    // A timer may fire a moment before its time, and then only looks.
    const waitMs = Math.min(lookMs, Math.max(1, this.#nextMs - this.#now()));
    this.#timer = setTimeout(() => this.#fire(), waitMs).unref();
  }

  #fire(): void {
    this.#nextMs = this.#look(this.#now()) ?? Infinity;
    if (this.#nextMs !== Infinity) this.#arm();
  }
}

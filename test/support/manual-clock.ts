import type { Clock } from "../../src/log/clock.js";

/** A clock that goes where a test wants it to. It stands still in between, unless it is made to go on by itself. */
export class ManualClock implements Clock {
  bootId: string | undefined = "boot 1";
  readonly #goesOn: boolean;
  readonly #startedMs = performance.now();
  #wallMs = Date.UTC(2026, 10, 21);
  #monotonicMs = 5000;
  #uptimeMs = 60_000;

  constructor(options: { goesOn?: boolean } = {}) {
    this.#goesOn = options.goesOn ?? false;
    if (this.#goesOn) this.#wallMs = Date.now();
  }

  wallMs(): number {
    return Math.round(this.#wallMs + this.#passedMs);
  }

  monotonicMs(): number {
    return this.#monotonicMs + this.#passedMs;
  }

  uptimeMs(): number {
    return this.#uptimeMs + this.#passedMs;
  }

  /** Time goes by. */
  advance(milliseconds: number): void {
    this.#wallMs += milliseconds;
    this.#monotonicMs += milliseconds;
    this.#uptimeMs += milliseconds;
  }

  /** Somebody sets the wall clock. */
  jump(milliseconds: number): void {
    this.#wallMs += milliseconds;
  }

  /** The machine is off for so long, and the process is another one. */
  reboot(milliseconds: number): void {
    this.#wallMs += milliseconds;
    this.#monotonicMs = 0;
    this.#uptimeMs = 0;
    this.bootId = this.bootId === undefined ? undefined : `${this.bootId}+`;
  }

  get #passedMs(): number {
    return this.#goesOn ? performance.now() - this.#startedMs : 0;
  }
}

import { Cancelled } from "../errors.js";

/** Requests of one stream that may be on their way to the disk; then the stream is not read further. */
export const maxUnanswered = 4096;
/** And their bytes. */
const maxUnansweredBytes = 16 * 1024 * 1024;

/** What one stream has on its way to the disk: bounds it, and remembers the first failure. */
export class UnderWay {
  readonly #signal: AbortSignal;
  #count = 0;
  #bytes = 0;
  #failure: { readonly error: unknown } | undefined;
  #changed: (() => void) | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#changed?.(), { once: true });
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Counts a request of so many bytes until `work` is done. Never throws. */
  async count(bytes: number, work: () => Promise<void>): Promise<void> {
    this.#count++;
    this.#bytes += bytes;
    try {
      await work();
    } catch (error) {
      this.#failure ??= { error };
    } finally {
      this.#count--;
      this.#bytes -= bytes;
      this.noteChange();
    }
  }

  /**
   * Resolves when the stream may be read further.
   *
   * @param isFull asked again after each change
   * @throws what kept an earlier request from being stored; Cancelled when the signal aborts
   */
  async room(isFull: () => boolean = () => false): Promise<void> {
    while (this.#count >= maxUnanswered || this.#bytes >= maxUnansweredBytes || isFull()) await this.change();
    this.#throwFailure();
    if (this.#signal.aborted) throw new Cancelled();
  }

  /** Resolves when nothing is under way any more, or the signal aborts. @throws what kept a request from being stored */
  async settled(): Promise<void> {
    while (this.#count > 0 && !this.#signal.aborted) await this.change();
    this.#throwFailure();
  }

  /** Resolves when something has come to an end, or the signal aborts. @throws Cancelled if it had before */
  change(): Promise<void> {
    if (this.#signal.aborted) return Promise.reject(new Cancelled());
    return new Promise((resolve) => {
      this.#changed = resolve;
    });
  }

  noteChange(): void {
    this.#changed?.();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

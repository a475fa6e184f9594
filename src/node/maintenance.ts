import type { LogStore } from "../log/index.js";

/** How long after one round of retention and compaction the next one begins. */
const defaultPauseMs = 5_000;

/** Applies the topics' settings every now and then, one round at a time, until it is stopped. */
export class Maintenance implements AsyncDisposable {
  readonly #store: Pick<LogStore, "maintain">;
  readonly #isTight: (tenant: string) => boolean;
  readonly #onRound: (seconds: number, error: unknown) => void;
  readonly #pauseMs: number;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;

  /**
   * @param isTight which tenants are near the limit of their storage
   * @param onRound told what each round took, and what kept it from being finished; undefined: nothing did
   */
  constructor(
    store: Pick<LogStore, "maintain">,
    isTight: (tenant: string) => boolean,
    onRound: (seconds: number, error: unknown) => void,
    pauseMs = defaultPauseMs,
  ) {
    this.#store = store;
    this.#isTight = isTight;
    this.#onRound = onRound;
    this.#pauseMs = pauseMs;
    this.#wait();
  }

  /** Begins no other round, and resolves when the one under way is over: the store may be closed then. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #wait(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#running = this.#round().finally(() => this.#wait());
    }, this.#pauseMs).unref();
  }

  async #round(): Promise<void> {
    const started = performance.now();
    const error = await this.#store.maintain(this.#isTight).then(
      () => undefined,
      (failure: unknown) => failure,
    );
    this.#onRound((performance.now() - started) / 1000, error);
  }
}

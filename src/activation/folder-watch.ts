import { stateOf } from "./policy-folder.js";

export interface WatchOptions {
  /** How long nothing may have changed before the files are read, in milliseconds. */
  readonly settleMs: number;
  /** How long after one look the next one follows. */
  readonly pollMs: number;
}

/**
 * Looks at the policy files every now and then. Not told by the system: that it does not do for every file system, nor for a
 * folder that is a link to elsewhere; and a look costs less than a tenth of a millisecond.
 */
export class FolderWatch implements AsyncDisposable {
  readonly #directory: string;
  readonly #options: WatchOptions;
  readonly #onSettled: (state: string) => Promise<boolean>;
  readonly #onProblem: (error: unknown) => void;
  #last: string;
  #since = performance.now();
  /** What was read last, or was there at the beginning. */
  #taken: string;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #stopped = false;

  /**
   * @param state what the files were when they were read last
   * @param onSettled reads them; resolves with false if that has to be tried again
   */
  constructor(
    directory: string,
    state: string,
    options: WatchOptions,
    onSettled: (state: string) => Promise<boolean>,
    onProblem: (error: unknown) => void,
  ) {
    this.#directory = directory;
    this.#last = this.#taken = state;
    this.#options = options;
    this.#onSettled = onSettled;
    this.#onProblem = onProblem;
    this.#wait();
  }

  /** Looks no more, and resolves when the last look is over. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  #wait(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#looking = this.#look()
        .catch(this.#onProblem)
        .finally(() => this.#wait());
    }, this.#options.pollMs).unref();
  }

  async #look(): Promise<void> {
    const state = await stateOf(this.#directory);
    const now = performance.now();
    if (state !== this.#last) {
      this.#last = state;
      this.#since = now;
    } else if (state !== this.#taken && now - this.#since >= this.#options.settleMs) {
      // Before it is tried again, as long passes once more.
      const isTaken = await this.#onSettled(state).finally(() => (this.#since = performance.now()));
      if (isTaken) this.#taken = state;
    }
  }
}

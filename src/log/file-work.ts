/**
 * Who works on the files of one topic, and the moment when nobody does and nobody ever will again: then its directory
 * can go.
 */
export class FileWork {
  #running = 0;
  #onIdle: (() => void)[] = [];
  #ending: Promise<void> | undefined;
  #ended = false;

  /** Runs the task beside others. Once work has ended, does nothing and gives undefined. */
  async run<T>(task: () => Promise<T>): Promise<T | undefined> {
    while (this.#ending !== undefined) await this.#ending;
    if (this.#ended) return undefined;
    this.#running++;
    try {
      return await task();
    } finally {
      this.#running--;
      if (this.#running === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
    }
  }

  /** Runs the last task of all, alone. If it fails, work goes on. One call at a time. */
  async end(task: () => Promise<void>): Promise<void> {
    let resume: () => void = () => undefined;
    this.#ending = new Promise((resolve) => (resume = resolve));
    try {
      await this.idle();
      await task();
      this.#ended = true;
    } finally {
      this.#ending = undefined;
      resume();
    }
  }

  /** Resolves when nobody is at work. */
  async idle(): Promise<void> {
    while (this.#running > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }
}

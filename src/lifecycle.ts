/** Closes what was opened, last first, every one of them, and then reports all failures together. */
export class Closers implements AsyncDisposable {
  readonly #closers: AsyncDisposable[] = [];

  /** Takes over closing `closer`, and gives it back. */
  add<T extends AsyncDisposable>(closer: T): T {
    this.#closers.push(closer);
    return closer;
  }

  /** Registers a function to run at its place in the order. */
  defer(close: () => Promise<void> | void): void {
    this.#closers.push({
      async [Symbol.asyncDispose]() {
        await close();
      },
    });
  }

  /** Safe to repeat: what was closed is forgotten. */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (let closer = this.#closers.pop(); closer !== undefined; closer = this.#closers.pop()) {
      try {
        await closer[Symbol.asyncDispose]();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new AggregateError(failures, "several things could not be closed");
  }
}

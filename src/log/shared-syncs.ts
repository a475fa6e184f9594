import { syncDirectory } from "./durable-files.js";

interface Syncs {
  /** The one under way; it may have missed what was done after it began. */
  readonly running: Promise<void>;
  /** The one behind it, for all who have asked meanwhile. */
  next: Promise<void> | undefined;
}

/** Syncs directories for many at a time: whoever asks while one is synced shares the next sync of it with all others. */
export class SharedSyncs {
  readonly #syncs = new Map<string, Syncs>();

  /** Resolves when every name that was made, changed or removed in the directory before the call is on disk. */
  sync(directory: string): Promise<void> {
    const syncs = this.#syncs.get(directory);
    if (syncs === undefined) return this.#begin(directory);
    // One that failed is for those who waited for it.
    syncs.next ??= syncs.running.catch(() => undefined).then(() => this.#begin(directory));
    return syncs.next;
  }

  #begin(directory: string): Promise<void> {
    const running = syncDirectory(directory);
    const syncs: Syncs = { running, next: undefined };
    this.#syncs.set(directory, syncs);
    const over = (): void => {
      if (syncs.next === undefined) this.#syncs.delete(directory);
    };
    running.then(over, over);
    return running;
  }
}

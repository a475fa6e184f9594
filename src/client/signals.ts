/** Who has to be told when a signal aborts. One listener for each signal: Node warns of more than ten. */
export class SharedSignals<Listener> {
  readonly #onAbort: (listener: Listener, reason: unknown) => void;
  readonly #listening = new Map<AbortSignal, { readonly all: Set<Listener>; readonly stop: () => void }>();

  /** @param onAbort called for each listener of a signal that aborts; it may take any of them off */
  constructor(onAbort: (listener: Listener, reason: unknown) => void) {
    this.#onAbort = onAbort;
  }

  add(signal: AbortSignal, listener: Listener): void {
    let listeners = this.#listening.get(signal);
    if (listeners === undefined) {
      const all = new Set<Listener>();
      const abort = () => {
        for (const each of all) this.#onAbort(each, signal.reason);
      };
      signal.addEventListener("abort", abort);
      listeners = { all, stop: () => signal.removeEventListener("abort", abort) };
      this.#listening.set(signal, listeners);
    }
    listeners.all.add(listener);
  }

  delete(signal: AbortSignal, listener: Listener): void {
    const listeners = this.#listening.get(signal);
    if (listeners === undefined || !listeners.all.delete(listener) || listeners.all.size > 0) return;
    listeners.stop();
    this.#listening.delete(signal);
  }
}

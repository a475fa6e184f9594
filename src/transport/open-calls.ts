import { toStatus } from "./status.js";

/** A call that goes on for a while, and how it is asked whether it still may and told to end. */
export interface OpenCall {
  /** @throws PermissionDenied when the caller may not go on */
  judgeAgain(): void;
  end(status: ReturnType<typeof toStatus>): void;
}

/** Calls that are open, so that they can be ended from outside. */
export class OpenCalls {
  readonly #calls = new Set<OpenCall>();

  get size(): number {
    return this.#calls.size;
  }

  /** Returns what takes it off again. */
  add(call: OpenCall): () => void {
    this.#calls.add(call);
    return () => this.#calls.delete(call);
  }

  /** Asks each call whether it still may, and ends those that may not. */
  judgeAgain(): void {
    for (const call of [...this.#calls]) {
      try {
        call.judgeAgain();
      } catch (error) {
        this.#end(call, error);
      }
    }
  }

  /** Ends every call. */
  endAll(error: Error): void {
    for (const call of [...this.#calls]) this.#end(call, error);
  }

  #end(call: OpenCall, error: unknown): void {
    this.#calls.delete(call);
    call.end(toStatus(error));
  }
}

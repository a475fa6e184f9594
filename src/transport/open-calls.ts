import { toStatus } from "./status.js";

/** A call that goes on for a while, and how it is told to end. */
export interface OpenCall {
  /** Whether it goes on delivering on the strength of what its caller was allowed. */
  readonly delivers: boolean;
  /** @throws when its caller may not go on */
  judgeAgain(): void;
  end(status: ReturnType<typeof toStatus>): void;
}

/** Work that was begun before the same look at what is under way. */
class Round {
  #count = 0;
  #onDone: (() => void) | undefined;

  begin(): void {
    this.#count++;
  }

  /** Once for each `begin`. */
  readonly end = (): void => {
    this.#count--;
    if (this.#count === 0) this.#onDone?.();
  };

  /** Resolves when all of it is done; nothing more may be begun then. */
  async done(): Promise<void> {
    if (this.#count > 0) await new Promise<void>((resolve) => (this.#onDone = resolve));
  }
}

/** Calls that are open, so that they can be ended from outside, and batches that are on their way to the disk. */
export class OpenCalls {
  readonly #calls = new Set<OpenCall>();
  readonly #writers = new Set<() => void>();
  readonly #rounds = new Set<Promise<void>>();
  /** Counted and not listed: there is some for every call. */
  #round = new Round();
  #endedWith: Error | undefined;

  /** How many of them deliver on the strength of what the policy allowed. */
  get consumes(): number {
    let count = 0;
    for (const { delivers } of this.#calls) if (delivers) count++;
    return count;
  }

  /** Returns what takes it off again. Once all were ended, ends this one at once too. */
  add(call: OpenCall): () => void {
    if (this.#endedWith === undefined) this.#calls.add(call);
    else this.#end(call, this.#endedWith);
    return () => this.#calls.delete(call);
  }

  /**
   * The same for a call that is due answers, and has to see to its end itself.
   * @param judgeAgain must not throw
   */
  addWriter(judgeAgain: () => void): () => void {
    // Wrapped, so that the same function twice is two calls.
    const entry = (): void => judgeAgain();
    this.#writers.add(entry);
    return () => this.#writers.delete(entry);
  }

  /** Asks each call whether it still may, and ends those that may not. */
  judgeAgain(): void {
    for (const judge of [...this.#writers]) judge();
    for (const call of [...this.#calls]) {
      try {
        call.judgeAgain();
      } catch (error) {
        this.#end(call, error);
      }
    }
  }

  /** Ends every call, also those that are still to come. */
  endAll(error: Error): void {
    this.#endedWith = error;
    for (const call of [...this.#calls]) this.#end(call, error);
  }

  /** Notes work that was allowed, until what it returns is called, once. */
  begin(): () => void {
    this.#round.begin();
    return this.#round.end;
  }

  /** The same until the work is done. How it ends is for its owner. */
  track(work: Promise<unknown>): void {
    const end = this.begin();
    work.then(end, end);
  }

  /** Resolves when all work that was under way is done, however it ended. */
  async settled(): Promise<void> {
    const round = this.#round.done();
    this.#round = new Round();
    this.#rounds.add(round);
    void round.then(() => this.#rounds.delete(round));
    await Promise.all(this.#rounds);
  }

  #end(call: OpenCall, error: unknown): void {
    this.#calls.delete(call);
    call.end(toStatus(error));
  }
}

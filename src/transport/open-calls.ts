import { Stretches } from "../stretches.js";
import { toStatus } from "./status.js";

/** A call that goes on for a while, and how it is told to end. */
export interface OpenCall {
  /** Whether it goes on delivering on the strength of what its caller was allowed. */
  readonly delivers: boolean;
  /** It is due answers, and is never ended from here: it sees to that when it is judged again, and throws nothing. */
  readonly endsItself: boolean;
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
  /** By the connection that they came on: the end of one of ten thousand is not for the calls of all others. */
  readonly #calls = new Map<object, Set<OpenCall>>();
  readonly #rounds = new Set<Promise<void>>();
  /** Counted and not listed: there is some for every call. */
  #round = new Round();
  #endedWith: Error | undefined;

  /** How many of them deliver on the strength of what the policy allowed. */
  get consumes(): number {
    let count = 0;
    for (const calls of this.#calls.values()) for (const { delivers } of calls) if (delivers) count++;
    return count;
  }

  /** Returns what takes it off again. Once all were ended, ends this one at once too. */
  add(call: OpenCall, connection: object): () => void {
    this.#calls.set(connection, (this.#calls.get(connection) ?? new Set()).add(call));
    if (this.#endedWith !== undefined) this.#end(call, connection, this.#endedWith);
    return () => this.#delete(call, connection);
  }

  /**
   * Asks each call whether it still may, and ends those that may not: of a few, all when it returns; of many, all when it
   * resolves. Nothing may hang on whose turn it is: a call has to ask by itself before it delivers something.
   */
  async judgeAgain(): Promise<void> {
    const stretches = new Stretches();
    for (const connection of [...this.#calls.keys()]) {
      for (const call of this.#on(connection)) {
        this.#judge(call, connection);
        const turn = stretches.step();
        if (turn !== undefined) await turn;
      }
    }
  }

  /** The same of the calls that came on one connection, at once. */
  judgeAgainOn(connection: object): void {
    for (const call of this.#on(connection)) this.#judge(call, connection);
  }

  /** Ends every call, also those that are still to come. */
  endAll(error: Error): void {
    this.#endedWith = error;
    for (const [connection, calls] of [...this.#calls])
      for (const call of [...calls]) this.#end(call, connection, error);
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

  #on(connection: object): readonly OpenCall[] {
    return [...(this.#calls.get(connection) ?? [])];
  }

  #judge(call: OpenCall, connection: object): void {
    // It may have ended since its turn was settled.
    if (this.#calls.get(connection)?.has(call) !== true) return;
    try {
      call.judgeAgain();
    } catch (error) {
      this.#end(call, connection, error);
    }
  }

  #end(call: OpenCall, connection: object, error: unknown): void {
    if (call.endsItself) return;
    this.#delete(call, connection);
    call.end(toStatus(error));
  }

  #delete(call: OpenCall, connection: object): void {
    const calls = this.#calls.get(connection);
    if (calls?.delete(call) === true && calls.size === 0) this.#calls.delete(connection);
  }
}

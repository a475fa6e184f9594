import { setImmediate } from "node:timers/promises";
import { ShuttingDown } from "../errors.js";

/** Changes of the policy, one by one: otherwise a slow reading of older files could replace a newer policy. */
export class Changes implements AsyncDisposable {
  readonly #settled: () => Promise<void>;
  #last: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  /** @param settled resolves when all that was let in before is done */
  constructor(settled: () => Promise<void>) {
    this.#settled = settled;
  }

  /** @throws ShuttingDown when no more changes are taken */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(() => {
      if (this.#isClosed) throw new ShuttingDown();
      return work();
    });
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** What was allowed before and was on its way is over when it resolves. Others need not wait for that to take their turn. */
  async inTurnUntilSettled<T>(work: () => Promise<T>): Promise<T> {
    const result = await this.inTurn(work);
    await this.#settled();
    // An answer that was decided on before, a list for one, is handed over within the turn of the event loop.
    await setImmediate();
    return result;
  }

  /** Takes no more, and resolves when the one under way is done. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#last;
  }
}

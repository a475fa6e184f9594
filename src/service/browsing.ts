import { setImmediate } from "node:timers/promises";
import { Cancelled } from "../errors.js";

/** How long a list may hold up everything else at a time, in milliseconds. */
const sliceMs = 2;

/**
 * Picks what a list shows out of what there is. Ten thousand decisions take a while, so it is done slice by slice, with
 * everyone else's calls in between, and each tenant's lists one after the other: a tenant that asks for many lists at a
 * time slows down nobody but itself.
 */
export class Browsing {
  readonly #last = new Map<string, Promise<unknown>>();

  /**
   * The first `most` of the items that `isWanted`, in order. Items are asked for when it is their turn.
   *
   * @param tenant whose call it is
   * @throws Cancelled when the signal aborts
   */
  async pick<Item>(
    tenant: string,
    items: () => Iterable<Item>,
    isWanted: (item: Item) => boolean,
    most: number,
    signal: AbortSignal,
  ): Promise<Item[]> {
    const turn = this.#last.get(tenant)?.catch(() => undefined);
    const picking = (turn ?? Promise.resolve()).then(() => pickInSlices(items, isWanted, most, signal));
    this.#last.set(tenant, picking);
    try {
      return await picking;
    } finally {
      if (this.#last.get(tenant) === picking) this.#last.delete(tenant);
    }
  }
}

async function pickInSlices<Item>(
  items: () => Iterable<Item>,
  isWanted: (item: Item) => boolean,
  most: number,
  signal: AbortSignal,
): Promise<Item[]> {
  stopIfGone(signal);
  const picked: Item[] = [];
  let until = performance.now() + sliceMs;
  for (const item of items()) {
    if (picked.length === most) break;
    if (isWanted(item)) picked.push(item);
    if (performance.now() < until) continue;
    await setImmediate();
    until = performance.now() + sliceMs;
    stopIfGone(signal);
  }
  return picked;
}

function stopIfGone(caller: AbortSignal): void {
  if (caller.aborted) throw new Cancelled();
}

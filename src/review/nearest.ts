/** What is ranked: by distance, then by its place in the file. */
export interface Ranked {
  /** The lower the nearer. */
  readonly distance: number;
  readonly line: number;
}

/** Keeps the nearest few of however many there are. */
export class Nearest<Item extends Ranked> {
  readonly #most: number;
  readonly #items: Item[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  /** From near to far. */
  get items(): readonly Item[] {
    return this.#items;
  }

  add(item: Item): void {
    const at = this.#items.findIndex((kept) => isNearer(item, kept));
    if (at === -1) this.#items.push(item);
    else this.#items.splice(at, 0, item);
    if (this.#items.length > this.#most) this.#items.pop();
  }
}

function isNearer(one: Ranked, other: Ranked): boolean {
  return one.distance === other.distance ? one.line < other.line : one.distance < other.distance;
}

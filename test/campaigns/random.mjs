/** Numbers that look random and are the same for the same seed and labels (splitmix32 over a hash of both). */
export class Random {
  #state;

  /** @param labels what the numbers are for: each use draws from a row of its own */
  constructor(seed, ...labels) {
    let hash = 0x811c9dc5;
    for (const character of [seed, ...labels].join("/")) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
    this.#state = hash >>> 0;
  }

  /** In [0, 1). */
  next() {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  }

  /** A whole number in [0, limit). */
  below(limit) {
    return Math.floor(this.next() * limit);
  }

  /** In [low, high), small ones as likely as large ones of the same ratio. */
  spread(low, high) {
    return low * (high / low) ** this.next();
  }

  chance(probability) {
    return this.next() < probability;
  }

  pick(list) {
    return list[this.below(list.length)];
  }
}

import type { RecordFrame } from "./record-frame.js";

/** What a key takes in memory beside its bytes, at most: about half of it as a rule, twice that while the map grows. */
const bytesPerKey = 128;

/**
 * The last offset of each key among a topic's records in `[from, next)`. The keys themselves, not hashes of them: two
 * keys that pass for one would lose a record.
 */
export class KeyTable {
  readonly from: bigint;
  readonly #maxBytes: number;
  readonly #offsets = new Map<string, number>();
  #bytes = 0;
  #next: bigint;
  #isFull = false;

  /** @param maxBytes what all keys may take in memory, about; one key is taken whatever it takes */
  constructor(from: bigint, maxBytes: number) {
    this.from = from;
    this.#next = from;
    this.#maxBytes = maxBytes;
  }

  /** The first offset that the table does not know of. */
  get next(): bigint {
    return this.#next;
  }

  /** True once a key found no room. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /**
   * Notes a record's key; what is before `from` is known to have no key twice and passed over. Calls come in the order
   * of offsets. The table ends in front of the first record for whose key there is no room.
   */
  note(key: string, offset: number): void {
    if (this.#isFull || offset < this.from) return;
    if (!this.#offsets.has(key)) {
      const bytes = key.length + bytesPerKey;
      if (this.#bytes + bytes > this.#maxBytes && this.#bytes > 0) {
        this.#isFull = true;
        this.#next = BigInt(offset);
        return;
      }
      this.#bytes += bytes;
    }
    this.#offsets.set(key, offset);
  }

  /** Says that the table knows of every record before `offset`. */
  coverUpTo(offset: bigint): void {
    this.#next = offset;
  }

  /** True if a later record has the same key. */
  hasLater(key: string, offset: number): boolean {
    const last = this.#offsets.get(key);
    return last !== undefined && last > offset;
  }
}

/** A record's key as a string of as many characters as it has bytes; undefined for a record without a key. */
export function keyOf(buffer: Buffer, { keyStart, keyEnd }: RecordFrame): string | undefined {
  return keyStart === keyEnd ? undefined : buffer.toString("latin1", keyStart, keyEnd);
}

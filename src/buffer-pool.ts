const kibibyte = 1024;

/** What is lent, in bytes: what is read of a segment at a time, and what is sent of it, with some room; see `lend`. */
const sizes = [64, 128, 320, 640, 1152].map((size) => size * kibibyte);

/** Smaller ones cost the garbage collector little. */
const smallestLent = 16 * kibibyte;

/** So many of each size are kept for the next ones to ask: 9 MiB in all. What comes back is mostly lent again at once. */
const keptOfEach = 4;

/** Bytes that are lent. Whoever holds them gives them back once, when nobody is going to look at them any more. */
export class Lease {
  #bytes: Buffer | undefined;
  #giveBack: (() => void) | undefined;

  constructor(bytes: Buffer, giveBack?: () => void) {
    this.#bytes = bytes;
    this.#giveBack = giveBack;
  }

  /** @throws TypeError once they are given back: by then they may be another's */
  get bytes(): Buffer {
    if (this.#bytes === undefined) throw new TypeError("these bytes were given back");
    return this.#bytes;
  }

  /** From now on they may be overwritten. To call it again changes nothing. */
  release(): void {
    const giveBack = this.#giveBack;
    // Whoever still has the lease must not hold the memory: the pool may have enough of it.
    this.#bytes = this.#giveBack = undefined;
    giveBack?.();
  }
}

/**
 * Large buffers that are used again and again. A reader takes several hundred MB/s: as fresh memory, that makes V8 collect
 * all of its heap up to thirty times a second. What is never given back is garbage like anything else; so an error path may
 * forget about it, and only to give back too early is a mistake.
 */
export class BufferPool {
  readonly #kept = new Map<number, Buffer[]>(sizes.map((size) => [size, []]));

  /** `length` bytes, with whatever was in them before. */
  lend(length: number): Lease {
    const size = length < smallestLent ? undefined : sizes.find((each) => each >= length);
    if (size === undefined) return new Lease(Buffer.allocUnsafe(length));
    const kept = this.#kept.get(size)!;
    // The one that came back last: it is the one most likely to be in the processor's cache.
    const buffer = kept.pop() ?? Buffer.allocUnsafeSlow(size);
    return new Lease(buffer.subarray(0, length), () => {
      if (kept.length < keptOfEach) kept.push(buffer);
    });
  }
}

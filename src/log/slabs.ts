/**
 * One piece of memory that groups are built in, one behind the other. It is used again when no commit in it is pending
 * any more, unless a reader was lent some of it.
 */
export class Slab {
  readonly bytes: Buffer;
  /** Bytes that hold groups. */
  filled = 0;
  readonly #onEmpty: (slab: Slab) => void;
  #commits = 0;
  #isLent = false;

  constructor(bytes: number, onEmpty: (slab: Slab) => void) {
    this.bytes = Buffer.allocUnsafeSlow(bytes);
    this.#onEmpty = onEmpty;
  }

  get isEmpty(): boolean {
    return this.#commits === 0;
  }

  /** True once somebody may hold bytes of it for longer than its commits are pending. */
  get isLent(): boolean {
    return this.#isLent;
  }

  /** Notes a commit that is in it. */
  hold(): void {
    this.#commits++;
  }

  /** Notes that one of its commits is pending no more. */
  release(): void {
    this.#commits--;
    if (this.#commits === 0) this.#onEmpty(this);
  }

  /** Bytes of it are given away: from now on it is the garbage collector's to find out when they are not needed. */
  lend(): void {
    this.#isLent = true;
  }
}

/** More than this is not kept for later. */
const keptBytes = 8 * 1024 * 1024;

/**
 * The memory of groups, used again and again. Were it left to the garbage collector, a stream of records would keep that
 * busier than everything else.
 */
export class Slabs {
  readonly #slabBytes: number;
  readonly #free: Slab[] = [];
  #current: Slab | undefined;
  #usedBytes = 0;

  constructor(slabBytes: number) {
    this.#slabBytes = slabBytes;
  }

  /** What slabs take that hold commits, but for the one that is being filled. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** A slab with room for `bytes` behind what fills it. */
  withRoomFor(bytes: number): Slab {
    const current = this.#current;
    if (current !== undefined && current.bytes.length - current.filled >= bytes) return current;
    if (current?.isEmpty === false) this.#usedBytes += current.bytes.length;
    this.#current = bytes > this.#slabBytes ? this.#make(bytes) : (this.#free.pop() ?? this.#make(this.#slabBytes));
    // One that was never filled, or whose group could not be written.
    if (current?.isEmpty === true) this.#keep(current);
    return this.#current;
  }

  #make(bytes: number): Slab {
    return new Slab(bytes, (slab) => this.#emptied(slab));
  }

  #emptied(slab: Slab): void {
    if (slab !== this.#current) this.#usedBytes -= slab.bytes.length;
    else if (slab.isLent) this.#current = undefined;
    if (slab === this.#current) slab.filled = 0;
    else this.#keep(slab);
  }

  #keep(slab: Slab): void {
    const isOrdinary = slab.bytes.length === this.#slabBytes && !slab.isLent;
    if (!isOrdinary || this.#free.length * this.#slabBytes >= keptBytes) return;
    slab.filled = 0;
    this.#free.push(slab);
  }
}

/** What the campaigns store: every byte of a record follows from the seed, its attempt and its place in the batch. */
import { Random } from "./random.mjs";

const poolBytes = 1024 * 1024;
const attemptHeader = "attempt";
const keyCount = 12;

/** From nothing to 256 KiB: bounds in bytes, and how many of a hundred values are below. */
const sizes = [
  [0, 6],
  [300, 60],
  [4 * 1024, 88],
  [32 * 1024, 98],
  [256 * 1024, 100],
];

export class Records {
  #seed;
  #pool;

  constructor(seed) {
    const random = new Random(seed, "bytes");
    this.#seed = seed;
    this.#pool = Buffer.alloc(poolBytes + sizes.at(-1)[0]);
    for (let at = 0; at < this.#pool.length; at += 4) this.#pool.writeUInt32LE(random.below(2 ** 32), at);
  }

  /** The record at `index` of an attempt, as the typed client takes it; `attempt` is its number and its batch's count. */
  make({ number, count }, index) {
    const random = new Random(this.#seed, number, index);
    const length = sizeOf(random);
    const start = random.below(poolBytes);
    // Some records are without a key: compaction keeps all of those.
    const key = random.chance(0.2) ? "" : `key ${random.below(keyCount)}`;
    const headers = [{ name: attemptHeader, value: `${number}/${index}/${count}` }];
    return { value: this.#pool.subarray(start, start + length), key, headers };
  }

  batch(attempt) {
    return Array.from({ length: attempt.count }, (_, index) => this.make(attempt, index));
  }

  /** `{ number, index, count }` of the attempt that a stored record says it is of; undefined if it says none. */
  static attemptOf(record) {
    const header = record.headers.find(({ name }) => name === attemptHeader);
    const match = /^(\d+)\/(\d+)\/(\d+)$/.exec(header?.value.toString() ?? "");
    if (match === null) return undefined;
    const [number, index, count] = match.slice(1).map(Number);
    return { number, index, count };
  }

  /** What differs between a stored record and what was sent; undefined: nothing. */
  difference(attempt, index, { value, key, headers }) {
    const sent = this.make(attempt, index);
    if (headers.length !== 1) return `${headers.length} headers instead of 1`;
    if (headers[0].value.toString() !== sent.headers[0].value) return `the header ${headers[0].value}`;
    if (key.toString() !== sent.key) return `the key ${JSON.stringify(key.toString())} instead of ${sent.key}`;
    if (value.length !== sent.value.length) return `a value of ${value.length} bytes instead of ${sent.value.length}`;
    return value.equals(sent.value) ? undefined : `another value of ${value.length} bytes`;
  }
}

function sizeOf(random) {
  const percent = random.below(100);
  const at = sizes.findIndex(([, below]) => percent < below);
  const low = at === 0 ? 0 : sizes[at - 1][0];
  return low + random.below(sizes[at][0] - low + 1);
}

/** Reading a topic up to where it ends now, or on and on; at most so much of it. */
import type { Client, ConsumedRecord, FollowOptions, StartingPoint } from "../client/index.js";

export interface ReadingOptions {
  readonly topic: string;
  readonly tenant?: string | undefined;
  /** Undefined: whichever topic has the name now. */
  readonly topicId?: Buffer | undefined;
  readonly from: StartingPoint;
  /** Most records in one response. */
  readonly maxRecords?: number | undefined;
  readonly maxBytes?: number | undefined;
  /** How long `readUntilNow` may wait at the end for a first record. */
  readonly maxWaitMs?: number | undefined;
  readonly signal: AbortSignal;
}

/** Records that came together. */
export interface Read {
  readonly records: readonly ConsumedRecord[];
  /** Where reading will end: the first offset that is not read any more. Undefined if it never does. */
  readonly end: bigint | undefined;
}

/** Up to the high-water mark that the first answer names, however fast the topic grows meanwhile. */
export async function* readUntilNow(client: Client, options: ReadingOptions): AsyncGenerator<Read, void, undefined> {
  const first = await client.consume(options);
  // By its id: should the topic be deleted and made anew meanwhile, its records must not pass for the same ones.
  const { topicId, highWaterMark: end } = first;
  let { records } = first;
  while (true) {
    const last = records.at(-1);
    if (last === undefined) return;
    yield { records: last.offset < end ? records : records.filter(({ offset }) => offset < end), end };
    if (last.offset + 1n >= end) return;
    ({ records } = await client.consume({ ...options, topicId, from: last.offset + 1n }));
  }
}

/** For ever, and as it comes; also past a server that goes and comes back. */
export async function* readOn(
  client: Client,
  { topic, tenant, topicId, from, maxRecords, maxBytes, signal }: ReadingOptions,
  outage: Pick<FollowOptions, "onWaiting" | "onBack">,
): AsyncGenerator<Read, void, undefined> {
  const following = client.followBatches({ topic, tenant, topicId, from, maxRecords, maxBytes, signal, ...outage });
  for await (const { records } of following) yield { records, end: undefined };
}

interface Wanted {
  readonly max?: number | undefined;
  readonly maxBytes?: number | undefined;
}

/** How much of what is read is wanted. */
export class Portion {
  readonly #maxRecords: number;
  readonly #maxBytes: number;
  #records = 0;
  #bytes = 0;
  #isFull = false;

  /** At most so many records, and bytes of keys, values and headers; the first record is in it however large it is. */
  constructor({ max = Infinity, maxBytes = Infinity }: Wanted) {
    this.#maxRecords = max;
    this.#maxBytes = maxBytes;
  }

  get records(): number {
    return this.#records;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Nothing more is wanted. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** From 0 to 1: how much of what is wanted at most was taken. */
  get fraction(): number {
    return Math.max(this.#records / this.#maxRecords, this.#bytes / this.#maxBytes);
  }

  /** Those of the records that are wanted, from the first on. */
  take(records: readonly ConsumedRecord[]): readonly ConsumedRecord[] {
    const wanted = records.findIndex((record) => !this.#add(record));
    return wanted === -1 ? records : records.slice(0, wanted);
  }

  #add(record: ConsumedRecord): boolean {
    const bytes = sizeOf(record);
    if (this.#isFull || (this.#records > 0 && this.#bytes + bytes > this.#maxBytes)) {
      this.#isFull = true;
      return false;
    }
    this.#records++;
    this.#bytes += bytes;
    this.#isFull = this.#records >= this.#maxRecords || this.#bytes >= this.#maxBytes;
    return true;
  }
}

function sizeOf({ key, value, headers }: ConsumedRecord): number {
  let bytes = key.length + value.length;
  for (const header of headers) bytes += Buffer.byteLength(header.name) + header.value.length;
  return bytes;
}

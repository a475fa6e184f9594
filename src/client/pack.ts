/** The calls of one request, from when it is made until it is answered, however often it is sent. */
import { encodeProducer } from "./encoding.js";
import type { PackQueue } from "./pack-queue.js";
import type { Holder, ProduceCall } from "./produce-call.js";
import type { Numbering } from "./producer-ids.js";

/** So much in one message would hold up the others on its stream, and a little more would break it. */
const largeBytes = 1024 * 1024;

/** Where a pack is. */
export interface Carrier {
  /** A call of a pack was settled otherwise. */
  dropped(pack: Pack): void;
}

/** What it is, and its number, stay the same: a server knows it again by them. */
export class Pack implements Holder {
  readonly queue: PackQueue;
  readonly calls: readonly ProduceCall[];
  readonly numbering: Numbering;
  /** The number of its first record. */
  readonly sequence: number;
  readonly count: number;
  /** Of its records, as they are in the request. */
  readonly recordBytes: number;
  /** Of the request, roughly. */
  readonly bytes: number;
  /** Calls for which somebody still waits. */
  waiting: number;
  carrier: Carrier | undefined;
  /** It is to be sent, or sent again. */
  isWaiting = true;
  /** It was sent, and no answer says what became of it. */
  wasLost = false;
  /** One before it was refused for good: a server takes none of the numbers behind that. */
  isVoid = false;
  readonly #fields: Buffer;

  constructor(
    queue: PackQueue,
    fields: Buffer,
    calls: readonly ProduceCall[],
    { numbering, sequence }: { readonly numbering: Numbering; readonly sequence: number },
  ) {
    this.queue = queue;
    this.calls = calls;
    this.numbering = numbering;
    this.sequence = sequence;
    this.waiting = calls.length;
    this.#fields = fields;
    let [bytes, count] = [0, 0];
    for (const call of calls) {
      call.holder = this;
      bytes += call.records.length;
      count += call.count;
    }
    this.recordBytes = bytes;
    this.count = count;
    this.bytes = bytes + fields.length;
  }

  get isLarge(): boolean {
    return this.bytes > largeBytes;
  }

  /** It is likely to be refused, and what is behind it would come back with it. */
  get isSuspect(): boolean {
    return this.calls[0]!.isSuspect;
  }

  /** It may be stored, or may still be. */
  get isInDoubt(): boolean {
    return this.wasLost && !this.isVoid;
  }

  get failure(): Error | undefined {
    return this.queue.failure;
  }

  get lateness(): string {
    return `no answer came in time: it is not known whether it is stored${this.queue.trouble}`;
  }

  /** The request, serialised. @param requestId a safe integer; undefined for a request that has an answer of its own */
  encode(requestId?: number): Buffer {
    const parts = this.calls.map(({ records }) => records);
    parts.push(this.#fields);
    const condition = this.calls[0]?.condition;
    if (condition !== undefined) parts.push(condition);
    parts.push(encodeProducer(this.numbering, this.sequence, requestId));
    return Buffer.concat(parts);
  }

  /** The answer has come: each call gets its own part. */
  resolve({ offset, topicId }: { readonly offset: bigint; readonly topicId: Buffer }): void {
    let next = offset;
    for (const call of this.calls) {
      const { count } = call;
      call.resolve({ offset: next, count, topicId });
      next += BigInt(count);
    }
  }

  reject(reason: unknown): void {
    for (const call of this.calls) call.reject(reason);
  }

  drop(): void {
    this.waiting--;
    this.carrier?.dropped(this);
  }
}

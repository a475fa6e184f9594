/** Calls of `produce` for one topic, as they wait and as they are sent: many in one request. */
import { encodeRequestId } from "./encoding.js";
import type { Holder, ProduceCall } from "./produce-call.js";

/** What a pack holds at most, unless one call has more. Well below what any server takes: 4 MiB and 65,536 records. */
const maxPackBytes = 128 * 1024;
const maxPackRecords = 8_192;
/** So much in one message would hold up the others on its stream, and a little more would break it. */
const largeBytes = 1024 * 1024;

/** The calls for one topic that are still to be sent, in their order. */
export class PackQueue implements Holder {
  readonly lateness = "it was not sent in time: the server did not answer what was sent before";
  /** Packs that are on their way. */
  underWay = 0;
  /** Before its answer nothing else may be sent: that might overtake it. */
  awaited: Pack | undefined;
  readonly #fields: Buffer;
  #calls = new Set<ProduceCall>();
  #bytes = 0;
  #records = 0;
  /** How many of the calls must not be sent together with others. */
  #alone = 0;
  #maxPackBytes = maxPackBytes;
  /** The most that the server has taken in one request, and in one call. */
  readonly #taken = { bytes: 0, callBytes: 0 };

  /** @param fields of a request, which say which topic it is */
  constructor(fields: Buffer) {
    this.#fields = fields;
  }

  get isEmpty(): boolean {
    return this.#calls.size === 0;
  }

  /** The next pack would not become larger by waiting. */
  get hasFullPack(): boolean {
    return this.#alone > 0 || this.#bytes >= this.#maxPackBytes || this.#records >= maxPackRecords;
  }

  add(call: ProduceCall): void {
    call.holder = this;
    this.#calls.add(call);
    this.#count(call, 1);
  }

  drop(call: ProduceCall): void {
    if (this.#calls.delete(call)) this.#count(call, -1);
  }

  /** Puts those back for which somebody still waits, before all others. */
  putBack(calls: readonly ProduceCall[]): void {
    const later = this.#calls;
    this.#calls = new Set();
    for (const call of calls) if (!call.isSettled) this.add(call);
    for (const call of later) this.#calls.add(call);
  }

  /**
   * Whether the server might find it too large, its calls having to be sent again by themselves: a tenant may take less than
   * every server does.
   */
  mayBeSplit({ calls, recordBytes, largestCallBytes }: Pack): boolean {
    if (calls.length === 1) return false;
    return recordBytes > this.#taken.bytes || largestCallBytes > this.#taken.callBytes;
  }

  /** Notes that the server took it. */
  noteTaken({ recordBytes, largestCallBytes }: Pack): void {
    this.#taken.bytes = Math.max(this.#taken.bytes, recordBytes);
    this.#taken.callBytes = Math.max(this.#taken.callBytes, largestCallBytes);
  }

  /** No pack may have more than this from now on. */
  shrinkPacks(bytes: number): void {
    this.#maxPackBytes = Math.min(this.#maxPackBytes, bytes);
  }

  /** Takes the calls of the next pack. There has to be one. */
  take(): Pack {
    const calls: ProduceCall[] = [];
    let [bytes, records, isAlone] = [0, 0, false];
    for (const call of this.#calls) {
      if (calls.length > 0) {
        if (isAlone || call.isAlone) break;
        if (bytes + call.records.length > this.#maxPackBytes || records + call.count > maxPackRecords) break;
      }
      calls.push(call);
      bytes += call.records.length;
      records += call.count;
      isAlone = call.isAlone;
    }
    for (const call of calls) this.drop(call);
    return new Pack(this, this.#fields, calls);
  }

  #count(call: ProduceCall, sign: 1 | -1): void {
    this.#bytes += sign * call.records.length;
    this.#records += sign * call.count;
    if (call.isAlone) this.#alone += sign;
  }
}

/** Where a pack is. */
export interface Carrier {
  /** A call of a pack was settled otherwise. */
  dropped(pack: Pack): void;
}

/** The calls of one request, from when it is made until it is answered. */
export class Pack implements Holder {
  readonly lateness = "no answer came in time";
  readonly queue: PackQueue;
  readonly calls: readonly ProduceCall[];
  /** Of its records, as they are in the request. */
  readonly recordBytes: number;
  /** Of the records of one call. */
  readonly largestCallBytes: number;
  /** Of the request, but for its id. */
  readonly bytes: number;
  /** Calls for which somebody still waits. */
  waiting: number;
  carrier: Carrier | undefined;
  readonly #fields: Buffer;

  constructor(queue: PackQueue, fields: Buffer, calls: readonly ProduceCall[]) {
    this.queue = queue;
    this.calls = calls;
    this.waiting = calls.length;
    this.#fields = fields;
    let [bytes, largest] = [0, 0];
    for (const call of calls) {
      call.holder = this;
      bytes += call.records.length;
      if (call.records.length > largest) largest = call.records.length;
    }
    this.recordBytes = bytes;
    this.largestCallBytes = largest;
    this.bytes = bytes + fields.length;
  }

  get isLarge(): boolean {
    return this.bytes > largeBytes;
  }

  /** The request, serialised. @param requestId a safe integer; undefined for a request that has an answer of its own */
  encode(requestId?: number): Buffer {
    const parts = this.calls.map(({ records }) => records);
    parts.push(this.#fields);
    const condition = this.calls[0]?.condition;
    if (condition !== undefined) parts.push(condition);
    if (requestId !== undefined) parts.push(encodeRequestId(requestId));
    return Buffer.concat(parts);
  }

  /** The answer has come: each call gets its own part. */
  resolve({ offset, topicId }: { readonly offset: bigint; readonly topicId: Buffer }): void {
    this.queue.noteTaken(this);
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

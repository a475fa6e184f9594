/**
 * Calls of `produce` for one topic: those that wait, and the packs that are numbered and not answered yet. A pack that may be
 * stored stays as it is, and is sent again before anything behind it. A server stores numbers without a gap, so nothing
 * overtakes what it has refused.
 */
import type { ProduceResponseOutput } from "../wire/generated/log/v1/ProduceResponse.js";
import { Pack } from "./pack.js";
import type { Holder, ProduceCall } from "./produce-call.js";
import type { Numbering } from "./producer-ids.js";
import {
  isAboutRecords,
  isGap,
  isOfEveryAttempt,
  isPassing,
  isStored,
  isTemporary,
  largestBatchOf,
  notKnown,
} from "./refusals.js";

/** What a pack holds at most, unless one call has more. Well below what any server takes: 4 MiB and 65,536 records. */
const maxPackBytes = 128 * 1024;
const maxPackRecords = 8_192;
/** Packs on their way, beyond which the next one waits until it is full or one is answered. */
const maxPacksUnderWay = 2;
/** Servers know so many batches of a producer again. */
const maxUnanswered = 64;

export class PackQueue implements Holder {
  /** Packs that are on their way: the first ones of those that are not answered. */
  underWay = 0;
  readonly #fields: Buffer;
  readonly #begin: () => Numbering;
  /** In the order of their numbers. */
  readonly #unanswered: Pack[] = [];
  #numbering: Numbering;
  /** The number of the next record. */
  #sequence = 0;
  /** The numbering was broken off: nothing new is sent under it. */
  #isSpent = false;
  /** The last answer was a refusal: what is sent before the next answer would come back with it, were that one too. */
  #isCautious = false;
  /** Something has come back: nothing is sent before everything has. */
  #isReturning = false;
  #beside: Pack | undefined;
  /** Why packs came back, since the last answer. */
  #failure: Error | undefined;
  #calls = new Set<ProduceCall>();
  #bytes = 0;
  #records = 0;
  /** How many of the calls must not be sent together with others. */
  #single = 0;
  #maxPackBytes = maxPackBytes;

  /**
   * @param fields of a request, which say which topic it is
   * @param begin makes a new numbering
   */
  constructor(fields: Buffer, begin: () => Numbering) {
    this.#fields = fields;
    this.#begin = begin;
    this.#numbering = begin();
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  get lateness(): string {
    return `it was not sent in time: the server did not answer what was sent before${this.trouble}`;
  }

  /** What to say of a call that is late while packs come back. */
  get trouble(): string {
    return this.#failure === undefined ? "" : ` (the last attempt got ${this.#failure.message})`;
  }

  /** No call waits to be sent, or to be sent again. */
  get isEmpty(): boolean {
    return this.#calls.size === 0 && !this.#unanswered.some(({ isWaiting, waiting }) => isWaiting && waiting > 0);
  }

  /** The next pack would not become larger by waiting. */
  get hasFullPack(): boolean {
    return this.#single > 0 || this.#bytes >= this.#maxPackBytes || this.#records >= maxPackRecords;
  }

  /** A pack could go at once. */
  get hasRoom(): boolean {
    return this.underWay < maxPacksUnderWay || this.hasFullPack;
  }

  /** It is sent beside the stream. */
  isBeside(pack: Pack): boolean {
    return this.#beside === pack;
  }

  add(call: ProduceCall): void {
    call.holder = this;
    this.#calls.add(call);
    this.#count(call, 1);
  }

  drop(call: ProduceCall): void {
    if (this.#calls.delete(call)) this.#count(call, -1);
  }

  /**
   * The pack to send now, if there is one; it is under way from here on.
   * @param goesBeside whether a pack is sent beside the stream, which it is only while no other is under way
   */
  next(goesBeside: (pack: Pack) => boolean): Pack | undefined {
    if (this.underWay === 0) this.#regroup();
    else if (this.#isReturning || this.#isCautious || this.#beside !== undefined) return undefined;
    const pack = this.#unanswered[this.underWay] ?? this.#form();
    if (pack === undefined) return undefined;
    const isBeside = goesBeside(pack);
    if (this.underWay > 0 && (isBeside || pack.isSuspect)) return undefined;
    if (isBeside) this.#beside = pack;
    if (pack.isSuspect) this.#isCautious = true;
    this.underWay++;
    pack.isWaiting = false;
    return pack;
  }

  /** The server has it. */
  stored(pack: Pack, response: ProduceResponseOutput): void {
    this.#failure = undefined;
    this.#isCautious = false;
    this.#settled(pack);
    pack.resolve(response);
  }

  /** No answer will come. Whether it is stored nobody knows. */
  lost(pack: Pack, failure?: Error): void {
    pack.wasLost = true;
    this.returned(pack, failure);
  }

  /** The server has not taken it, or no server has seen it. @param failure why, unless it is to be sent again at once */
  returned(pack: Pack, failure = this.#failure): void {
    this.#failure = failure;
    this.#landed(pack);
    pack.isWaiting = true;
    this.#isReturning = true;
  }

  /** It will not be sent again. */
  failed(pack: Pack, failure: Error): void {
    this.#settled(pack);
    this.#isSpent = true;
    this.#isCautious = true;
    pack.reject(pack.isInDoubt ? notKnown(failure) : failure);
  }

  /** The server has refused it. @returns whether what it waits for is time */
  refused(pack: Pack, error: Error): boolean {
    if (isPassing(error)) {
      this.lost(pack, error);
      return true;
    }
    if (pack.isInDoubt && isTemporary(error)) {
      this.returned(pack, error);
      return true;
    }
    if (isGap(error)) this.#missed(pack, error);
    else if (isStored(error) && pack.wasLost) this.#rejected(pack, error);
    else if (pack.isInDoubt && !isOfEveryAttempt(error, pack.sequence)) this.failed(pack, error);
    else this.#turnedDown(pack, error);
    return false;
  }

  /** Something before it is not there. */
  #missed(pack: Pack, error: Error): void {
    const before = this.#unanswered.slice(0, this.#unanswered.indexOf(pack));
    if (before.some(({ isWaiting, isInDoubt }) => isWaiting && isInDoubt)) {
      this.returned(pack);
    } else if (pack.isInDoubt || pack.sequence === 0) {
      // The server has forgotten this producer, or the topic is another one.
      this.failed(pack, error);
    } else {
      this.#isSpent = true;
      this.returned(pack);
    }
  }

  /** No attempt of it is stored. Whoever is not to blame for it gets another try. */
  #turnedDown(pack: Pack, error: Error): void {
    this.#isSpent = true;
    this.#isCautious = true;
    for (const each of this.#unanswered.slice(this.#unanswered.indexOf(pack))) each.isVoid = true;
    const mayBeOneOfThem = pack.calls.length > 1 && pack.waiting > 0 && isAboutRecords(error);
    if (!mayBeOneOfThem) {
      this.#rejected(pack, error);
      return;
    }
    const most = largestBatchOf(error);
    if (most !== undefined && most < pack.recordBytes) this.#maxPackBytes = Math.min(this.#maxPackBytes, most);
    else for (const call of pack.calls) call.isAlone = call.isSuspect = true;
    this.returned(pack);
  }

  #rejected(pack: Pack, error: Error): void {
    this.#settled(pack);
    pack.reject(error);
  }

  #settled(pack: Pack): void {
    this.#landed(pack);
    this.#unanswered.splice(this.#unanswered.indexOf(pack), 1);
  }

  #landed(pack: Pack): void {
    this.underWay--;
    if (this.#beside === pack) this.#beside = undefined;
  }

  /** Nothing is under way: sorts what has come back, and what is sent again as it is, from what is not. */
  #regroup(): void {
    this.#isReturning = false;
    const packs = this.#unanswered;
    if (packs.length === 0 && !this.#isSpent) return;
    const later = this.#calls;
    const again: ProduceCall[][] = [];
    for (let last = packs.at(-1); last !== undefined; last = packs.at(-1)) {
      if (last.isInDoubt && last.waiting > 0) break;
      packs.pop();
      // What nobody waits for may still come to the server: a higher epoch keeps it from being stored behind what follows.
      if (last.isInDoubt) this.#isSpent = true;
      this.#sequence = last.sequence;
      again.unshift([...last.calls]);
    }
    if (again.length > 0) {
      this.#calls = new Set();
      for (const call of again.flat()) if (!call.isSettled) this.add(call);
      for (const call of later) this.#calls.add(call);
    }
    if (packs.length > 0 || !this.#isSpent) return;
    this.#numbering = this.#begin();
    this.#sequence = 0;
    this.#isSpent = false;
  }

  /** Numbers the calls of a new pack, if one may be sent. */
  #form(): Pack | undefined {
    if (this.#calls.size === 0 || this.#isSpent || this.#unanswered.length >= maxUnanswered) return undefined;
    if (!this.hasRoom) return undefined;
    const position = { numbering: this.#numbering, sequence: this.#sequence };
    const pack = new Pack(this, this.#fields, this.#take(), position);
    this.#sequence += pack.count;
    this.#unanswered.push(pack);
    return pack;
  }

  #take(): ProduceCall[] {
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
    return calls;
  }

  #count(call: ProduceCall, sign: 1 | -1): void {
    this.#bytes += sign * call.records.length;
    this.#records += sign * call.count;
    if (call.isAlone) this.#single += sign;
  }
}

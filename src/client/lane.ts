/**
 * The lane: one long-lived ProduceStream over one link, which all calls of `produce` under one identity share. What waits
 * for one topic goes out as one request, so that a call costs a part of a message instead of a call of its own.
 */
import { status, type ClientUnaryCall } from "@grpc/grpc-js";
import { logServiceDefinition } from "../wire/definition.js";
import type { ProduceResponseOutput } from "../wire/generated/log/v1/ProduceResponse.js";
import { isUnreached } from "../unreached.js";
import { CallError, errorInMessage } from "./call-error.js";
import type { Connection, Link } from "./connection.js";
import { alreadyEncoded, encodeTarget } from "./encoding.js";
import { LaneStream, type StreamEvents } from "./lane-stream.js";
import { PackQueue, type Pack } from "./pack.js";
import type { ProduceCall } from "./produce-call.js";
import type { NamedTopic } from "./requests.js";
import { isAboutRecords, largestBatchOf, refusesStreams } from "./refusals.js";

/** Packs of one topic on their way, beyond which the next one waits until it is full or one is answered. */
const maxPacksUnderWay = 2;
/** Bytes on their way, beyond which everything waits. */
const maxBytesUnderWay = 8 * 1024 * 1024;
/** Without a call for so long, twice at most, a lane closes. */
const idleMs = 500;
/** Before what no server took is sent again, each time that no answer came in between. */
const resendAfterMs = [0, 150, 450, 1350];
/** Topics that nobody produces to any more are forgotten when there are so many. */
const maxIdleQueues = 1_000;

export class Lane implements StreamEvents {
  readonly #link: Link;
  readonly #connection: Connection;
  readonly #onClose: () => void;
  readonly #queues = new Map<string, PackQueue>();
  readonly #touched = new Set<PackQueue>();
  readonly #idle: NodeJS.Timeout;
  #latest: { readonly target: NamedTopic; readonly queue: PackQueue } | undefined;
  #stream: LaneStream | undefined;
  #bytesUnderWay = 0;
  #packsUnderWay = 0;
  #isScheduled = false;
  #wasUsed = true;
  #isClosed = false;
  /** Until then, a server that had no room for the stream gets calls with one answer instead. In milliseconds. */
  #withoutStreamUntil = -Infinity;
  /** How often in a row the calls came back: from a server that leaves, or because there was none. */
  #sentAway = 0;
  #pause: NodeJS.Timeout | undefined;
  /** The lane before it has calls left, which must not be overtaken. */
  #isHeldBack = false;
  readonly #onceThrough: (() => void)[] = [];

  /**
   * @param before what sent the calls that were made before, under another identity, and gets no more of them
   * @param onClose called when it takes no more calls
   */
  constructor(connection: Connection, link: Link, before: Lane | undefined, onClose: () => void) {
    this.#connection = connection;
    this.#link = link;
    this.#onClose = onClose;
    if (before !== undefined && !before.#isThrough) {
      this.#isHeldBack = true;
      before.#onceThrough.push(() => {
        this.#isHeldBack = false;
        this.#touchAll();
        this.#tellIfThrough();
      });
    }
    this.#idle = setInterval(() => {
      // Calls may also have ended while they waited.
      this.#tellIfThrough();
      if (!this.#wasUsed && this.#isIdle) this.close();
      this.#wasUsed = false;
    }, idleMs).unref();
  }

  add(call: ProduceCall): void {
    this.#wasUsed = true;
    const queue = this.#queueOf(call.target);
    queue.add(call);
    // It goes with the next ones otherwise, when an answer has come.
    if (queue.underWay < maxPacksUnderWay || queue.hasFullPack) this.#touch(queue);
  }

  /** Ends the stream when nothing is under way, and takes no more calls. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#idle);
    clearTimeout(this.#pause);
    this.#onClose();
    this.#stream?.end();
    this.#link.leave();
  }

  onAnswer(pack: Pack, response: ProduceResponseOutput): void {
    this.#sentAway = 0;
    this.#landed(pack);
    if (response.error === null) pack.resolve(response);
    else this.#refused(pack, errorInMessage(response.error));
  }

  onLeave(packs: readonly Pack[], { error }: ProduceResponseOutput): void {
    this.#stream = undefined;
    this.#sendAgain(packs, errorInMessage(error!));
    this.#touchAll();
  }

  onEnd(packs: readonly Pack[], error: unknown, wasAnswered: boolean): void {
    this.#stream = undefined;
    const failure = this.#connection.failureOf(error ?? endedEarly());
    if (!wasAnswered && refusesStreams(failure)) {
      this.#withoutStreamUntil = performance.now() + (failure.retryAfterMs ?? idleMs);
      this.#putBack(packs);
    } else if (!wasAnswered && failure instanceof CallError && isUnreached(failure.details)) {
      this.#sendAgain(packs, failure);
    } else {
      this.#fail(packs, failure);
    }
    this.#touchAll();
  }

  onGivenUp(packs: readonly Pack[]): void {
    this.#stream = undefined;
    for (const pack of packs) this.#landed(pack);
    this.#touchAll();
  }

  get #isIdle(): boolean {
    if (this.#packsUnderWay > 0) return false;
    for (const queue of this.#queues.values()) if (!queue.isEmpty) return false;
    return true;
  }

  get #isThrough(): boolean {
    return !this.#isHeldBack && this.#isIdle;
  }

  #tellIfThrough(): void {
    if (this.#onceThrough.length > 0 && this.#isThrough) for (const tell of this.#onceThrough.splice(0)) tell();
  }

  #queueOf(target: NamedTopic): PackQueue {
    const latest = this.#latest;
    if (latest !== undefined && isSame(latest.target, target)) return latest.queue;
    const { tenant, topic, topicId } = target;
    const key = `${tenant}/${topic}/${topicId?.toString("hex") ?? ""}`;
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      if (this.#queues.size >= maxIdleQueues) this.#forgetIdleQueues();
      this.#queues.set(key, (queue = new PackQueue(encodeTarget(target))));
    }
    this.#latest = { target, queue };
    return queue;
  }

  #forgetIdleQueues(): void {
    for (const [key, queue] of this.#queues) {
      if (queue.isEmpty && queue.underWay === 0) this.#queues.delete(key);
    }
  }

  /** Looks at it when this turn is over, so that what is called in the same turn goes together. */
  #touch(queue: PackQueue): void {
    this.#touched.add(queue);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    process.nextTick(() => this.#sendAll());
  }

  #touchAll(): void {
    for (const queue of this.#queues.values()) if (!queue.isEmpty) this.#touch(queue);
  }

  #sendAll(): void {
    this.#isScheduled = false;
    for (const queue of this.#touched) {
      if (this.#pause !== undefined || this.#isHeldBack || this.#bytesUnderWay >= maxBytesUnderWay) return;
      this.#touched.delete(queue);
      this.#sendFrom(queue);
    }
  }

  #sendFrom(queue: PackQueue): void {
    while (!queue.isEmpty && queue.awaited === undefined && (queue.underWay < maxPacksUnderWay || queue.hasFullPack)) {
      if (this.#bytesUnderWay >= maxBytesUnderWay) {
        this.#touched.add(queue);
        return;
      }
      const pack = queue.take();
      if (pack.isLarge || performance.now() < this.#withoutStreamUntil) {
        if (queue.underWay > 0) {
          queue.putBack(pack.calls);
          return;
        }
        this.#depart(pack);
        this.#sendBeside(pack);
        queue.awaited = pack;
      } else {
        this.#depart(pack);
        this.#stream ??= new LaneStream(this.#link, this);
        this.#stream.send(pack);
        if (queue.mayBeSplit(pack)) queue.awaited = pack;
      }
    }
  }

  #sendBeside(pack: Pack): void {
    const { path, responseDeserialize } = logServiceDefinition.Produce;
    const call: ClientUnaryCall = this.#link.stubs.log.makeUnaryRequest(
      path,
      alreadyEncoded,
      responseDeserialize,
      pack.encode(),
      (error, response) => {
        this.#landed(pack);
        if (response !== undefined) pack.resolve(response);
        else this.#refused(pack, this.#connection.failureOf(error));
      },
    );
    pack.carrier = {
      dropped: () => {
        if (pack.waiting === 0) {
          call.cancel();
          setImmediate(() => call.cancel());
        }
      },
    };
  }

  #depart(pack: Pack): void {
    pack.queue.underWay++;
    this.#packsUnderWay++;
    this.#bytesUnderWay += pack.bytes;
  }

  #landed(pack: Pack): void {
    const { queue } = pack;
    queue.underWay--;
    if (queue.awaited === pack) queue.awaited = undefined;
    this.#packsUnderWay--;
    this.#bytesUnderWay -= pack.bytes;
    // When this turn is over: it may be put back.
    if (this.#onceThrough.length > 0) process.nextTick(() => this.#tellIfThrough());
    if (!queue.isEmpty || this.#touched.size > 0) this.#touch(queue);
  }

  #putBack(packs: readonly Pack[]): void {
    for (const pack of packs.toReversed()) {
      this.#landed(pack);
      pack.queue.putBack(pack.calls);
    }
  }

  #fail(packs: readonly Pack[], reason: Error): void {
    for (const pack of packs) {
      this.#landed(pack);
      pack.reject(reason);
    }
  }

  /** Sends what is stored nowhere over another stream, after a while; fails it when that was tried often enough. */
  #sendAgain(packs: readonly Pack[], reason: Error): void {
    const delayMs = resendAfterMs[this.#sentAway++];
    if (delayMs === undefined) {
      this.#sentAway = 0;
      this.#fail(packs, reason);
      return;
    }
    this.#putBack(packs);
    if (delayMs === 0) return;
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.#touchAll();
    }, delayMs);
  }

  /** Nothing of it is stored. Whoever is not to blame for it gets another try. */
  #refused(pack: Pack, error: Error): void {
    const { queue } = pack;
    const mayBeOneOfThem = pack.calls.length > 1 && pack.waiting > 0 && isAboutRecords(error);
    if (!mayBeOneOfThem) {
      pack.reject(error);
      return;
    }
    const most = largestBatchOf(error);
    if (most !== undefined && most < pack.recordBytes) queue.shrinkPacks(most);
    else for (const call of pack.calls) call.isAlone = true;
    queue.putBack(pack.calls);
    this.#touch(queue);
  }
}

/** Ids are compared by their bytes, which a caller may change. */
function isSame(a: NamedTopic, b: NamedTopic): boolean {
  return a.topic === b.topic && a.tenant === b.tenant && a.topicId === undefined && b.topicId === undefined;
}

/** A server has ended the stream well, and owes answers. */
function endedEarly(): CallError {
  return new CallError(status.UNKNOWN, "the server ended the stream without an answer");
}

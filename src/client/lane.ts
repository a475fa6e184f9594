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
import type { Pack } from "./pack.js";
import { PackQueue } from "./pack-queue.js";
import type { ProduceCall } from "./produce-call.js";
import type { ProducerIds } from "./producer-ids.js";
import type { NamedTopic } from "./requests.js";
import { isPassing, isTemporary, maxVainResends, refusesStreams, resendDelayMs } from "./refusals.js";

/** Bytes on their way, beyond which everything waits. */
const maxBytesUnderWay = 8 * 1024 * 1024;
/** Without a call for so long, twice at most, a lane closes. */
const idleMs = 500;
/** Topics that nobody produces to any more are forgotten when there are so many. */
const maxIdleQueues = 1_000;

/** What all lanes of a client have in common. */
export interface Sending {
  readonly connection: Connection;
  readonly ids: ProducerIds;
  /** A server has answered: there is one, and it lets this client in. So it is waited for when it is gone. */
  wasAnswered: boolean;
}

export class Lane implements StreamEvents {
  readonly #link: Link;
  readonly #sending: Sending;
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
  /** How often in a row packs came back. */
  #sentAway = 0;
  #pause: NodeJS.Timeout | undefined;
  /** The lane before it has calls left, which must not be overtaken. */
  #isHeldBack = false;
  readonly #onceThrough: (() => void)[] = [];

  /**
   * @param before what sent the calls that were made before, under another identity, and gets no more of them
   * @param onClose called when it takes no more calls
   */
  constructor(sending: Sending, link: Link, before: Lane | undefined, onClose: () => void) {
    this.#sending = sending;
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
    if (queue.hasRoom) this.#touch(queue);
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
    this.#landed(pack);
    if (response.error === null) this.#stored(pack, response);
    else this.#refused(pack, errorInMessage(response.error));
  }

  onLeave(packs: readonly Pack[], { error }: ProduceResponseOutput): void {
    this.#stream = undefined;
    this.#sending.wasAnswered = true;
    const failure = errorInMessage(error!);
    this.#takeBack(packs, (pack) => pack.queue.returned(pack, failure));
    this.#sendLater(failure);
  }

  onEnd(packs: readonly Pack[], error: unknown, wasAnswered: boolean): void {
    this.#stream = undefined;
    const failure = this.#sending.connection.failureOf(error ?? endedEarly());
    if (!wasAnswered && refusesStreams(failure)) {
      this.#withoutStreamUntil = performance.now() + (failure.retryAfterMs ?? idleMs);
      this.#takeBack(packs, (pack) => pack.queue.returned(pack));
      this.#touchAll();
    } else {
      this.#broken(packs, failure, wasAnswered);
    }
  }

  onGivenUp(packs: readonly Pack[]): void {
    this.#stream = undefined;
    this.#takeBack(packs, (pack) => pack.queue.lost(pack));
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
      queue = new PackQueue(encodeTarget(target), () => this.#sending.ids.begin(target));
      this.#queues.set(key, queue);
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
    const isBeside = (pack: Pack): boolean => pack.isLarge || performance.now() < this.#withoutStreamUntil;
    for (;;) {
      if (this.#bytesUnderWay >= maxBytesUnderWay) {
        this.#touched.add(queue);
        return;
      }
      const pack = queue.next(isBeside);
      if (pack === undefined) return;
      this.#packsUnderWay++;
      this.#bytesUnderWay += pack.bytes;
      if (queue.isBeside(pack)) {
        this.#sendBeside(pack);
      } else {
        this.#stream ??= new LaneStream(this.#link, this);
        this.#stream.send(pack);
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
        pack.carrier = undefined;
        if (response !== undefined) {
          this.#landed(pack);
          this.#stored(pack, response);
          return;
        }
        const failure = this.#sending.connection.failureOf(error);
        if (isPassing(failure)) {
          this.#broken([pack], failure, false);
        } else {
          this.#landed(pack);
          this.#refused(pack, failure);
        }
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

  #landed(pack: Pack): void {
    this.#packsUnderWay--;
    this.#bytesUnderWay -= pack.bytes;
    // When this turn is over: it may be put back.
    if (this.#onceThrough.length > 0) process.nextTick(() => this.#tellIfThrough());
    if (!pack.queue.isEmpty || this.#touched.size > 0) this.#touch(pack.queue);
  }

  #takeBack(packs: readonly Pack[], tell: (pack: Pack) => void): void {
    for (const pack of packs) {
      tell(pack);
      this.#landed(pack);
    }
  }

  #stored(pack: Pack, response: ProduceResponseOutput): void {
    this.#sentAway = 0;
    this.#sending.wasAnswered = true;
    pack.queue.stored(pack, response);
  }

  #refused(pack: Pack, error: Error): void {
    this.#sending.wasAnswered = true;
    if (pack.queue.refused(pack, error)) this.#sendLater(error);
    else if (!pack.queue.isEmpty) this.#touch(pack.queue);
  }

  /** No answers will come to these. They are sent again, unless that would be in vain. */
  #broken(packs: readonly Pack[], failure: Error, wasAnswered: boolean): void {
    const mayPass =
      wasAnswered || isPassing(failure) || (isTemporary(failure) && packs.some(({ isInDoubt }) => isInDoubt));
    const isInVain = !this.#sending.wasAnswered && this.#sentAway >= maxVainResends;
    if (!mayPass || isInVain) {
      this.#sentAway = 0;
      this.#takeBack(packs, (pack) => pack.queue.failed(pack, failure));
      this.#touchAll();
      return;
    }
    const wasSent = wasAnswered || !(failure instanceof CallError && isUnreached(failure.details));
    this.#takeBack(packs, (pack) => {
      if (wasSent) pack.queue.lost(pack, failure);
      else pack.queue.returned(pack, failure);
    });
    this.#sendLater(failure);
  }

  /** Sends what has come back over another stream, after a while. */
  #sendLater(failure: Error): void {
    if (this.#pause !== undefined) return;
    const delayMs = resendDelayMs(this.#sentAway++, failure);
    if (delayMs === 0) {
      this.#touchAll();
      return;
    }
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.#touchAll();
    }, delayMs);
  }
}

/** Ids are compared by their bytes, which a caller may change. */
function isSame(a: NamedTopic, b: NamedTopic): boolean {
  return a.topic === b.topic && a.tenant === b.tenant && a.topicId === undefined && b.topicId === undefined;
}

/** A server has ended the stream well, and owes answers. */
export function endedEarly(): CallError {
  return new CallError(status.UNKNOWN, "the server ended the stream without an answer");
}

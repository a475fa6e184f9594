/**
 * What reading on for ever gives, written by hand: where records are there, `next` is answered on the spot, and a loop over
 * them costs one microtask a record. An async generator over grpc-js's stream costs several, and more than the decoding.
 */
import { status } from "@grpc/grpc-js";
import { isUnreached } from "../unreached.js";
import { logServiceDefinition } from "../wire/definition.js";
import { CallError } from "./call-error.js";
import type { Call, Calls } from "./calls.js";
import type { FollowOptions } from "./client.js";
import type { Stubs } from "./connection.js";
import { readConsumeResponse, type ConsumeResult } from "./consume-response.js";
import type { Sending } from "./lane.js";
import { MessageStream } from "./message-stream.js";
import { requireOptions } from "./misuse.js";
import { optionNames } from "./option-names.js";
import { Outage } from "./outage.js";
import { isPassing, isRefusedAsNobody, isTemporary } from "./refusals.js";
import { consumeRequest } from "./requests.js";

/** Messages are asked for until so many bytes wait here: beside what is being read, and the window of the connection. */
const maxWaitingBytes = 256 * 1024;

interface Asking<Item> {
  resolve(result: IteratorResult<Item, void>): void;
  reject(error: unknown): void;
}

/** What a call ended with, and after how long, in milliseconds. */
interface End {
  readonly error: Error | undefined;
  readonly heldMs: number;
}

/**
 * Opens the call when it is first asked. `next` may be called again before the last one was answered: answers come in
 * order. `return` and `throw` end the call at once, also one that waits at the end of the topic; whoever waits in `next` is
 * told that it is over. An error goes to the first who asks, and then it is over as well.
 *
 * A server that goes is no error, nor is the end of a certificate that was renewed: once everything that was sent was taken,
 * the call is opened again behind it.
 */
export class Following<Item> implements AsyncGenerator<Item, void, undefined> {
  readonly #calls: Calls;
  readonly #sending: Sending;
  readonly #options: FollowOptions;
  readonly #itemsOf: (response: ConsumeResult) => readonly Item[];
  #state: "new" | "open" | "over" = "new";
  #call: Call | undefined;
  #stream: MessageStream | undefined;
  #outage: Outage | undefined;
  /** It is not the first call. */
  #isAgain = false;
  /** It is the first one under another certificate, behind one that was refused. */
  #isAsAnother = false;
  /** A server has taken the one that is open. */
  #isAccepted = false;
  /** Whoever follows was told that the server is gone, and not yet that it is back. */
  #isToldGone = false;
  /** When the last call was opened. Monotonic, in milliseconds. */
  #openedAt = 0;
  /** Where to go on: behind the last record, in the very topic that it was of. */
  #place: Pick<FollowOptions, "from" | "topicId"> = {};
  /** Of the message that is being read, from `#at` on. */
  #items: readonly Item[] = [];
  #at = 0;
  readonly #messages: Buffer[] = [];
  #waitingBytes = 0;
  #isReading = false;
  /** What to say behind the last message. */
  #end: End | undefined;
  readonly #asking: Asking<Item>[] = [];

  constructor(
    calls: Calls,
    sending: Sending,
    options: FollowOptions,
    itemsOf: (response: ConsumeResult) => readonly Item[],
  ) {
    this.#calls = calls;
    this.#sending = sending;
    this.#options = options;
    this.#itemsOf = itemsOf;
  }

  next(): Promise<IteratorResult<Item, void>> {
    if (this.#at < this.#items.length && !this.#call!.isCancelled) {
      return Promise.resolve({ value: this.#items[this.#at++]!, done: false });
    }
    if (this.#state === "over") return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve, reject) => {
      this.#asking.push({ resolve, reject });
      if (this.#state === "new") void this.#open();
      else this.#answer();
    });
  }

  async return(value?: void | PromiseLike<void>): Promise<IteratorResult<Item, void>> {
    this.#finish();
    return { value: await value, done: true };
  }

  async throw(error: unknown): Promise<IteratorResult<Item, void>> {
    this.#finish();
    throw error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#finish();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #open(): Promise<void> {
    this.#state = "open";
    const options = this.#options;
    try {
      requireOptions(options, optionNames.follow);
      // What is wrong with them is told before anybody is dialled.
      consumeRequest(options);
      if (options.signal?.aborted) {
        this.#finish();
        return;
      }
      const call = this.#calls.begin(options, { endsOnClose: true });
      this.#call = call;
      this.#outage = new Outage(call, this.#sending, (...told) => this.#tellGone(...told), Infinity);
      await this.#start(call);
    } catch (error) {
      this.#close(error as Error);
    }
  }

  async #start(call: Call): Promise<void> {
    this.#openedAt = performance.now();
    this.#isAccepted = false;
    const { log } = await call.dial();
    // The end is another one each time that it is asked for, and what comes in between would be missed.
    if (this.#asksForEnd) this.#place = await this.#endOf(call, log);
    const { path, requestSerialize } = logServiceDefinition.ConsumeStream;
    const request = requestSerialize(consumeRequest({ ...this.#options, ...this.#place }));
    const { deadline = Infinity } = call.grpcOptions;
    this.#isReading = true;
    this.#stream = call.started(
      new MessageStream(
        log.getChannel(),
        { path, request, deadline },
        {
          onAccepted: () => this.#accepted(),
          onMessage: (message) => this.#take(message),
          onEnd: (error) => this.#close(error),
        },
      ),
    );
  }

  get #asksForEnd(): boolean {
    return (this.#place.from ?? this.#options.from) === "latest";
  }

  async #endOf(call: Call, log: Stubs["log"]): Promise<Pick<FollowOptions, "from" | "topicId">> {
    const { path, requestSerialize } = logServiceDefinition.Consume;
    const request = consumeRequest({ ...this.#options, from: "latest" });
    const { highWaterMark, topicId } = await call.answered<ConsumeResult>((...rest) =>
      log.makeUnaryRequest(path, requestSerialize, readConsumeResponse, request, ...rest),
    );
    this.#sending.wasAnswered = true;
    return { from: highWaterMark, topicId };
  }

  #accepted(): void {
    this.#isAccepted = true;
    this.#isAsAnother = false;
    this.#sending.wasAnswered = true;
    if (!this.#isToldGone) return;
    this.#isToldGone = false;
    this.#outage!.noteBack();
    try {
      this.#options.onBack?.();
    } catch (error) {
      this.#stream?.cancel();
      this.#close(error as Error);
    }
  }

  #tellGone(...told: Parameters<NonNullable<FollowOptions["onWaiting"]>>): void {
    this.#isToldGone = true;
    this.#options.onWaiting?.(...told);
  }

  #take(message: Buffer): void {
    this.#isReading = false;
    if (this.#state === "over") return;
    // A server of before does not say by itself that it has taken the call.
    if (!this.#isAccepted) this.#accepted();
    this.#outage!.end();
    this.#messages.push(message);
    this.#waitingBytes += message.length;
    this.#answer();
    this.#readOn();
  }

  /** The first reason counts. */
  #close(error: Error | undefined): void {
    if (this.#state === "over") return;
    this.#end ??= { error, heldMs: performance.now() - this.#openedAt };
    this.#answer();
  }

  /** Gives what is there to those who ask. */
  #answer(): void {
    while (this.#asking.length > 0) {
      if (this.#call?.isCancelled) this.#finish();
      else if (this.#at < this.#items.length) {
        this.#asking.shift()!.resolve({ value: this.#items[this.#at++]!, done: false });
      } else if (this.#messages.length > 0) this.#decode(this.#messages.shift()!);
      else if (this.#end !== undefined) this.#goOn(this.#end);
      else {
        // What is let go before the next message comes does not outlive a collection, which makes the next ones dearer.
        this.#items = [];
        return;
      }
    }
  }

  #decode(message: Buffer): void {
    this.#waitingBytes -= message.length;
    this.#at = 0;
    try {
      const result = readConsumeResponse(message);
      const last = result.records.at(-1);
      if (last !== undefined) this.#place = { from: last.offset + 1n, topicId: result.topicId };
      this.#items = this.#itemsOf(result);
    } catch (error) {
      this.#items = [];
      // As grpc-js says it of a call with one answer.
      const details = `Response message parsing error: ${(error as Error).message}`;
      this.#fail(new CallError(status.INTERNAL, details, undefined, { cause: error }));
      return;
    }
    this.#readOn();
  }

  #readOn(): void {
    if (this.#isReading || this.#stream === undefined || this.#waitingBytes >= maxWaitingBytes) return;
    this.#isReading = true;
    this.#stream.read();
  }

  /** Behind the last message: with another call if the server is gone, or not at all. */
  #goOn({ error, heldMs }: End): void {
    const failure = error && (this.#call?.failure(error) ?? error);
    const wasUnreached = failure instanceof CallError && isUnreached(failure.details);
    if (!wasUnreached) this.#outage?.noteHeld(heldMs);
    // One is tried, not one after the other for as long as new ones are given.
    const isNobody = failure !== undefined && isRefusedAsNobody(failure) && !this.#isAsAnother;
    if (failure === undefined || !(isNobody || this.#mayPass(failure))) {
      this.#fail(failure);
      return;
    }
    this.#end = undefined;
    this.#stream = undefined;
    this.#isAgain = true;
    if (isNobody) void this.#startAsAnother(this.#call!, failure);
    else void this.#startAgain(this.#call!, this.#outage!, failure);
  }

  #mayPass(failure: Error): boolean {
    if (this.#outage === undefined || this.#outage.isTooLong) return false;
    // The server was just there to refuse the one before: that it does not let this one in is likelier than that it is gone.
    if (this.#isAsAnother && failure instanceof CallError && failure.reason === undefined) return false;
    // That call has been tried again already.
    if (this.#asksForEnd && !this.#sending.wasAnswered) return false;
    // Right after it was gone, a server may still count what was open before.
    return isPassing(failure) || (isTemporary(failure) && this.#isAgain);
  }

  async #startAgain(call: Call, outage: Outage, failure: Error): Promise<void> {
    try {
      await outage.pause(failure);
      await this.#start(call);
    } catch (error) {
      this.#close(error as Error);
    }
  }

  /** A certificate that was renewed in time takes the place of one that is good no more; the same one is not tried again. */
  async #startAsAnother(call: Call, refusal: Error): Promise<void> {
    try {
      if (await call.hasOtherCertificate()) {
        this.#isAsAnother = true;
        await this.#start(call);
      } else {
        this.#fail(refusal);
      }
    } catch (error) {
      this.#close(error as Error);
    }
  }

  #fail(error: Error | undefined): void {
    if (error !== undefined) this.#asking.shift()?.reject(error);
    this.#finish();
  }

  #finish(): void {
    this.#state = "over";
    this.#items = [];
    this.#messages.length = 0;
    this.#stream = undefined;
    this.#call?.[Symbol.dispose]();
    for (const asking of this.#asking.splice(0)) asking.resolve({ value: undefined, done: true });
  }
}

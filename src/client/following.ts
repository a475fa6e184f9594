/**
 * What reading on for ever gives, written by hand: where records are there, `next` is answered on the spot, and a loop over
 * them costs one microtask a record. An async generator over grpc-js's stream costs several, and more than the decoding.
 */
import { status } from "@grpc/grpc-js";
import { logServiceDefinition } from "../wire/definition.js";
import { CallError } from "./call-error.js";
import type { Call, Calls } from "./calls.js";
import type { FollowOptions } from "./client.js";
import { readConsumeResponse, type ConsumeResult } from "./consume-response.js";
import { MessageStream } from "./message-stream.js";
import { requireOptions } from "./misuse.js";
import { optionNames } from "./option-names.js";
import { consumeRequest } from "./requests.js";

/** Messages are asked for until so many bytes wait here: beside what is being read, and the window of the connection. */
const maxWaitingBytes = 256 * 1024;

interface Asking<Item> {
  resolve(result: IteratorResult<Item, void>): void;
  reject(error: unknown): void;
}

/**
 * Opens the call when it is first asked. `next` may be called again before the last one was answered: answers come in
 * order. `return` and `throw` end the call at once, also one that waits at the end of the topic; whoever waits in `next` is
 * told that it is over. An error goes to the first who asks, and then it is over as well.
 */
export class Following<Item> implements AsyncGenerator<Item, void, undefined> {
  readonly #calls: Calls;
  readonly #options: FollowOptions;
  readonly #itemsOf: (response: ConsumeResult) => readonly Item[];
  #state: "new" | "open" | "over" = "new";
  #call: Call | undefined;
  #stream: MessageStream | undefined;
  /** Of the message that is being read, from `#at` on. */
  #items: readonly Item[] = [];
  #at = 0;
  readonly #messages: Buffer[] = [];
  #waitingBytes = 0;
  #isReading = false;
  /** What to say behind the last message. */
  #end: { readonly error: Error | undefined } | undefined;
  readonly #asking: Asking<Item>[] = [];

  constructor(calls: Calls, options: FollowOptions, itemsOf: (response: ConsumeResult) => readonly Item[]) {
    this.#calls = calls;
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
      const { path, requestSerialize } = logServiceDefinition.ConsumeStream;
      const request = requestSerialize(consumeRequest(options));
      if (options.signal?.aborted) {
        this.#finish();
        return;
      }
      const call = this.#calls.begin(options, { endsOnClose: true });
      this.#call = call;
      const { log } = await call.dial();
      const { deadline = Infinity } = call.grpcOptions;
      this.#isReading = true;
      this.#stream = call.started(
        new MessageStream(
          log.getChannel(),
          { path, request, deadline },
          {
            onMessage: (message) => this.#take(message),
            onEnd: (error) => this.#close(error),
          },
        ),
      );
    } catch (error) {
      this.#close(error as Error);
    }
  }

  #take(message: Buffer): void {
    this.#isReading = false;
    if (this.#state === "over") return;
    this.#messages.push(message);
    this.#waitingBytes += message.length;
    this.#answer();
    this.#readOn();
  }

  #close(error: Error | undefined): void {
    if (this.#state === "over") return;
    this.#end = { error };
    this.#answer();
  }

  /** Gives what is there to those who ask. */
  #answer(): void {
    while (this.#asking.length > 0) {
      if (this.#call?.isCancelled) this.#finish();
      else if (this.#at < this.#items.length) {
        this.#asking.shift()!.resolve({ value: this.#items[this.#at++]!, done: false });
      } else if (this.#messages.length > 0) this.#decode(this.#messages.shift()!);
      else if (this.#end !== undefined) this.#fail(this.#end.error);
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
      this.#items = this.#itemsOf(readConsumeResponse(message));
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

  #fail(error: Error | undefined): void {
    if (error !== undefined) this.#asking.shift()?.reject(this.#call?.failure(error) ?? error);
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

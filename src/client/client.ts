/** A connection to one server, under one certificate. */
import type { CallOptions, ClientUnaryCall, requestCallback } from "@grpc/grpc-js";
import { LogStub } from "../wire/definition.js";
import type { ConsumeResponseOutput } from "../wire/generated/log/v1/ConsumeResponse.js";
import type { LogClient } from "../wire/generated/log/v1/Log.js";
import type { ProduceResponseOutput } from "../wire/generated/log/v1/ProduceResponse.js";
import { toCallError } from "./call-error.js";
import { channelTo, type ConnectOptions } from "./channel.js";
import { expected, requireOptions } from "./misuse.js";
import { fromWire, type ConsumedRecord, type RecordInput } from "./records.js";
import { consumeRequest, produceRequest, type ReadOptions, type TopicOptions } from "./requests.js";
import { produceRequests, sendAll } from "./sending.js";

export type { StartingPoint } from "./requests.js";

interface UnaryOptions {
  /** Ends the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** After this many milliseconds the call fails with DEADLINE_EXCEEDED. Default 30,000 and what the call may wait. */
  readonly timeoutMs?: number | undefined;
}

export interface ProduceOptions extends TopicOptions, UnaryOptions {
  /** Fail with FAILED_PRECONDITION unless the first record gets exactly this offset. */
  readonly expectedOffset?: bigint | undefined;
}

export interface ProduceManyOptions extends TopicOptions {
  /** As in `produce`, for the first batch; each further one is then expected right behind the one before. */
  readonly expectedOffset?: bigint | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Where a batch is now. */
export interface ProduceResult {
  /** Offset of the first record. */
  readonly offset: bigint;
  readonly count: number;
  /** The id of the topic that holds the batch, 16 bytes. */
  readonly topicId: Buffer;
}

export interface ConsumeOptions extends ReadOptions, UnaryOptions {
  /** How long the server may wait for a record at the end of the topic, in milliseconds, at most 60,000. Default 0. */
  readonly maxWaitMs?: number | undefined;
}

export interface ConsumeResult {
  /** In offset order; may be empty. */
  readonly records: readonly ConsumedRecord[];
  /** The first offset that cannot be read yet. */
  readonly highWaterMark: bigint;
  /** The id of the topic that was read, 16 bytes. */
  readonly topicId: Buffer;
}

export interface FollowOptions extends ReadOptions {
  /** Ends the iteration without an error. */
  readonly signal?: AbortSignal | undefined;
}

const defaultTimeoutMs = 30_000;

/**
 * Produces and consumes under the certificate it was given. Calls may overlap; they share one connection, which is made
 * with the first of them and again when it was lost. Every method throws `CallError` on a status other than OK.
 */
export class Client implements AsyncDisposable {
  readonly #stub: LogClient;
  /** What `close` ends. */
  readonly #calls = new Set<OpenCall>();

  private constructor(stub: LogClient) {
    this.#stub = stub;
  }

  /**
   * Does not dial yet: a wrong address shows as UNAVAILABLE in the first call.
   * @throws TypeError for an address without a port, or where a certificate or the key is missing
   * @throws Error of OpenSSL when certificate and key do not parse or do not belong together
   */
  static connect(options: ConnectOptions): Client {
    const channel = channelTo(options);
    return new Client(new LogStub(options.address, channel.credentials, channel.options));
  }

  /** Appends one atomic batch. Resolves once it is on the server's disk. */
  async produce(records: RecordInput | readonly RecordInput[], options: ProduceOptions = {}): Promise<ProduceResult> {
    const request = produceRequest(records, options);
    return toResult(
      await this.#unary<ProduceResponseOutput>((call, done) => this.#stub.produce(request, call, done), options),
    );
  }

  /**
   * Appends batch after batch over one stream, without waiting for one answer before sending the next batch, and yields
   * the answers in order. The first refusal throws, after the answers to all earlier batches; nothing later is stored.
   * Leaving the iteration, or aborting, ends the stream: batches that were not answered may or may not be stored. What
   * `batches` throws is thrown once everything before it is answered. After an end it is asked for one more batch at most.
   */
  async *produceMany(
    batches: Iterable<readonly RecordInput[]> | AsyncIterable<readonly RecordInput[]>,
    options: ProduceManyOptions = {},
  ): AsyncGenerator<ProduceResult, void, undefined> {
    requireOptions(options);
    requireIterable(batches);
    options.signal?.throwIfAborted();
    using open = this.#open(this.#stub.produceStream(), options.signal);
    const sending = sendAll(produceRequests(batches, options), open.call, open.ended);
    // It is awaited below. Should the call fail first, what becomes of the rest of the source is of no interest.
    sending.catch(() => undefined);
    try {
      for await (const response of open.call) yield toResult(response as ProduceResponseOutput);
    } catch (error) {
      options.signal?.throwIfAborted();
      throw toCallError(error);
    }
    await sending;
  }

  /** Reads once. An offset past the end is OUT_OF_RANGE unless `maxWaitMs` lets the server wait there. */
  async consume(options: ConsumeOptions = {}): Promise<ConsumeResult> {
    const request = consumeRequest(options);
    const timeoutMs = options.timeoutMs ?? defaultTimeoutMs + (options.maxWaitMs ?? 0);
    const response = await this.#unary<ConsumeResponseOutput>((call, done) => this.#stub.consume(request, call, done), {
      signal: options.signal,
      timeoutMs,
    });
    const { records, highWaterMark, topicId } = response;
    return { records: records.map(fromWire), highWaterMark, topicId };
  }

  /**
   * Yields record after record and waits at the end of the topic for more, for ever. A slow reader slows the server down
   * instead of filling memory. Leaving the iteration ends the call.
   */
  async *follow(options: FollowOptions = {}): AsyncGenerator<ConsumedRecord, void, undefined> {
    const request = consumeRequest(options);
    if (options.signal?.aborted) return;
    using open = this.#open(this.#stub.consumeStream(request), options.signal);
    try {
      // Read in the same tick: a stream without a reader gets no flow control from grpc-js and piles up in memory.
      for await (const response of open.call) {
        for (const record of (response as ConsumeResponseOutput).records) {
          yield fromWire(record);
          if (options.signal?.aborted) return;
        }
      }
    } catch (error) {
      if (options.signal?.aborted) return;
      throw toCallError(error);
    }
  }

  /** Ends what is still under way with CANCELLED, and the connection. Safe to repeat. */
  async close(): Promise<void> {
    for (const call of this.#calls) call.cancel();
    this.#stub.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #unary<Response>(
    start: (options: CallOptions, done: requestCallback<Response>) => ClientUnaryCall,
    { signal, timeoutMs = defaultTimeoutMs }: UnaryOptions,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const call = start({ deadline: Date.now() + timeoutMs }, (error, response) => {
        open[Symbol.dispose]();
        if (response !== undefined) resolve(response);
        else reject((signal?.aborted ? signal.reason : toCallError(error)) as Error);
      });
      const open = this.#open(call, signal);
    });
  }

  /** Cancels the call on `close`, on the signal and when it is disposed of, whichever comes first. */
  #open<Call extends OpenCall>(
    call: Call,
    signal: AbortSignal | undefined,
  ): Disposable & { readonly call: Call; readonly ended: AbortSignal } {
    const ended = new AbortController();
    const cancel = () => call.cancel();
    // A status may arrive when nobody reads any more; without a listener it would end the process.
    call.on("error", () => undefined);
    signal?.addEventListener("abort", cancel);
    this.#calls.add(call);
    return {
      call,
      ended: ended.signal,
      [Symbol.dispose]: () => {
        signal?.removeEventListener("abort", cancel);
        this.#calls.delete(call);
        call.cancel();
        ended.abort();
      },
    };
  }
}

function requireIterable(batches: unknown): void {
  const isIterable =
    typeof batches === "object" && batches !== null && (Symbol.iterator in batches || Symbol.asyncIterator in batches);
  if (!isIterable) throw expected("batches", "an iterable of arrays of records", batches);
}

interface OpenCall {
  cancel(): void;
  on(event: "error", listener: () => void): unknown;
}

function toResult({ offset, count, topicId }: ProduceResponseOutput): ProduceResult {
  return { offset, count, topicId };
}

/** Produces and consumes under one certificate, over one connection to each server. */
import type { ClientWritableStream } from "@grpc/grpc-js";
import { logServiceDefinition } from "../wire/definition.js";
import type { ImportResponseOutput } from "../wire/generated/log/v1/ImportResponse.js";
import { BatchStream } from "./batch-stream.js";
import { Calls, defaultTimeoutMs, type CallOptions } from "./calls.js";
import { connectionTo, type ConnectOptions } from "./connect.js";
import type { Connection } from "./connection.js";
import { Connections } from "./connections.js";
import { readConsumeResponse, type ConsumeResult } from "./consume-response.js";
import { alreadyEncoded } from "./encoding.js";
import { Following } from "./following.js";
import type { Sending } from "./lane.js";
import { duration, requireIterable, requireOptions } from "./misuse.js";
import { Offsets } from "./offsets.js";
import { optionNames } from "./option-names.js";
import type { OnWaiting } from "./outage.js";
import { Policy } from "./policy.js";
import { Producer } from "./producer.js";
import { ProducerIds } from "./producer-ids.js";
import type { ConsumedRecord, RecordInput } from "./records.js";
import { consumeRequest, type ReadOptions, type TopicOptions } from "./requests.js";
import { importMessages, sendAll, type Batches, type ImportProgress } from "./sending.js";
import { Topics } from "./topics.js";

export interface ProduceOptions extends TopicOptions, CallOptions {
  /** Fail with FAILED_PRECONDITION unless the first record gets exactly this offset. */
  readonly expectedOffset?: bigint | undefined;
}

interface BatchesOptions extends TopicOptions, CallOptions {
  /** As in `produce`, for the first batch; each further one is then expected right behind the one before. */
  readonly expectedOffset?: bigint | undefined;
}

export interface ProduceManyOptions extends BatchesOptions {
  /**
   * Called when the server is gone and is waited for, once until there is an answer again, with what the last attempt got, and
   * for how many milliseconds it is waited for at most. What it throws ends the call.
   */
  readonly onWaiting?: OnWaiting | undefined;
}

export interface ImportOptions extends BatchesOptions {
  /** Called with the sums so far whenever a batch was handed to the connection. What it throws ends the import. */
  readonly onProgress?: ((progress: ImportProgress) => void) | undefined;
}

/** What an import has stored. */
export interface ImportResult {
  /** How many records. */
  readonly count: number;
  /** Offset of the first one; undefined if there was none. Others may have stored records in between. */
  readonly firstOffset: bigint | undefined;
  /** Undefined as `firstOffset` is. */
  readonly lastOffset: bigint | undefined;
  /** Bytes of the requests that brought them. */
  readonly bytes: number;
  /** From the first request to the last one being on disk, as the server measured it. */
  readonly seconds: number;
  /** The id of the topic that holds them, 16 bytes. */
  readonly topicId: Buffer;
}

/** Where a batch is now. */
export interface ProduceResult {
  /** Offset of the first record. */
  readonly offset: bigint;
  readonly count: number;
  /** The id of the topic that holds the batch, 16 bytes. */
  readonly topicId: Buffer;
}

export interface ConsumeOptions extends ReadOptions, CallOptions {
  /** How long the server may wait for a record at the end of the topic, in milliseconds, at most 60,000. Default 0. */
  readonly maxWaitMs?: number | undefined;
}

export interface FollowOptions extends ReadOptions {
  /** Ends the iteration without an error. */
  readonly signal?: AbortSignal | undefined;
  /** After this many milliseconds, at most 24 days, the iteration fails with DEADLINE_EXCEEDED. Default: never. */
  readonly timeoutMs?: number | undefined;
  /**
   * Called when the server is gone and is waited for, once until it is back, with what the last attempt got, and for how many
   * milliseconds it is waited for at most: Infinity without `timeoutMs`. What it throws ends the iteration.
   */
  readonly onWaiting?: OnWaiting | undefined;
  /** Called when it is back after that, also if there is no record yet. What it throws ends the iteration. */
  readonly onBack?: (() => void) | undefined;
}

export interface CloseOptions {
  /** How long calls under way may take to finish, in milliseconds, at most one hour. Default 5,000. */
  readonly graceMs?: number | undefined;
}

const defaultGraceMs = 5_000;
const longestGraceMs = 3_600_000;

/**
 * Produces and consumes under the certificate that it is given. Calls may overlap; they share one connection to each
 * server, which is made with the first of them and again when it was lost. Every method throws `CallError` on a status
 * other than OK, `CredentialsError` when there are no certificates to call with, and `ClientClosed` after `close`.
 */
export class Client implements AsyncDisposable {
  readonly topics: Topics;
  /** Positions of consumer groups. */
  readonly offsets: Offsets;
  /** What the server decides by. */
  readonly policy: Policy;
  /** Who is connected to the server. */
  readonly connections: Connections;
  readonly #calls: Calls;
  readonly #sending: Sending;
  readonly #producer: Producer;

  private constructor(connection: Connection) {
    const calls = new Calls(connection);
    this.#calls = calls;
    this.#sending = { connection, ids: new ProducerIds(), wasAnswered: false };
    this.#producer = new Producer(calls, this.#sending);
    this.topics = new Topics(calls);
    this.offsets = new Offsets(calls);
    this.policy = new Policy(calls);
    this.connections = new Connections(calls);
  }

  /**
   * Does not dial yet: a wrong address shows as UNAVAILABLE in the first call.
   * @throws TypeError for an address without a port, an option that there is not, or where certificates are missing, given
   * in more than one way, or, given as PEM, do not parse or do not belong together
   */
  static connect(options: ConnectOptions): Client {
    return new Client(connectionTo(options));
  }

  /**
   * Appends one atomic batch. Resolves once it is on the server's disk. Calls that overlap share requests, and are stored
   * in their order. What had no answer is sent again until it is late, and stored once however often that is: an error
   * says so when it is not known whether it is. Throws `QueueFull` while 64 MiB of calls wait.
   */
  produce(records: RecordInput | readonly RecordInput[], options: ProduceOptions = {}): Promise<ProduceResult> {
    return this.#producer.produce(records, options);
  }

  /**
   * Appends batch after batch over one stream, without waiting for one answer before sending the next batch, and yields
   * the answers in order. The first refusal throws, after the answers to all earlier batches; nothing later is stored.
   * Over a lost connection it goes on with another one, and stores each batch once; once a server has answered, it waits for one
   * until its own deadline, or for 30 seconds where it has none.
   * Leaving the iteration, or aborting, ends the stream: batches that were not answered may or may not be stored. What
   * `batches` throws is thrown once everything before it is answered. After an end it is asked for one more batch at most.
   */
  async *produceMany(
    batches: Batches,
    options: ProduceManyOptions = {},
  ): AsyncGenerator<ProduceResult, void, undefined> {
    requireOptions(options, optionNames.produceMany);
    requireIterable(batches);
    using call = this.#calls.begin(options);
    yield* new BatchStream(call, this.#sending, batches, options).results();
  }

  /**
   * Appends batch after batch to one topic, for millions of records: the server answers once, behind the last of them.
   * The first refusal ends it, and says in its facts how far it came; batches before it are stored. So may be those that
   * were sent before an abort, a lost connection, or an error of `batches`, which is thrown at once.
   */
  async import(batches: Batches, options: ImportOptions = {}): Promise<ImportResult> {
    requireOptions(options, optionNames.import);
    requireIterable(batches);
    using call = this.#calls.begin(options);
    const { log } = await call.dial();
    const { path, responseDeserialize } = logServiceDefinition.Import;
    let stream!: ClientWritableStream<Buffer>;
    const answer = call.answered<ImportResponseOutput>(
      (grpcOptions, done) =>
        (stream = log.makeClientStreamRequest(path, alreadyEncoded, responseDeserialize, grpcOptions, done)),
    );
    const sending = sendAll(importMessages(batches, options), stream, call.ended).then(() => stream.end());
    sending.catch(() => undefined);
    await Promise.race([sending, answer]);
    return toImportResult(await answer);
  }

  /** Reads once. An offset past the end is OUT_OF_RANGE unless `maxWaitMs` lets the server wait there. */
  async consume(options: ConsumeOptions = {}): Promise<ConsumeResult> {
    requireOptions(options, optionNames.consume);
    const request = consumeRequest(options);
    const timeoutMs = options.timeoutMs ?? defaultTimeoutMs + (options.maxWaitMs ?? 0);
    const { path, requestSerialize } = logServiceDefinition.Consume;
    return await this.#calls.unary<ConsumeResult>({ ...options, timeoutMs }, ({ log }, ...rest) =>
      log.makeUnaryRequest(path, requestSerialize, readConsumeResponse, request, ...rest),
    );
  }

  /**
   * Yields record after record and waits at the end of the topic for more, for ever. A slow reader slows the server down
   * instead of filling memory. Leaving the iteration ends the call; aborting, and `close`, end the iteration. Over a lost
   * connection, and past a server that stops, it goes on with another one behind the last record, without losing or repeating
   * any; once a server has answered, it waits for one for ever, or until `timeoutMs`. So it does when its certificate is refused
   * and there is another one by now. Whatever else is refused throws.
   */
  follow(options: FollowOptions = {}): AsyncGenerator<ConsumedRecord, void, undefined> {
    return new Following(this.#calls, this.#sending, options, ({ records }) => records);
  }

  /**
   * The same records, as many at a time as came together: never none, at most `maxRecords`. Faster to go through than one
   * after the other, and each batch says how far the topic reached when it was read. What is a batch here has nothing to
   * do with how the records were produced.
   */
  followBatches(options: FollowOptions = {}): AsyncGenerator<ConsumeResult, void, undefined> {
    return new Following(this.#calls, this.#sending, options, (result) => (result.records.length > 0 ? [result] : []));
  }

  /**
   * Takes no more calls, ends what follows, waits for other calls under way, streams of batches among them, for as long
   * as `graceMs` says, ends what is left with CANCELLED, and closes the connections. Safe to repeat: the first one counts.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    requireOptions(options, optionNames.close);
    await this.#calls.close(duration("graceMs", options.graceMs ?? defaultGraceMs, 0, longestGraceMs));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function toImportResult(response: ImportResponseOutput): ImportResult {
  const { count, bytes, seconds, topicId } = response;
  // The wire has nothing but two zeros to say that there was no record.
  const { firstOffset, lastOffset }: Partial<ImportResponseOutput> = count === 0n ? {} : response;
  return { count: Number(count), firstOffset, lastOffset, bytes: Number(bytes), seconds, topicId };
}

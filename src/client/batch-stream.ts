/**
 * Batch after batch over a ProduceStream without request ids, and over another one when that breaks: what was not
 * answered is sent again as it was, and the server knows it again.
 */
import type { Writable } from "node:stream";
import type { ClientDuplexStream } from "@grpc/grpc-js";
import { isUnreached } from "../unreached.js";
import { logServiceDefinition } from "../wire/definition.js";
import type { ProduceResponseOutput } from "../wire/generated/log/v1/ProduceResponse.js";
import { CallError } from "./call-error.js";
import type { Call } from "./calls.js";
import type { ProduceResult } from "./client.js";
import { alreadyEncoded, encodeProducer } from "./encoding.js";
import { endedEarly, type Sending } from "./lane.js";
import { Outage, type OnWaiting } from "./outage.js";
import type { Numbering, StreamNumbering } from "./producer-ids.js";
import { isGap, isOfEveryAttempt, isPassing, isStored, isTemporary, notKnown } from "./refusals.js";
import { produceMessages, type Batches, type ProduceMessage, type ProducedOptions } from "./sending.js";

/** Servers know so many batches of a producer again. */
const maxUnanswered = 64;
/** Beyond so many bytes without an answer, a server takes no more. */
const maxUnansweredBytes = 16 * 1024 * 1024;

/** A request that may have been sent, and has no answer. */
interface Batch {
  bytes: Buffer;
  readonly count: number;
  /** The number of its first record. */
  sequence: number;
  /** Of its last field, which says which batch of which producer it is. */
  producerBytes: number;
  wasSent: boolean;
  /** It was sent, and no answer says what became of it. */
  wasLost: boolean;
}

export class BatchStream {
  readonly #call: Call;
  readonly #sending: Sending;
  readonly #ids: StreamNumbering;
  readonly #source: AsyncGenerator<ProduceMessage, void, undefined>;
  readonly #unanswered: Batch[] = [];
  #unansweredBytes = 0;
  /** How many batches were answered. */
  #answered = 0;
  #numbering: Numbering;
  /** The number of the next record. */
  #sequence = 0;
  #producerBytes = 0;
  /** Which batches are written to now, if there is one. */
  #stream: Writable | undefined;
  #pulling: Promise<void> | undefined;
  #sourceEnd: { readonly error?: unknown } | undefined;
  #wake = (): void => undefined;
  readonly #outage: Outage;
  /** When the last stream was asked for. Monotonic, in milliseconds. */
  #openedAt = 0;

  constructor(
    call: Call,
    sending: Sending,
    batches: Batches,
    options: ProducedOptions & { readonly onWaiting?: OnWaiting | undefined },
  ) {
    this.#call = call;
    this.#outage = new Outage(call, sending, options.onWaiting);
    this.#sending = sending;
    this.#ids = sending.ids.lend();
    this.#numbering = this.#ids.begin();
    this.#source = produceMessages(batches, options, () => {
      const field = encodeProducer(this.#numbering, this.#sequence);
      this.#producerBytes = field.length;
      return field;
    });
  }

  /** One for each batch, in order. */
  async *results(): AsyncGenerator<ProduceResult, void, undefined> {
    try {
      while (!this.#isThrough()) {
        const over = new AbortController();
        let failure: Error = endedEarly();
        try {
          const stream = await this.#open();
          void this.#sendOver(stream, over.signal);
          for await (const response of stream) yield this.#result(response as ProduceResponseOutput);
        } catch (error) {
          failure = this.#call.failure(error);
          if (this.#call.isCancelled) throw failure;
        } finally {
          over.abort();
          this.#stream = undefined;
          this.#wake();
        }
        if (!this.#isThrough()) await this.#recover(failure);
      }
    } finally {
      this.#ids[Symbol.dispose]();
      // It may still be thinking of its next batch.
      this.#source.return().catch(() => undefined);
    }
    if (this.#sourceEnd !== undefined && "error" in this.#sourceEnd) throw this.#sourceEnd.error;
  }

  #isThrough(): boolean {
    return this.#sourceEnd !== undefined && this.#unanswered.length === 0;
  }

  async #open(): Promise<ClientDuplexStream<Buffer, ProduceResponseOutput>> {
    const { log } = await this.#call.dial();
    this.#openedAt = performance.now();
    const { path, responseDeserialize } = logServiceDefinition.ProduceStream;
    const { grpcOptions } = this.#call;
    return this.#call.started(log.makeBidiStreamRequest(path, alreadyEncoded, responseDeserialize, grpcOptions));
  }

  /** Writes what is not answered, and what more there is, until `over` aborts. */
  async #sendOver(stream: Writable, over: AbortSignal): Promise<void> {
    this.#stream = stream;
    stream.on("drain", () => this.#wake());
    let at = this.#answered;
    while (!over.aborted) {
      const batch = this.#unanswered[at - this.#answered];
      if (stream.writableNeedDrain) {
        await this.#changed();
      } else if (batch !== undefined) {
        at++;
        batch.wasSent = true;
        stream.write(batch.bytes);
      } else if (this.#sourceEnd !== undefined) {
        // Half-closed also when the source failed, so that due answers still come.
        stream.end();
        return;
      } else {
        if (!this.#isFull) this.#pulling ??= this.#pull();
        await this.#changed();
      }
    }
  }

  /** Resolves when there may be something to write, or nothing to write it to. */
  #changed(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }

  get #isFull(): boolean {
    return this.#unanswered.length >= maxUnanswered || this.#unansweredBytes >= maxUnansweredBytes;
  }

  async #pull(): Promise<void> {
    try {
      do {
        const { value } = await this.#source.next();
        if (value === undefined) {
          this.#sourceEnd ??= {};
          return;
        }
        const { bytes, count } = value;
        const [sequence, producerBytes] = [this.#sequence, this.#producerBytes];
        this.#unanswered.push({ bytes, count, sequence, producerBytes, wasSent: false, wasLost: false });
        this.#unansweredBytes += bytes.length;
        this.#sequence += count;
        this.#wake();
        // In one go while there is room: a turn of its own for each batch costs a third as much as all the rest.
      } while (!this.#isFull && this.#stream?.writableNeedDrain === false);
    } catch (error) {
      this.#sourceEnd = { error };
    } finally {
      this.#pulling = undefined;
      this.#wake();
    }
  }

  #result({ offset, count, topicId }: ProduceResponseOutput): ProduceResult {
    const batch = this.#unanswered.shift();
    if (batch !== undefined) this.#unansweredBytes -= batch.bytes.length;
    this.#answered++;
    this.#outage.end();
    this.#sending.wasAnswered = true;
    this.#wake();
    return { offset, count, topicId };
  }

  /** Resolves when what has no answer may be sent again. @throws what the call fails with */
  async #recover(failure: Error): Promise<void> {
    const [first] = this.#unanswered;
    // Nothing behind it is stored if it is not.
    const isInDoubt = first?.wasLost === true;
    if (isGap(failure) && first !== undefined && first.sequence > 0 && !isInDoubt) {
      this.#renumber();
      return;
    }
    const mayPass = isPassing(failure) || (isInDoubt && isTemporary(failure));
    const wasUnreached = failure instanceof CallError && isUnreached(failure.details);
    const owesNothing = !this.#unanswered.some(({ wasSent }) => wasSent);
    if (!wasUnreached && owesNothing) this.#outage.noteHeld(performance.now() - this.#openedAt);
    if (!mayPass || this.#outage.isTooLong)
      throw isInDoubt && !isTold(failure, first.sequence) ? notKnown(failure) : failure;
    if (!wasUnreached) {
      for (const batch of this.#unanswered) batch.wasLost ||= batch.wasSent;
    }
    await this.#outage.pause(failure);
  }

  /** The server has forgotten this producer, or the topic is another one; what it refused for that is stored nowhere. */
  #renumber(): void {
    this.#numbering = this.#ids.begin();
    this.#sequence = 0;
    for (const batch of this.#unanswered) {
      const producer = encodeProducer(this.#numbering, this.#sequence);
      batch.bytes = Buffer.concat([batch.bytes.subarray(0, -batch.producerBytes), producer]);
      batch.producerBytes = producer.length;
      batch.sequence = this.#sequence;
      this.#sequence += batch.count;
    }
  }
}

/** It says itself what is stored, or that nobody knows. */
function isTold(failure: Error, sequence: number): boolean {
  const isLate = failure instanceof CallError && failure.codeName === "DEADLINE_EXCEEDED";
  return isLate || isStored(failure) || isOfEveryAttempt(failure, sequence);
}

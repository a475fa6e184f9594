import { setTimeout } from "node:timers/promises";
import type { ServerDuplexStream } from "@grpc/grpc-js";
import { ConnectionTooOld, InvalidField, ShuttingDown } from "../errors.js";
import type { Produced } from "../service/index.js";
import type { ProduceRequest } from "../wire/requests.js";
import { type Admitted, Refusal, Withdrawal } from "./admission.js";
import type { ProduceAnswer } from "./produce-answer.js";
import { toStatusMessage } from "./status.js";
import { UnderWay, maxUnanswered } from "./under-way.js";

/** How long a client that lost its right has to read its last answers, before a status may overtake them. */
const partingMs = 200;

type Incoming = Admitted<ProduceRequest> | Refusal;
type AnswerSink = Pick<ServerDuplexStream<unknown, ProduceAnswer>, "write">;

/**
 * One ProduceStream. Its first message fixes how it answers: without request ids in order, the first refusal ending
 * the stream behind every earlier answer and nothing later stored; with request ids each for itself. Such a stream that
 * has to end from outside gets a last answer which says so, and ends well: a status other than OK would overtake, in
 * grpc-js's client, answers that have arrived, and leave nobody sure of what is stored. One that lost its right ends with that
 * status all the same, once there was time to read the answers.
 */
export async function produceStream(
  requests: AsyncIterable<Incoming>,
  call: AnswerSink,
  signal: AbortSignal,
  produce: (admitted: Admitted<ProduceRequest>) => Promise<Produced>,
): Promise<void> {
  const answers = new Answers(call, signal);
  let tagged: boolean | undefined;
  let leaving: Error | undefined;
  let isWithdrawn = false;
  try {
    for await (const incoming of requests) {
      isWithdrawn = incoming instanceof Withdrawal;
      if (incoming instanceof Withdrawal) throw incoming.error;
      const requestId = incoming instanceof Refusal ? incoming.requestId : incoming.request.requestId;
      tagged ??= requestId !== undefined;
      if (tagged !== (requestId !== undefined)) {
        if (incoming instanceof Refusal) throw incoming.error;
        throw new InvalidField("request_id", "either every message of a stream has one, or none has");
      }
      try {
        if (incoming instanceof Refusal) throw incoming.error;
        // Admitted one after the other: a later request must not be stored when an earlier one is refused.
        const produced = await produce(incoming);
        const { bytes } = incoming.request;
        if (requestId === undefined) answers.inOrder(produced, bytes);
        else answers.asTheyCome(produced, bytes, requestId);
      } catch (error) {
        if (requestId === undefined) throw error;
        answers.refuse(error, requestId);
      }
      await answers.room();
    }
  } catch (error) {
    const isFromOutside = isWithdrawn || error instanceof ShuttingDown || error instanceof ConnectionTooOld;
    if (tagged !== true || !isFromOutside || !(error instanceof Error)) throw error;
    leaving = error;
  } finally {
    // Whatever ends the stream comes behind the answers that are due.
    await answers.settled();
  }
  if (leaving === undefined) return;
  answers.leave(leaving);
  if (!isWithdrawn) return;
  await setTimeout(partingMs, undefined, { signal, ref: false }).catch(() => undefined);
  throw leaving;
}

/** Answers that are due. */
class Answers {
  readonly #call: AnswerSink;
  readonly #signal: AbortSignal;
  readonly #underWay: UnderWay;
  /** Answers that were given, but that the client has not taken. */
  #unwritten = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(call: AnswerSink, signal: AbortSignal) {
    this.#call = call;
    this.#signal = signal;
    this.#underWay = new UnderWay(signal);
  }

  /** Answers when the batch is durable and every earlier answer was given. */
  inOrder(produced: Produced, bytes: number): void {
    const before = this.#last;
    this.#last = this.#underWay.count(bytes, async () => {
      const appended = await produced.durable;
      await before;
      // Behind a failure there are no more answers.
      if (!this.#underWay.hasFailed) this.#write(produced, appended, undefined);
    });
  }

  /** Answers when the batch is durable. */
  asTheyCome(produced: Produced, bytes: number, requestId: bigint): void {
    void this.#underWay.count(bytes, async () => {
      try {
        this.#write(produced, await produced.durable, requestId);
      } catch (error) {
        this.refuse(error, requestId);
      }
    });
  }

  /** Answers now, while the stream goes on. */
  refuse(error: unknown, requestId: bigint): void {
    this.#send({ requestId, error: toStatusMessage(error) });
  }

  /** Says, behind all answers, that no more requests are taken. */
  leave(error: Error): void {
    this.#send({ error: toStatusMessage(error) });
  }

  /** Resolves when the stream may be read further. @throws what kept an earlier request from being stored */
  async room(): Promise<void> {
    // A client that does not read its answers is not read either: otherwise they would pile up here.
    await this.#underWay.room(() => this.#unwritten >= maxUnanswered);
  }

  /** Resolves when everything is answered. @throws what kept a request from being stored */
  async settled(): Promise<void> {
    await this.#underWay.settled();
  }

  #write(
    { topicId }: Produced,
    { offset, count }: { offset: bigint; count: number },
    requestId: bigint | undefined,
  ): void {
    this.#send({ offset, count, topicId, requestId });
  }

  #send(answer: ProduceAnswer): void {
    if (this.#signal.aborted) return;
    this.#unwritten++;
    this.#call.write(answer, () => {
      this.#unwritten--;
      this.#underWay.noteChange();
    });
  }
}

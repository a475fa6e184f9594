import { BacklogFull, InvalidField, type Reason, ServiceError } from "../errors.js";
import type { Produced } from "../service/index.js";
import type { ImportResponse } from "../wire/generated/log/v1/ImportResponse.js";
import type { ProduceRequest } from "../wire/requests.js";
import { type Admitted, Refusal } from "./admission.js";
import { UnderWay } from "./under-way.js";

/** Appends a request to the topic with this id; undefined: to whichever has the name. */
type Produce = (admitted: Admitted<ProduceRequest>, topicId: string | undefined) => Promise<Produced>;

/**
 * One Import: request after request goes into one topic, and the answer tells of all of them together. The first refusal
 * ends it, behind what was admitted before.
 *
 * @throws StoppedImport
 */
export async function importStream(
  requests: AsyncIterable<Admitted<ProduceRequest> | Refusal>,
  signal: AbortSignal,
  produce: Produce,
): Promise<ImportResponse> {
  const underWay = new UnderWay(signal);
  const summary = new Summary();
  let first: Admitted<ProduceRequest> | undefined;
  let topicId: string | undefined;
  try {
    try {
      for await (const incoming of requests) {
        if (incoming instanceof Refusal) throw incoming.error;
        if (first === undefined) summary.start();
        first ??= incoming;
        checkNames(incoming, first);
        // Bound to the topic that the first request found: another of the same name gets nothing.
        const produced = await whenThereIsRoom(() => produce(incoming, topicId), underWay);
        topicId = produced.topicId;
        const { bytes } = incoming.request;
        void underWay.count(bytes, async () => summary.add(await produced.durable, bytes));
        await underWay.room();
      }
    } finally {
      await underWay.settled();
    }
  } catch (error) {
    throw error instanceof ServiceError ? new StoppedImport(error, summary) : error;
  }
  return summary.answer(topicId);
}

function checkNames(incoming: Admitted<ProduceRequest>, first: Admitted<ProduceRequest>): void {
  if (incoming.request.requestId !== undefined) {
    throw new InvalidField("request_id", "an Import has one answer, so its requests have no ids");
  }
  for (const field of ["tenant", "topic"] as const) {
    if (incoming.access[field] !== first.access[field]) {
      throw new InvalidField(field, "not that of the first request: an Import has one topic");
    }
  }
}

/** An import is there to be large: as long as it fills the tenant's backlog itself, it waits for its own turn. */
async function whenThereIsRoom(produce: () => Promise<Produced>, underWay: UnderWay): Promise<Produced> {
  for (;;) {
    try {
      return await produce();
    } catch (error) {
      if (!(error instanceof BacklogFull) || underWay.isEmpty) throw error;
      await underWay.change();
    }
  }
}

/** What is on disk. Requests become durable in their order. */
class Summary {
  #startedAt = 0;
  #endedAt = 0;
  #bytes = 0;
  count = 0n;
  firstOffset = 0n;
  lastOffset = 0n;

  start(): void {
    this.#startedAt = this.#endedAt = performance.now();
  }

  add({ offset, count }: { readonly offset: bigint; readonly count: number }, bytes: number): void {
    if (this.count === 0n) this.firstOffset = offset;
    this.lastOffset = offset + BigInt(count) - 1n;
    this.count += BigInt(count);
    this.#bytes += bytes;
    this.#endedAt = performance.now();
  }

  /** Without records, everything is 0 and there is no topic id. */
  answer(topicId: string | undefined): ImportResponse {
    const { count, firstOffset, lastOffset } = this;
    const seconds = (this.#endedAt - this.#startedAt) / 1000;
    return { count, firstOffset, lastOffset, bytes: this.#bytes, seconds, topicId: Buffer.from(topicId ?? "", "hex") };
  }
}

/** Why an Import ended early, in the words of what refused it, and how far it came. */
export class StoppedImport extends ServiceError {
  readonly reason: Reason;
  declare readonly field?: string;
  override readonly retryAfterMs: number | undefined;
  declare readonly quotaSubject?: string;

  constructor(cause: ServiceError, { count, lastOffset }: { readonly count: bigint; readonly lastOffset: bigint }) {
    const next = count === 0n ? {} : { next: `${lastOffset + 1n}` };
    super(cause.message, { ...cause.facts, imported: `${count}`, ...next }, { cause });
    this.reason = cause.reason;
    this.retryAfterMs = cause.retryAfterMs;
    if (cause.field !== undefined) this.field = cause.field;
    if (cause.quotaSubject !== undefined) this.quotaSubject = cause.quotaSubject;
  }
}

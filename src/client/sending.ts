/** Batches as serialised requests, and the sending half of an import. */
import { once } from "node:events";
import type { Writable } from "node:stream";
import { encodeExpectedOffset, encodeRecords, encodeTarget } from "./encoding.js";
import { expected } from "./misuse.js";
import type { RecordInput } from "./records.js";
import type { TopicOptions } from "./requests.js";

/** Each inner array is one atomic batch. */
export type Batches = Iterable<readonly RecordInput[]> | AsyncIterable<readonly RecordInput[]>;

/** A request, serialised. */
export interface ProduceMessage {
  readonly bytes: Buffer;
  readonly count: number;
}

export interface ProducedOptions extends TopicOptions {
  readonly expectedOffset?: bigint | undefined;
}

/** What was handed to the connection so far. */
export interface ImportProgress {
  readonly records: number;
  /** Of the requests that hold them. */
  readonly bytes: number;
}

/**
 * A serialised ProduceRequest for each batch; an expected offset moves on by the records that were sent.
 * @param producer gives each request its last field
 */
export async function* produceMessages(
  batches: Batches,
  options: ProducedOptions,
  producer?: () => Buffer,
): AsyncGenerator<ProduceMessage, void, undefined> {
  const target = encodeTarget(options);
  let { expectedOffset } = options;
  for await (const batch of batches) {
    if (!Array.isArray(batch)) throw expected("batches", "arrays of records", batch);
    const tail = [target];
    if (expectedOffset !== undefined) tail.push(encodeExpectedOffset(expectedOffset));
    if (producer !== undefined) tail.push(producer());
    yield encodeRecords(batch, tail);
    if (expectedOffset !== undefined) expectedOffset += BigInt(batch.length);
  }
}

/** The same, for an import. Each was taken when the next is asked for, which is when `onProgress` hears of it. */
export async function* importMessages(
  batches: Batches,
  options: ProducedOptions & { readonly onProgress?: ((progress: ImportProgress) => void) | undefined },
): AsyncGenerator<ProduceMessage, void, undefined> {
  let [records, bytes] = [0, 0];
  for await (const message of produceMessages(batches, options)) {
    yield message;
    records += message.count;
    bytes += message.bytes.length;
    options.onProgress?.({ records, bytes });
  }
}

/**
 * Writes all messages as fast as the server takes them. Stops, without an error, when `ended` aborts, after the message
 * it is waiting for. Rejects with what `messages` throws before.
 */
export async function sendAll(
  messages: AsyncIterable<ProduceMessage>,
  stream: Writable,
  ended: AbortSignal,
): Promise<void> {
  try {
    for await (const { bytes } of messages) {
      if (ended.aborted) return;
      if (!stream.write(bytes)) await once(stream, "drain", { signal: ended });
    }
  } catch (error) {
    // Why the call has ended is for its answer to tell.
    if (!ended.aborted) throw error;
  }
}

/** Writes all messages as fast as the server takes them, and that there are no more. Stops when `ended` aborts. */
export async function writeAll(messages: Iterable<unknown>, stream: Writable, ended: AbortSignal): Promise<void> {
  try {
    for (const message of messages) {
      if (ended.aborted) return;
      if (!stream.write(message)) await once(stream, "drain", { signal: ended });
    }
    stream.end();
  } catch (error) {
    // Why the call has ended is for its answer to tell.
    if (!ended.aborted) throw error;
  }
}

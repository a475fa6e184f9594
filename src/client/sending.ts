/** The sending half of streams of batches. */
import { once } from "node:events";
import type { Writable } from "node:stream";
import { logServiceDefinition } from "../wire/definition.js";
import type { ProduceRequest } from "../wire/generated/log/v1/ProduceRequest.js";
import { expected } from "./misuse.js";
import type { RecordInput } from "./records.js";
import { produceRequest, type TopicOptions } from "./requests.js";

/** Each inner array is one atomic batch. */
export type Batches = Iterable<readonly RecordInput[]> | AsyncIterable<readonly RecordInput[]>;

interface ProducedOptions extends TopicOptions {
  readonly expectedOffset?: bigint | undefined;
}

/** What was handed to the connection so far. */
export interface ImportProgress {
  readonly records: number;
  /** Of the requests that hold them. */
  readonly bytes: number;
}

/** One request for each batch; an expected offset moves on by the records that were sent. */
export async function* produceRequests(
  batches: Batches,
  options: ProducedOptions,
): AsyncGenerator<ProduceRequest, void, undefined> {
  let { expectedOffset } = options;
  for await (const batch of batches) {
    if (!Array.isArray(batch)) throw expected("batches", "arrays of records", batch);
    yield produceRequest(batch, { ...options, expectedOffset });
    if (expectedOffset !== undefined) expectedOffset += BigInt(batch.length);
  }
}

/** The same requests as bytes. Each was taken when the next is asked for, which is when `onProgress` hears of it. */
export async function* importMessages(
  batches: Batches,
  options: ProducedOptions & { readonly onProgress?: ((progress: ImportProgress) => void) | undefined },
): AsyncGenerator<Buffer, void, undefined> {
  let [records, bytes] = [0, 0];
  for await (const request of produceRequests(batches, options)) {
    const message = logServiceDefinition.Import.requestSerialize(request);
    yield message;
    records += request.records?.length ?? 0;
    bytes += message.length;
    options.onProgress?.({ records, bytes });
  }
}

/**
 * Writes all messages as fast as the server takes them. Stops, without an error, when `ended` aborts, after the message
 * it is waiting for. Rejects with what `messages` throws before.
 */
export async function sendAll(messages: AsyncIterable<unknown>, stream: Writable, ended: AbortSignal): Promise<void> {
  try {
    for await (const message of messages) {
      if (ended.aborted) return;
      if (!stream.write(message)) await once(stream, "drain", { signal: ended });
    }
  } catch (error) {
    // Why the call has ended is for its answer to tell.
    if (!ended.aborted) throw error;
  }
}

/** The sending half of a stream of batches. */
import { once } from "node:events";
import type { Writable } from "node:stream";
import type { ProduceRequest } from "../wire/generated/log/v1/ProduceRequest.js";
import { expected } from "./misuse.js";
import type { RecordInput } from "./records.js";
import { produceRequest, type TopicOptions } from "./requests.js";

/** One request for each batch; an expected offset moves on by the records that were sent. */
export async function* produceRequests(
  batches: Iterable<readonly RecordInput[]> | AsyncIterable<readonly RecordInput[]>,
  options: TopicOptions & { readonly expectedOffset?: bigint | undefined },
): AsyncGenerator<ProduceRequest, void, undefined> {
  let { expectedOffset } = options;
  for await (const batch of batches) {
    if (!Array.isArray(batch)) throw expected("batches", "arrays of records", batch);
    yield produceRequest(batch, { ...options, expectedOffset });
    if (expectedOffset !== undefined) expectedOffset += BigInt(batch.length);
  }
}

/**
 * Writes all requests as fast as the server takes them, then half-closes. Stops when `ended` does, after the request it
 * is waiting for. Rejects with what `requests` throws; the stream is half-closed then too, so that due answers still come.
 */
export async function sendAll(
  requests: AsyncIterable<ProduceRequest>,
  stream: Writable,
  ended: AbortSignal,
): Promise<void> {
  try {
    for await (const request of requests) {
      if (ended.aborted) return;
      if (!stream.write(request)) await once(stream, "drain", { signal: ended });
    }
  } finally {
    stream.end();
  }
}

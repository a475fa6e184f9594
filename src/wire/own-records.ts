import type { MessageTypeDefinition } from "@grpc/proto-loader";
import { logPackageDefinition } from "./definition.js";
import type { ConsumeResponse, ConsumeResponseOutput } from "./generated/log/v1/ConsumeResponse.js";
import type { Record, RecordOutput } from "./generated/log/v1/Record.js";
import type { RecordBatch } from "./records.js";

/** Records that the server writes and reads itself, in the topics that it keeps for its own purposes. */

const recordType = logPackageDefinition["log.v1.Record"] as unknown as MessageTypeDefinition<Record, RecordOutput>;
const framesType = logPackageDefinition["log.v1.ConsumeResponse"] as unknown as MessageTypeDefinition<
  ConsumeResponse,
  ConsumeResponseOutput
>;

/** A batch of records with these keys and values. At least one. */
export function ownBatch(records: readonly { readonly key: Buffer; readonly value: Buffer }[]): RecordBatch {
  const bounds: number[] = [];
  let end = 0;
  const payload = { total: 0, largest: 0 };
  const bodies = records.map(({ key, value }) => {
    const body = recordType.serialize({ key, value });
    bounds.push(end, end + body.length);
    end += body.length;
    payload.total += key.length + value.length;
    payload.largest = Math.max(payload.largest, key.length + value.length);
    return body;
  });
  return { source: Buffer.concat(bodies), bounds, count: records.length, bodyBytes: end, payload };
}

/** The records in frames. The bytes of their keys and values are those of the frames. */
export function recordsIn(parts: readonly Buffer[]): readonly RecordOutput[] {
  return parts.flatMap((part) => framesType.deserialize(part).records);
}

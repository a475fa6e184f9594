import { InvalidField } from "../errors.js";
import { type ProducerFields, checkSequence, readProducer } from "./producer-fields.js";
import { WireReader, wireType } from "./reader.js";
import { RecordCollector, type RecordBatch, expectType } from "./records.js";
import {
  SelectorFields,
  type TopicSelector,
  UnreadableRequest,
  guarded,
  readFields,
  readNumber,
  uint32,
} from "./request-fields.js";

export type { ProducerFields } from "./producer-fields.js";
export { type TopicSelector, UnreadableRequest } from "./request-fields.js";

/**
 * The one walker: reads a request's bytes once and gives a frozen request, or the error that answers it. It never
 * throws, because grpc-js answers a throwing deserialiser with an error that says nothing.
 */

export interface ProduceRequest extends TopicSelector {
  readonly kind: "produce";
  readonly records: RecordBatch;
  readonly expectedOffset: bigint | undefined;
  /** Who counts its batches, so that a retry is not stored twice. */
  readonly producer: ProducerFields | undefined;
  readonly requestId: bigint | undefined;
  /** What the request takes on the wire. */
  readonly bytes: number;
}

export type StartAt = "offset" | "earliest" | "latest" | "time";

export interface ConsumeRequest extends TopicSelector {
  readonly kind: "consume";
  readonly start: StartAt;
  readonly offset: bigint;
  readonly startTimeMs: bigint;
  /** At least 1. */
  readonly maxRecords: number;
  /** At least 1. */
  readonly maxBytes: number;
  readonly maxWaitMs: number;
}

/** What one response may hold and how long one call may wait. */
export const consumeLimits = {
  defaultBytes: 1024 * 1024,
  maximumBytes: 3 * 1024 * 1024,
  maximumWaitMs: 60_000,
} as const;

/** Reads a serialised ProduceRequest. */
export function readProduceRequest(bytes: Buffer): ProduceRequest | UnreadableRequest {
  let requestId: bigint | undefined;
  return guarded(
    () => {
      const records = new RecordCollector(bytes);
      const selector = new SelectorFields();
      let expectedOffset: bigint | undefined;
      let producer: ProducerFields | undefined;
      readFields(bytes, [2, 7], (reader, field, type) => {
        switch (field) {
          case 1:
            expectType(reader, field, type, wireType.bytes);
            records.addRun(reader);
            break;
          case 2:
            selector.readTopic(reader, type);
            break;
          case 3:
            selector.readTenant(reader, type);
            break;
          case 4:
            expectedOffset = readNumber(reader, field, type);
            break;
          case 5:
            producer = readProducer(reader, type);
            break;
          case 6:
            requestId = readNumber(reader, field, type);
            break;
          case 7:
            selector.readTopicId(reader, type);
            break;
          default:
            reader.skip(type);
        }
      });
      const names = selector.finish();
      const batch = records.finish();
      if (producer !== undefined) checkSequence(producer, batch.count);
      return Object.freeze({
        kind: "produce" as const,
        ...names,
        records: batch,
        expectedOffset,
        producer,
        requestId,
        bytes: bytes.length,
      });
    },
    // An error in mid-message may come before the request id, which any client writes behind the records.
    () => requestId ?? findRequestId(bytes),
  );
}

/** Reads a serialised ConsumeRequest. */
export function readConsumeRequest(bytes: Buffer): ConsumeRequest | UnreadableRequest {
  return guarded(() => {
    const selector = new SelectorFields();
    let offset = 0n;
    let maxRecords = 0n;
    let maxBytes = 0n;
    let maxWaitMs = 0n;
    let start = 0n;
    let startTimeMs = 0n;
    readFields(bytes, [1, 9], (reader, field, type) => {
      switch (field) {
        case 1:
          offset = readNumber(reader, field, type);
          break;
        case 2:
          selector.readTopic(reader, type);
          break;
        case 3:
          selector.readTenant(reader, type);
          break;
        case 4:
          maxRecords = readNumber(reader, field, type);
          break;
        case 5:
          maxBytes = readNumber(reader, field, type);
          break;
        case 6:
          maxWaitMs = readNumber(reader, field, type);
          break;
        case 7:
          start = readNumber(reader, field, type);
          break;
        case 8:
          startTimeMs = BigInt.asIntN(64, readNumber(reader, field, type));
          break;
        case 9:
          selector.readTopicId(reader, type);
          break;
        default:
          reader.skip(type);
      }
    });
    const startAt = startsAt[Number(start)];
    if (startAt === undefined) throw new InvalidField("start", `${start} is none of 0 to ${startsAt.length - 1}`);
    if (startTimeMs < 0n) throw new InvalidField("start_time_ms", "must not be negative");
    const bytesWanted = uint32("max_bytes", maxBytes) || consumeLimits.defaultBytes;
    if (uint32("max_wait_ms", maxWaitMs) > consumeLimits.maximumWaitMs) {
      throw new InvalidField("max_wait_ms", `${maxWaitMs}, and at most ${consumeLimits.maximumWaitMs} is allowed`);
    }
    return Object.freeze({
      kind: "consume" as const,
      ...selector.finish(),
      start: startAt,
      offset,
      startTimeMs,
      maxRecords: uint32("max_records", maxRecords) || 1,
      maxBytes: Math.min(bytesWanted, consumeLimits.maximumBytes),
      maxWaitMs: Number(maxWaitMs),
    });
  });
}

const startsAt: readonly StartAt[] = ["offset", "earliest", "latest", "time"];

/** The request id of a message that was refused half-way, if the rest of its frame can still be walked. */
function findRequestId(bytes: Buffer): bigint | undefined {
  try {
    const reader = new WireReader(bytes, 0, bytes.length, "request");
    while (!reader.done) {
      const tag = reader.tag();
      if (tag === ((6 << 3) | wireType.varint)) return reader.uint64();
      reader.skip(tag & 7);
    }
  } catch {
    // Nothing more can be said of bytes that cannot be walked.
  }
  return undefined;
}

import { InvalidField, MalformedMessage, NotImplemented } from "../errors.js";
import { isSystemName, isTenantName, isTopicName, nameRules } from "../names.js";
import { WireReader, wireType } from "./reader.js";
import { RecordCollector, type RecordBatch, expectType, once, utf8 } from "./records.js";

/**
 * The one walker: reads a request's bytes once and gives a frozen request, or the error that answers it. It never
 * throws, because grpc-js answers a throwing deserialiser with an error that says nothing.
 */

/** Which topic a request is about. An empty tenant means the caller's own. */
export interface TopicSelector {
  readonly tenant: string;
  readonly topic: string;
  /** 16 bytes as lower-case hex, if the request insists on a topic id. */
  readonly topicId: string | undefined;
}

export interface ProduceRequest extends TopicSelector {
  readonly kind: "produce";
  readonly records: RecordBatch;
  readonly expectedOffset: bigint | undefined;
  readonly requestId: bigint | undefined;
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

/** A request that could not be read still says which request it was, if it got that far. */
export class UnreadableRequest {
  readonly error: unknown;
  readonly requestId: bigint | undefined;

  constructor(error: unknown, requestId: bigint | undefined) {
    this.error = error;
    this.requestId = requestId;
  }
}

/** Reads a serialised ProduceRequest. */
export function readProduceRequest(bytes: Buffer): ProduceRequest | UnreadableRequest {
  let requestId: bigint | undefined;
  return guarded(
    () => {
      const records = new RecordCollector(bytes);
      const selector = new SelectorFields();
      let expectedOffset: bigint | undefined;
      readFields(bytes, [2, 7], (reader, field, type) => {
        switch (field) {
          case 1: {
            expectType(reader, field, type, wireType.bytes);
            const length = reader.length();
            records.add(reader.position, reader.position + length);
            reader.position += length;
            break;
          }
          case 2:
            selector.readTopic(reader, type);
            break;
          case 3:
            selector.readTenant(reader, type);
            break;
          case 4:
            expectedOffset = number(reader, field, type);
            break;
          case 5:
            throw new NotImplemented("producer");
          case 6:
            requestId = number(reader, field, type);
            break;
          case 7:
            selector.readTopicId(reader, type);
            break;
          default:
            reader.skip(type);
        }
      });
      return Object.freeze({
        kind: "produce" as const,
        ...selector.finish(),
        records: records.finish(),
        expectedOffset,
        requestId,
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
          offset = number(reader, field, type);
          break;
        case 2:
          selector.readTopic(reader, type);
          break;
        case 3:
          selector.readTenant(reader, type);
          break;
        case 4:
          maxRecords = number(reader, field, type);
          break;
        case 5:
          maxBytes = number(reader, field, type);
          break;
        case 6:
          maxWaitMs = number(reader, field, type);
          break;
        case 7:
          start = number(reader, field, type);
          break;
        case 8:
          startTimeMs = BigInt.asIntN(64, number(reader, field, type));
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

/** The three fields by which a request says which topic it means, the same in every request. */
class SelectorFields {
  #topic = "";
  #tenant = "";
  #topicId: string | undefined;

  readTopic(reader: WireReader, type: number): void {
    this.#topic = readText(reader, type, "topic");
  }

  readTenant(reader: WireReader, type: number): void {
    this.#tenant = readText(reader, type, "tenant");
  }

  readTopicId(reader: WireReader, type: number): void {
    if (type !== wireType.bytes) throw new MalformedMessage("topic_id", `has wire type ${type}`);
    const length = reader.length();
    if (length !== 0 && length !== 16) throw new InvalidField("topic_id", `${length} bytes, and an id has 16`);
    if (length === 16) this.#topicId = reader.buffer.toString("hex", reader.position, reader.position + length);
    reader.position += length;
  }

  finish(): TopicSelector {
    // System names pass here: whether anyone may read one is for the policy to say.
    if (this.#topic !== "" && !isTopicName(this.#topic) && !isSystemName(this.#topic)) {
      throw new InvalidField("topic", `not a topic name (${nameRules.topic})`);
    }
    if (this.#tenant !== "" && !isTenantName(this.#tenant) && !isSystemName(this.#tenant)) {
      throw new InvalidField("tenant", `not a tenant name (${nameRules.tenant})`);
    }
    return { topic: this.#topic, tenant: this.#tenant, topicId: this.#topicId };
  }
}

/** Calls `visit` for each field of a message; those numbered from `first` to `last` may come once. */
function readFields(
  bytes: Buffer,
  [first, last]: readonly [number, number],
  visit: (reader: WireReader, field: number, type: number) => void,
): void {
  const reader = new WireReader(bytes, 0, bytes.length, "request");
  let seen = 0;
  while (!reader.done) {
    const tag = reader.tag();
    const field = tag >>> 3;
    if (field >= first && field <= last) seen = once(reader, seen, field);
    visit(reader, field, tag & 7);
  }
}

function number(reader: WireReader, field: number, type: number): bigint {
  expectType(reader, field, type, wireType.varint);
  return reader.uint64();
}

function readText(reader: WireReader, type: number, field: string): string {
  if (type !== wireType.bytes) throw new MalformedMessage(field, `has wire type ${type}`);
  const length = reader.length();
  const text = utf8(reader, length, field);
  reader.position += length;
  return text;
}

function uint32(field: string, value: bigint): number {
  if (value > 0xffff_ffffn) throw new InvalidField(field, `${value} does not fit in 32 bits`);
  return Number(value);
}

function guarded<T>(read: () => T, requestId: () => bigint | undefined = () => undefined): T | UnreadableRequest {
  try {
    return read();
  } catch (error) {
    return new UnreadableRequest(error, requestId());
  }
}

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

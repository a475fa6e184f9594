import { InvalidField, MalformedMessage } from "../errors.js";
import { isGroupName, isSystemName, isTenantName, isTopicName, nameRules } from "../names.js";
import { WireReader, wireType } from "./reader.js";
import { expectType, once, utf8 } from "./records.js";

/** What the readers of all requests have in common. */

/** Which topic a request is about. An empty tenant means the caller's own. */
export interface TopicSelector {
  readonly tenant: string;
  readonly topic: string;
  /** 16 bytes as lower-case hex, if the request insists on a topic id. */
  readonly topicId: string | undefined;
}

/** Which part of a list is wanted. */
export interface Page {
  /** 1 to 1,000. */
  readonly size: number;
  /** Where the page before ended; empty for the first one. */
  readonly token: string;
}

/** How many entries one answer of a list may have. */
export const pageSizes = { default: 100, maximum: 1000 } as const;

/** A request that could not be read still says which request it was, if it got that far. */
export class UnreadableRequest {
  readonly error: unknown;
  readonly requestId: bigint | undefined;

  constructor(error: unknown, requestId: bigint | undefined) {
    this.error = error;
    this.requestId = requestId;
  }
}

/** What `read` gives, or what it throws as a value: grpc-js answers a throwing deserialiser with an error that says nothing. */
export function guarded<T>(
  read: () => T,
  requestId: () => bigint | undefined = () => undefined,
): T | UnreadableRequest {
  try {
    return read();
  } catch (error) {
    return new UnreadableRequest(error, requestId());
  }
}

/** Reads one field; the reader stands behind its tag. */
type Visit = (reader: WireReader, field: number, type: number) => void;

/** Calls `visit` for each field of a message; those numbered from `first` to `last` may come once. */
export function readFields(bytes: Buffer, onlyOnce: readonly [first: number, last: number], visit: Visit): void {
  walk(new WireReader(bytes, 0, bytes.length, "request"), onlyOnce, visit);
}

/** The same for a message within a message, which `path` names. */
export function readNested(
  outer: WireReader,
  type: number,
  path: string,
  onlyOnce: readonly [first: number, last: number],
  visit: Visit,
): void {
  if (type !== wireType.bytes) throw new MalformedMessage(path, `has wire type ${type}`);
  const length = outer.length();
  const end = outer.position + length;
  walk(new WireReader(outer.buffer, outer.position, end, path), onlyOnce, visit);
  outer.position = end;
}

function walk(reader: WireReader, [first, last]: readonly [number, number], visit: Visit): void {
  let seen = 0;
  while (!reader.done) {
    const tag = reader.tag();
    const field = tag >>> 3;
    if (field >= first && field <= last) seen = once(reader, seen, field);
    visit(reader, field, tag & 7);
  }
}

/** The three fields by which a request says which topic it means, the same in every request. */
export class SelectorFields {
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

  /** The same where a topic that nobody named must not be taken for `default`. */
  finishNamed(): TopicSelector {
    if (this.#topic === "") throw new InvalidField("topic", "a name is needed");
    return this.finish();
  }
}

/** The two fields by which a request says which part of a list it wants. */
export class PageFields {
  #size = 0n;
  #token = "";

  readSize(reader: WireReader, field: number, type: number): void {
    this.#size = readNumber(reader, field, type);
  }

  readToken(reader: WireReader, type: number): void {
    this.#token = readText(reader, type, "page_token");
  }

  /** @param isToken whether an answer of ours may have given this (non-empty) token */
  finish(isToken: (token: string) => boolean): Page {
    const token = this.#token;
    if (token !== "" && !isToken(token)) throw new InvalidField("page_token", "not one that an answer gave");
    return { size: Math.min(uint32("page_size", this.#size) || pageSizes.default, pageSizes.maximum), token };
  }
}

/** A consumer group's name. */
export function readGroup(reader: WireReader, type: number): string {
  const group = readText(reader, type, "group");
  if (group !== "" && !isGroupName(group)) {
    throw new InvalidField("group", `not a consumer group's name (${nameRules.group})`);
  }
  return group;
}

export function readNumber(reader: WireReader, field: number, type: number): bigint {
  expectType(reader, field, type, wireType.varint);
  return reader.uint64();
}

export function readBoolean(reader: WireReader, field: number, type: number): boolean {
  const value = readNumber(reader, field, type);
  // Some parsers take 2 for true and some for false.
  if (value > 1n) throw reader.malformed(`field ${field} is ${value}, and a bool is 0 or 1`);
  return value === 1n;
}

export function readText(reader: WireReader, type: number, field: string): string {
  if (type !== wireType.bytes) throw new MalformedMessage(field, `has wire type ${type}`);
  const length = reader.length();
  const text = utf8(reader, length, field);
  reader.position += length;
  return text;
}

export function uint32(field: string, value: bigint): number {
  if (value > 0xffff_ffffn) throw new InvalidField(field, `${value} does not fit in 32 bits`);
  return Number(value);
}

/** A number that can be calculated with exactly. */
export function safeInteger(field: string, value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new InvalidField(field, `${value}, and at most ${Number.MAX_SAFE_INTEGER} is allowed`);
  }
  return Number(value);
}

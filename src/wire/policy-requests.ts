import { InvalidField } from "../errors.js";
import { isSystemName, isTenantName, isTopicName, nameRules, parsePrincipal } from "../names.js";
import type { WireReader } from "./reader.js";
import {
  SelectorFields,
  type TopicSelector,
  type UnreadableRequest,
  guarded,
  pageSizes,
  readBoolean,
  readFields,
  readNested,
  readNumber,
  readText,
  uint32,
} from "./request-fields.js";

/**
 * The requests of `policy.v1.Policy`: each reader gives a frozen request or the error that answers it, and never throws.
 * Their `topic` is empty, and so is their `tenant` where they are about the whole policy.
 */

/** Part of one file. */
export interface FilePart {
  readonly name: string;
  /** Within the memory of the whole message. */
  readonly content: Buffer;
}

/** One message of several that bring the files of a policy. */
export interface UploadRequest extends TopicSelector {
  readonly part: FilePart | undefined;
  /** What the message takes on the wire. */
  readonly bytes: number;
  /** Whether it has anything else than a part: only the first one may. */
  readonly isPartOnly: boolean;
}

export interface FilesRequest extends TopicSelector {
  /** Empty: the one in force. */
  readonly version: string;
}

export interface HistoryRequest extends TopicSelector {
  readonly pageSize: number;
}

export interface ActivateRequest extends UploadRequest {
  readonly basedOn: string;
  readonly overwrite: boolean;
}

export interface RollbackRequest extends TopicSelector {
  readonly version: string;
  readonly basedOn: string;
  readonly overwrite: boolean;
}

export interface TestRequest extends UploadRequest {
  readonly version: string;
}

export interface DiffRequest extends UploadRequest {
  readonly oldVersion: string;
  readonly newVersion: string;
}

/** What may be asked of a policy. Names are valid; the action is any word. */
export interface Question {
  readonly principal: string;
  readonly action: string;
  readonly tenant: string;
  readonly topic: string;
}

/** Either `decision` or `question`. */
export interface WhyRequest extends TopicSelector {
  readonly decision: string | undefined;
  readonly question: Question | undefined;
}

export interface WhoRequest extends TopicSelector {
  /** The action may be `*`, and the topic a pattern. */
  readonly question: Omit<Question, "principal">;
}

export interface WhatRequest extends TopicSelector {
  /** Empty: everybody. */
  readonly principal: string;
}

const wholePolicy: TopicSelector = Object.freeze({ tenant: "", topic: "", topicId: undefined });

/** Reads a serialised StatusRequest. */
export function readStatusRequest(bytes: Buffer): TopicSelector | UnreadableRequest {
  return guarded(() => {
    readFields(bytes, [1, 0], (reader, _field, type) => reader.skip(type));
    return wholePolicy;
  });
}

/** Reads a serialised FilesRequest. */
export function readFilesRequest(bytes: Buffer): FilesRequest | UnreadableRequest {
  return guarded(() => {
    let version = "";
    readFields(bytes, [1, 1], (reader, field, type) => {
      if (field === 1) version = readVersion(reader, type, "version");
      else reader.skip(type);
    });
    return Object.freeze({ ...wholePolicy, version });
  });
}

/** Reads a serialised HistoryRequest. */
export function readHistoryRequest(bytes: Buffer): HistoryRequest | UnreadableRequest {
  return guarded(() => {
    let size = 0n;
    readFields(bytes, [1, 1], (reader, field, type) => {
      if (field === 1) size = readNumber(reader, field, type);
      else reader.skip(type);
    });
    const pageSize = Math.min(uint32("page_size", size) || pageSizes.default, pageSizes.maximum);
    return Object.freeze({ ...wholePolicy, pageSize });
  });
}

/** Reads a serialised ValidateRequest. */
export function readValidateRequest(bytes: Buffer): UploadRequest | UnreadableRequest {
  return guarded(() => {
    let part: FilePart | undefined;
    readFields(bytes, [1, 1], (reader, field, type) => {
      if (field === 1) part = readPart(reader, type);
      else reader.skip(type);
    });
    return Object.freeze({ ...wholePolicy, part, bytes: bytes.length, isPartOnly: true });
  });
}

/** Reads a serialised ActivateRequest. */
export function readActivateRequest(bytes: Buffer): ActivateRequest | UnreadableRequest {
  return guarded(() => {
    let [part, basedOn, overwrite]: [FilePart | undefined, string, boolean] = [undefined, "", false];
    readFields(bytes, [1, 3], (reader, field, type) => {
      if (field === 1) part = readPart(reader, type);
      else if (field === 2) basedOn = readVersion(reader, type, "based_on");
      else if (field === 3) overwrite = readBoolean(reader, field, type);
      else reader.skip(type);
    });
    const isPartOnly = basedOn === "" && !overwrite;
    return Object.freeze({ ...wholePolicy, part, basedOn, overwrite, bytes: bytes.length, isPartOnly });
  });
}

/** Reads a serialised RollbackRequest. */
export function readRollbackRequest(bytes: Buffer): RollbackRequest | UnreadableRequest {
  return guarded(() => {
    let [version, basedOn, overwrite] = ["", "", false];
    readFields(bytes, [1, 3], (reader, field, type) => {
      if (field === 1) version = readVersion(reader, type, "version");
      else if (field === 2) basedOn = readVersion(reader, type, "based_on");
      else if (field === 3) overwrite = readBoolean(reader, field, type);
      else reader.skip(type);
    });
    for (const [field, value] of Object.entries({ version, based_on: basedOn })) {
      if (value === "") throw new InvalidField(field, "a version is needed");
    }
    return Object.freeze({ ...wholePolicy, version, basedOn, overwrite });
  });
}

/** Reads a serialised TestRequest. */
export function readTestRequest(bytes: Buffer): TestRequest | UnreadableRequest {
  return guarded(() => {
    const selector = new SelectorFields();
    let [part, version]: [FilePart | undefined, string] = [undefined, ""];
    readFields(bytes, [1, 3], (reader, field, type) => {
      if (field === 1) part = readPart(reader, type);
      else if (field === 2) version = readVersion(reader, type, "version");
      else if (field === 3) selector.readTenant(reader, type);
      else reader.skip(type);
    });
    const scope = selector.finish();
    const isPartOnly = version === "" && scope.tenant === "";
    return Object.freeze({ ...scope, part, version, bytes: bytes.length, isPartOnly });
  });
}

/** Reads a serialised DiffRequest. */
export function readDiffRequest(bytes: Buffer): DiffRequest | UnreadableRequest {
  return guarded(() => {
    const selector = new SelectorFields();
    let [part, oldVersion, newVersion]: [FilePart | undefined, string, string] = [undefined, "", ""];
    readFields(bytes, [1, 4], (reader, field, type) => {
      if (field === 1) part = readPart(reader, type);
      else if (field === 2) oldVersion = readVersion(reader, type, "old_version");
      else if (field === 3) newVersion = readVersion(reader, type, "new_version");
      else if (field === 4) selector.readTenant(reader, type);
      else reader.skip(type);
    });
    const scope = selector.finish();
    const isPartOnly = oldVersion === "" && newVersion === "" && scope.tenant === "";
    return Object.freeze({ ...scope, part, oldVersion, newVersion, bytes: bytes.length, isPartOnly });
  });
}

/** Reads a serialised WhyRequest. */
export function readWhyRequest(bytes: Buffer): WhyRequest | UnreadableRequest {
  return guarded(() => {
    const fields = new TextFields(["decision", "principal", "action", "tenant", "topic"]);
    readFields(bytes, [1, 5], (reader, field, type) => fields.read(reader, field, type));
    const [decision, principal, action, tenant, topic] = fields.values;
    if (decision !== "") {
      if (fields.given > 1) throw new InvalidField("decision", "goes without a principal, action, tenant and topic");
      // An id that nobody was given is one that is not known, whatever it looks like; but it must not be a whole message.
      if (decision!.length > maxIdLength) throw new InvalidField("decision", "not the id of a decision");
      return Object.freeze({ ...wholePolicy, decision, question: undefined });
    }
    const question = { principal: ofPrincipal(principal!), ...asked(action!, tenant!, topic!) };
    return Object.freeze({ ...wholePolicy, tenant: question.tenant, decision: undefined, question });
  });
}

/** Reads a serialised WhoRequest. */
export function readWhoRequest(bytes: Buffer): WhoRequest | UnreadableRequest {
  return guarded(() => {
    const fields = new TextFields(["action", "tenant", "topic"]);
    readFields(bytes, [1, 3], (reader, field, type) => fields.read(reader, field, type));
    const [action, tenant, topic] = fields.values;
    const question = asked(action!, tenant!, topic!, isPattern);
    return Object.freeze({ ...wholePolicy, tenant: question.tenant, question });
  });
}

/** Reads a serialised WhatRequest. */
export function readWhatRequest(bytes: Buffer): WhatRequest | UnreadableRequest {
  return guarded(() => {
    const fields = new TextFields(["principal", "tenant"]);
    readFields(bytes, [1, 2], (reader, field, type) => fields.read(reader, field, type));
    const [principal, tenant] = fields.values;
    if (tenant !== "") ofTenant(tenant!);
    if (principal !== "") ofPrincipal(principal!);
    return Object.freeze({ ...wholePolicy, tenant: tenant!, principal: principal! });
  });
}

const maxIdLength = 64;

/** Texts that are fields 1, 2, 3 and so on. */
class TextFields {
  readonly #names: readonly string[];
  readonly values: string[];

  constructor(names: readonly string[]) {
    this.#names = names;
    this.values = names.map(() => "");
  }

  get given(): number {
    return this.values.filter((value) => value !== "").length;
  }

  read(reader: WireReader, field: number, type: number): void {
    const name = this.#names[field - 1];
    if (name === undefined) reader.skip(type);
    else this.values[field - 1] = readText(reader, type, name);
  }
}

function readPart(reader: WireReader, type: number): FilePart {
  let name = "";
  let content: Buffer = Buffer.alloc(0);
  readNested(reader, type, "part", [1, 2], (inner, field, innerType) => {
    if (field === 1) name = readText(inner, innerType, "part.name");
    else if (field === 2) {
      if (innerType !== 2) throw inner.malformed(`field 2 has wire type ${innerType}`);
      const length = inner.length();
      content = inner.buffer.subarray(inner.position, inner.position + length);
      inner.position += length;
    } else inner.skip(innerType);
  });
  return { name, content };
}

const versionPattern = /^[0-9a-f]{12}$/;

function readVersion(reader: WireReader, type: number, field: string): string {
  const version = readText(reader, type, field);
  if (version !== "" && !versionPattern.test(version)) {
    throw new InvalidField(field, "not a version: those are 12 hexadecimal digits");
  }
  return version;
}

/** What a rule's topic column may have: a name, `prefix*` or `*`. */
const isPattern = (topic: string): boolean => topic === "*" || (topic.endsWith("*") && isTopicName(topic.slice(0, -1)));

function asked(
  action: string,
  tenant: string,
  topic: string,
  isMore: (topic: string) => boolean = () => false,
): Omit<Question, "principal"> {
  if (action === "") throw new InvalidField("action", "an action is needed");
  if (action.length > maxIdLength) throw new InvalidField("action", "there is no such action");
  if (!isTopicName(topic) && !isSystemName(topic) && !isMore(topic))
    throw new InvalidField("topic", `not a topic name (${nameRules.topic})`);
  return { action, tenant: ofTenant(tenant), topic };
}

function ofTenant(tenant: string): string {
  if (isTenantName(tenant) || isSystemName(tenant)) return tenant;
  throw new InvalidField("tenant", `not a tenant name (${nameRules.tenant})`);
}

function ofPrincipal(principal: string): string {
  if (parsePrincipal(principal) !== undefined) return principal;
  throw new InvalidField("principal", "not a principal, such as acme/billing");
}

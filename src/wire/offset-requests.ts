import { InvalidField } from "../errors.js";
import { isGroupName, isSystemName, isTopicName } from "../names.js";
import {
  type Page,
  PageFields,
  SelectorFields,
  type TopicSelector,
  type UnreadableRequest,
  guarded,
  readFields,
  readGroup,
  readNumber,
} from "./request-fields.js";

/** The requests of `log.v1.Offsets`: each reader gives a frozen request or the error that answers it, and never throws. */

/** One consumer group's position in one topic. */
export interface GroupRequest extends TopicSelector {
  readonly group: string;
}

export interface CommitOffsetRequest extends GroupRequest {
  readonly offset: bigint;
}

/** An empty topic or group means every one. */
export interface ListOffsetsRequest extends GroupRequest {
  readonly page: Page;
  /** The position behind which the page begins. */
  readonly after: { readonly topic: string; readonly group: string } | undefined;
}

/** Reads a serialised CommitOffsetRequest. */
export function readCommitOffsetRequest(bytes: Buffer): CommitOffsetRequest | UnreadableRequest {
  return guarded(() => {
    const selector = new SelectorFields();
    let group = "";
    let offset = 0n;
    readFields(bytes, [1, 5], (reader, field, type) => {
      if (field === 1) group = readGroup(reader, type);
      else if (field === 2) selector.readTopic(reader, type);
      else if (field === 3) selector.readTenant(reader, type);
      else if (field === 4) offset = readNumber(reader, field, type);
      else if (field === 5) selector.readTopicId(reader, type);
      else reader.skip(type);
    });
    return Object.freeze({ ...selector.finish(), group: named(group), offset });
  });
}

/** Reads a serialised FetchOffsetRequest or DeleteOffsetRequest: they have the same fields. */
export function readGroupRequest(bytes: Buffer): GroupRequest | UnreadableRequest {
  return guarded(() => {
    const selector = new SelectorFields();
    let group = "";
    readFields(bytes, [1, 3], (reader, field, type) => {
      if (field === 1) group = readGroup(reader, type);
      else if (field === 2) selector.readTopic(reader, type);
      else if (field === 3) selector.readTenant(reader, type);
      else reader.skip(type);
    });
    return Object.freeze({ ...selector.finish(), group: named(group) });
  });
}

/** Reads a serialised ListOffsetsRequest. */
export function readListOffsetsRequest(bytes: Buffer): ListOffsetsRequest | UnreadableRequest {
  return guarded(() => {
    const selector = new SelectorFields();
    const pageFields = new PageFields();
    let group = "";
    readFields(bytes, [1, 5], (reader, field, type) => {
      if (field === 1) selector.readTopic(reader, type);
      else if (field === 2) selector.readTenant(reader, type);
      else if (field === 3) group = readGroup(reader, type);
      else if (field === 4) pageFields.readSize(reader, field, type);
      else if (field === 5) pageFields.readToken(reader, type);
      else reader.skip(type);
    });
    const page = pageFields.finish((token) => positionIn(token) !== undefined);
    return Object.freeze({ ...selector.finish(), group, page, after: positionIn(page.token) });
  });
}

/** What comes before an entry of the next page: no name has a slash. */
export function offsetsPageToken(topic: string, group: string): string {
  return `${topic}/${group}`;
}

/** Undefined for what is no token of ours. */
function positionIn(token: string): ListOffsetsRequest["after"] {
  const [topic = "", group = "", ...rest] = token.split("/");
  const isOurs = rest.length === 0 && (isTopicName(topic) || isSystemName(topic)) && isGroupName(group);
  return isOurs ? Object.freeze({ topic, group }) : undefined;
}

function named(group: string): string {
  if (group === "") throw new InvalidField("group", "a name is needed");
  return group;
}

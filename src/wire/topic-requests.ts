import { isSystemName, isTopicName } from "../names.js";
import type { WireReader } from "./reader.js";
import {
  type Page,
  PageFields,
  SelectorFields,
  type TopicSelector,
  type UnreadableRequest,
  guarded,
  readBoolean,
  readFields,
  readNested,
  readNumber,
  readText,
  safeInteger,
} from "./request-fields.js";

/** The requests of `log.v1.Topics`: each reader gives a frozen request or the error that answers it, and never throws. */

/** Settings as a request has them. 0 takes a limit off; what is undefined stays as it is. */
export interface SettingsChange {
  readonly retentionMs: number | undefined;
  readonly retentionBytes: number | undefined;
  readonly retentionRecords: number | undefined;
  readonly compact: boolean | undefined;
}

export interface CreateTopicRequest extends TopicSelector {
  readonly settings: SettingsChange;
}

export interface UpdateTopicRequest extends TopicSelector {
  readonly change: SettingsChange;
}

export interface TruncateTopicRequest extends TopicSelector {
  readonly beforeOffset: bigint;
}

/** Its `topic` is empty. */
export interface ListTopicsRequest extends TopicSelector {
  readonly prefix: string;
  readonly page: Page;
}

/** Reads a serialised CreateTopicRequest. */
export function readCreateTopicRequest(bytes: Buffer): CreateTopicRequest | UnreadableRequest {
  return guarded(() => {
    const selector = new SelectorFields();
    const settings = new SettingsFields();
    readFields(bytes, [1, 3], (reader, field, type) => {
      if (field === 1) selector.readTopic(reader, type);
      else if (field === 2) selector.readTenant(reader, type);
      else if (field === 3) {
        readNested(reader, type, "settings", [1, 4], (inner, setting, settingType) =>
          settings.read(inner, setting, settingType, setting, "settings."),
        );
      } else reader.skip(type);
    });
    return Object.freeze({ ...selector.finishNamed(), settings: settings.finish() });
  });
}

/** Reads a serialised DeleteTopicRequest. */
export function readDeleteTopicRequest(bytes: Buffer): TopicSelector | UnreadableRequest {
  return guarded(() => {
    const selector = new SelectorFields();
    readFields(bytes, [1, 3], (reader, field, type) => readSelector(selector, reader, field, type));
    return Object.freeze(selector.finishNamed());
  });
}

/** Reads a serialised DescribeTopicRequest. */
export function readDescribeTopicRequest(bytes: Buffer): TopicSelector | UnreadableRequest {
  return guarded(() => {
    const selector = new SelectorFields();
    readFields(bytes, [1, 2], (reader, field, type) => {
      if (field === 1) selector.readTopic(reader, type);
      else if (field === 2) selector.readTenant(reader, type);
      else reader.skip(type);
    });
    return Object.freeze(selector.finish());
  });
}

/** Reads a serialised UpdateTopicRequest. */
export function readUpdateTopicRequest(bytes: Buffer): UpdateTopicRequest | UnreadableRequest {
  return guarded(() => {
    const selector = new SelectorFields();
    const settings = new SettingsFields();
    readFields(bytes, [1, 7], (reader, field, type) => {
      if (field >= 4 && field <= 7) settings.read(reader, field - 3, type, field, "");
      else readSelector(selector, reader, field, type);
    });
    return Object.freeze({ ...selector.finish(), change: settings.finish() });
  });
}

/** Reads a serialised TruncateTopicRequest. */
export function readTruncateTopicRequest(bytes: Buffer): TruncateTopicRequest | UnreadableRequest {
  return guarded(() => {
    const selector = new SelectorFields();
    let beforeOffset = 0n;
    readFields(bytes, [1, 4], (reader, field, type) => {
      if (field === 4) beforeOffset = readNumber(reader, field, type);
      else readSelector(selector, reader, field, type);
    });
    return Object.freeze({ ...selector.finish(), beforeOffset });
  });
}

/** Reads a serialised ListTopicsRequest. */
export function readListTopicsRequest(bytes: Buffer): ListTopicsRequest | UnreadableRequest {
  return guarded(() => {
    const selector = new SelectorFields();
    const page = new PageFields();
    let prefix = "";
    readFields(bytes, [1, 4], (reader, field, type) => {
      if (field === 1) selector.readTenant(reader, type);
      else if (field === 2) prefix = readText(reader, type, "prefix");
      else if (field === 3) page.readSize(reader, field, type);
      else if (field === 4) page.readToken(reader, type);
      else reader.skip(type);
    });
    // The token is the last name of the page before: nothing that its reader was not shown.
    const isToken = (token: string): boolean => isTopicName(token) || isSystemName(token);
    return Object.freeze({ ...selector.finish(), prefix, page: page.finish(isToken) });
  });
}

/** Topic, tenant and topic id where they are fields 1, 2 and 3. */
function readSelector(selector: SelectorFields, reader: WireReader, field: number, type: number): void {
  if (field === 1) selector.readTopic(reader, type);
  else if (field === 2) selector.readTenant(reader, type);
  else if (field === 3) selector.readTopicId(reader, type);
  else reader.skip(type);
}

const limitNames = ["retention_ms", "retention_bytes", "retention_records"] as const;

/** The four settings, wherever they stand. */
class SettingsFields {
  readonly #limits: (number | undefined)[] = [undefined, undefined, undefined];
  #compact: boolean | undefined;

  /** @param setting 1 to 4, as in TopicSettings @param field its number where it stands @param path before its name */
  read(reader: WireReader, setting: number, type: number, field: number, path: string): void {
    const name = limitNames[setting - 1];
    if (name !== undefined) {
      this.#limits[setting - 1] = safeInteger(path + name, readNumber(reader, field, type));
    } else if (setting === 4) this.#compact = readBoolean(reader, field, type);
    else reader.skip(type);
  }

  finish(): SettingsChange {
    const [retentionMs, retentionBytes, retentionRecords] = this.#limits;
    return Object.freeze({ retentionMs, retentionBytes, retentionRecords, compact: this.#compact });
  }
}

/** `client.topics`: what is there, and how long its records are kept. */
import type { DeleteTopicResponseOutput } from "../wire/generated/log/v1/DeleteTopicResponse.js";
import type { ListTopicsResponseOutput } from "../wire/generated/log/v1/ListTopicsResponse.js";
import type { TopicOutput } from "../wire/generated/log/v1/Topic.js";
import type { CallOptions, Calls, UnaryStart } from "./calls.js";
import { requireOptions, requireText } from "./misuse.js";
import { optionNames } from "./option-names.js";
import { allPages, pageRequest, type PageOptions } from "./pages.js";
import { named, uint64 } from "./requests.js";
import { settingsToWire, topicFromWire, type TopicInfo, type TopicSettingsInput } from "./settings.js";

/** Whose topic: of the caller's own tenant unless told otherwise. */
export interface TenantOptions extends CallOptions {
  readonly tenant?: string | undefined;
}

export interface CreateTopicOptions extends TenantOptions {
  /** Without it, all records are kept. */
  readonly settings?: TopicSettingsInput | undefined;
}

/** Which topic of that name. */
export interface ChangeTopicOptions extends TenantOptions {
  /** Fail with FAILED_PRECONDITION unless the topic still has this id, 16 bytes. */
  readonly topicId?: Buffer | undefined;
}

export interface UpdateTopicOptions extends ChangeTopicOptions {
  readonly settings: TopicSettingsInput;
}

export interface TruncateTopicOptions extends ChangeTopicOptions {
  /** The first offset to keep. */
  readonly before: bigint;
}

export interface ListTopicsOptions extends TenantOptions, PageOptions {
  /** Only names that begin with this. */
  readonly prefix?: string | undefined;
}

/** Every method throws `CallError` on a status other than OK. */
export class Topics {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** Makes a topic. ALREADY_EXISTS if there is one of that name. */
  async create(topic: string, options: CreateTopicOptions = {}): Promise<TopicInfo> {
    requireOptions(options, optionNames.createTopic);
    const request = { ...which(topic, options), settings: settingsToWire(options.settings ?? {}) };
    return this.#topic(options, ({ topics }, ...rest) => topics.create(request, ...rest));
  }

  /** Removes a topic and all its records, and gives the id that it had. `default` is there again at once, empty. */
  async delete(topic: string, options: ChangeTopicOptions = {}): Promise<{ readonly topicId: Buffer }> {
    requireOptions(options, optionNames.changeTopic);
    const request = which(topic, options);
    const { topicId } = await this.#calls.unary<DeleteTopicResponseOutput>(options, ({ topics }, ...rest) =>
      topics.delete(request, ...rest),
    );
    return { topicId };
  }

  async describe(topic: string, options: TenantOptions = {}): Promise<TopicInfo> {
    requireOptions(options, optionNames.describeTopic);
    const request = which(topic, options);
    return this.#topic(options, ({ topics }, ...rest) => topics.describe(request, ...rest));
  }

  /** The topics of one tenant that the caller may describe, by name; page after page, each within `timeoutMs`. */
  async *list(options: ListTopicsOptions = {}): AsyncGenerator<TopicInfo, void, undefined> {
    requireOptions(options, optionNames.listTopics);
    const { tenant } = named(options);
    const request = { ...pageRequest(options), tenant, prefix: requireText("prefix", options.prefix ?? "") };
    const page = async (pageToken: string) => {
      const { topics, nextPageToken } = await this.#calls.unary<ListTopicsResponseOutput>(options, (stubs, ...rest) =>
        stubs.topics.list({ ...request, pageToken }, ...rest),
      );
      return { items: topics.map(topicFromWire), nextPageToken };
    };
    yield* allPages(page);
  }

  /** Changes settings. */
  async update(topic: string, options: UpdateTopicOptions): Promise<TopicInfo> {
    requireOptions(options, optionNames.updateTopic);
    const request = { ...which(topic, options), ...settingsToWire(options.settings) };
    return this.#topic(options, ({ topics }, ...rest) => topics.update(request, ...rest));
  }

  /** Removes the records before an offset, for good. Offsets keep their meaning. */
  async truncate(topic: string, options: TruncateTopicOptions): Promise<TopicInfo> {
    requireOptions(options, optionNames.truncateTopic);
    const request = { ...which(topic, options), beforeOffset: uint64("before", options.before) };
    return this.#topic(options, ({ topics }, ...rest) => topics.truncate(request, ...rest));
  }

  async #topic(options: CallOptions, start: UnaryStart<TopicOutput>): Promise<TopicInfo> {
    return topicFromWire(await this.#calls.unary(options, start));
  }
}

function which(topic: string, options: ChangeTopicOptions): ReturnType<typeof named> {
  return named({ ...options, topic: requireText("topic", topic) });
}

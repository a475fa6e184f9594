/** One topic as it is stored, seen and prepared without asking the policy. */
import { isSystemName } from "../names.js";
import { logServiceDefinition } from "../wire/definition.js";
import { UnreadableRequest, readProduceRequest } from "../wire/requests.js";
import type { Store } from "./stage.js";

/** What a refused caller must not have changed. */
export interface TopicState {
  readonly topicId: string;
  readonly base: bigint;
  readonly next: bigint;
  readonly settings: string;
}

export class TopicView {
  readonly tenant: string;
  readonly topic: string;
  readonly #store: Store;

  constructor(store: Store, tenant: string, topic: string) {
    this.#store = store;
    this.tenant = tenant;
    this.topic = topic;
  }

  get range(): { readonly base: bigint; readonly next: bigint } {
    return this.#store.find(this.tenant, this.topic)?.range() ?? { base: 0n, next: 0n };
  }

  /** 32 hex digits. */
  get topicId(): string | undefined {
    return this.#store.find(this.tenant, this.topic)?.topicId;
  }

  /** Sees to it that the topic is there and holds a record. Topics that only the server makes are left as they are. */
  async prepare(): Promise<void> {
    if (isSystemName(this.topic)) return;
    const log = await this.#store.open(this.tenant, this.topic);
    const { base, next } = log.range();
    if (base === next) await this.append(preparedText);
  }

  /** Stores a record with this text. */
  async append(text: string): Promise<void> {
    const log = await this.#store.open(this.tenant, this.topic);
    await (
      await log.append(batchOf(text), {})
    ).durable;
  }

  /** Sees to it that there is no such topic. */
  async remove(): Promise<void> {
    const log = this.#store.find(this.tenant, this.topic);
    if (log !== undefined && !isSystemName(this.topic)) await this.#store.delete(log);
  }

  state(): TopicState | undefined {
    const log = this.#store.find(this.tenant, this.topic);
    if (log === undefined) return undefined;
    return { topicId: log.topicId, ...log.range(), settings: JSON.stringify(log.settings) };
  }
}

/** What happened to a topic, in words that the attempts expect; "nothing" if nothing did. */
export function changeBetween(before: TopicState | undefined, after: TopicState | undefined): string {
  if (after === undefined) return before === undefined ? "nothing" : "removed the topic";
  const changes: string[] = [];
  if (before?.topicId !== after.topicId) changes.push(before === undefined ? "made the topic" : "replaced the topic");
  const from = before?.topicId === after.topicId ? before : { base: 0n, next: 0n, settings: after.settings };
  if (after.next !== from.next) changes.push(`stored ${after.next - from.next}`);
  if (after.base !== from.base) changes.push("removed records");
  if (after.settings !== from.settings) changes.push("changed the settings");
  return changes.length === 0 ? "nothing" : changes.join(", ");
}

/** What stands in a topic that was prepared. */
export const preparedText = "for whoever may read it";

function batchOf(value: string): Parameters<NonNullable<ReturnType<Store["find"]>>["append"]>[0] {
  const bytes = logServiceDefinition.Produce.requestSerialize({ records: [{ value: Buffer.from(value) }] });
  const request = readProduceRequest(bytes);
  if (request instanceof UnreadableRequest) throw request.error;
  return request.records;
}

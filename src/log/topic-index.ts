import { isTenantMade } from "../names.js";
import type { Usage } from "./port.js";
import { StorageAccount } from "./storage-account.js";
import type { TopicLog } from "./topic-log.js";

interface TenantTopics {
  readonly logs: Map<string, TopicLog>;
  readonly account: StorageAccount;
  /** The logs by name; made when somebody asks. */
  sorted: readonly TopicLog[] | undefined;
  /** Topics that count, those that are being created among them. */
  counted: number;
}

/** Which topics there are, by tenant and name, and what each tenant has of them. */
export class TopicIndex {
  readonly #tenants = new Map<string, TenantTopics>();

  get(tenant: string, topic: string): TopicLog | undefined {
    return this.#tenants.get(tenant)?.logs.get(topic);
  }

  /** What the tenant's topics take together. */
  accountOf(tenant: string): StorageAccount {
    return this.#of(tenant).account;
  }

  add(log: TopicLog): void {
    const topics = this.#of(log.tenant);
    topics.logs.set(log.topic, log);
    topics.sorted = undefined;
    if (isTenantMade(log.topic)) topics.counted++;
  }

  remove(log: TopicLog): void {
    const topics = this.#of(log.tenant);
    topics.logs.delete(log.topic);
    topics.sorted = undefined;
    if (isTenantMade(log.topic)) topics.counted--;
  }

  /** Counts a topic before it is there; returns what ends that. */
  expect(tenant: string, topic: string): () => void {
    if (!isTenantMade(topic)) return () => undefined;
    const topics = this.#of(tenant);
    topics.counted++;
    return () => {
      topics.counted--;
    };
  }

  /** In order of their names. */
  of(tenant: string): readonly TopicLog[] {
    const topics = this.#tenants.get(tenant);
    if (topics === undefined) return [];
    topics.sorted ??= [...topics.logs.values()].sort((a, b) => (a.topic < b.topic ? -1 : 1));
    return topics.sorted;
  }

  *all(): Generator<TopicLog> {
    for (const { logs } of this.#tenants.values()) yield* logs.values();
  }

  usage(tenant: string): Usage {
    const topics = this.#tenants.get(tenant);
    return { topics: topics?.counted ?? 0, bytes: topics?.account.bytes ?? 0 };
  }

  #of(tenant: string): TenantTopics {
    let topics = this.#tenants.get(tenant);
    if (topics === undefined) {
      topics = { logs: new Map(), account: new StorageAccount(), sorted: undefined, counted: 0 };
      this.#tenants.set(tenant, topics);
    }
    return topics;
  }
}

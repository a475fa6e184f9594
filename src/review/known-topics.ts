import { defaultTopic } from "../names.js";
import { type LoadedPolicy, Pace, wildcard } from "../authz/index.js";
import { sortedBy } from "./paced-sort.js";
import { oddNames, witnessOf } from "./topic-regions.js";
import { mostAlike } from "./typos.js";

/** A topic that there is, or could be. */
export interface OwnedTopic {
  readonly tenant: string;
  readonly topic: string;
}

/** What a review asks about in a tenant: a topic, or all other names that a pattern covers. */
export interface KnownTopic {
  /** `orders`; or `orders.*`: the names that begin so and are neither known nor covered by a longer pattern. */
  readonly name: string;
  readonly isPattern: boolean;
  /** The name to ask the policy about. Of a pattern it is one that stands for all others: no file speaks of it. */
  readonly asked: string;
}

/** The topics worth asking about, tenant by tenant: those that files name, those that exist, and the patterns of the rules. */
export class KnownTopics {
  readonly #policy: LoadedPolicy;
  /** By tenant column. */
  readonly #named = new Map<string, Set<string>>();

  readonly #pace: Pace;

  private constructor(policy: LoadedPolicy, pace: Pace) {
    this.#policy = policy;
    this.#pace = pace;
  }

  /** @param existing topics that there are beside those that the files name; `default` is everywhere */
  static async of(policy: LoadedPolicy, existing: Iterable<OwnedTopic> = [], pace = new Pace()): Promise<KnownTopics> {
    const known = new KnownTopics(policy, pace);
    for (const { tenant, topic } of policy.matrix) {
      if (topic !== wildcard) known.#add(tenant, topic);
      await pace.step();
    }
    for (const { tenant, topic } of existing) {
      known.#add(tenant, topic);
      await pace.step();
    }
    return known;
  }

  /** Sorted, a pattern behind the names that begin as it does. */
  async in(tenant: string): Promise<readonly KnownTopic[]> {
    const patterns = await this.#patterns(tenant);
    const taken = new Set([...patterns, ...oddNames(tenant)]);
    const known: KnownTopic[] = [];
    for (const name of patterns) {
      const isPattern = name.endsWith(wildcard);
      const asked = isPattern ? witnessOf(name, taken) : name;
      if (asked !== undefined) known.push({ name, isPattern, asked });
      await this.#pace.step();
    }
    return sortedBy(known, inOrder);
  }

  /** This topic, or what else a pattern covers; none if that is nothing. */
  async one(tenant: string, topic: string): Promise<readonly KnownTopic[]> {
    if (!topic.endsWith(wildcard)) return [{ name: topic, isPattern: false, asked: topic }];
    const asked = witnessOf(topic, new Set([...(await this.#patterns(tenant)), ...oddNames(tenant)]));
    return asked === undefined ? [] : [{ name: topic, isPattern: true, asked }];
  }

  /** Whether a file speaks of this topic or pattern by its own name, or there is such a topic. */
  async has(tenant: string, topic: string): Promise<boolean> {
    return (await this.#patterns(tenant)).has(topic);
  }

  /** Of a topic the topic, of a pattern the pattern that has nearly the same name; undefined if none has. */
  async mostAlike(tenant: string, topic: string): Promise<string | undefined> {
    const isPattern = topic.endsWith(wildcard);
    const patterns = await this.#patterns(tenant);
    return mostAlike(
      topic,
      [...patterns].filter((each) => each.endsWith(wildcard) === isPattern),
      this.#pace,
    );
  }

  /** The names, and the topic columns of the rules. */
  async #patterns(tenant: string): Promise<Set<string>> {
    const patterns = new Set([defaultTopic, ...(this.#named.get(tenant) ?? []), ...(this.#named.get(wildcard) ?? [])]);
    for (const pattern of this.#policy.compiled.patternsOf(tenant)) {
      patterns.add(pattern);
      await this.#pace.step();
    }
    return patterns;
  }

  #add(tenant: string, topic: string): void {
    const names = this.#named.get(tenant) ?? new Set<string>();
    this.#named.set(tenant, names);
    names.add(topic);
  }
}

/** What known topics are sorted by: `~` stands behind every character that a name can have. */
export function inOrder({ name, isPattern }: KnownTopic): string {
  return isPattern ? `${name.slice(0, -1)}~` : name;
}

import { defaultTopic } from "../names.js";
import { actions, isRequestableTopic, type LoadedPolicy, Pace, wildcard } from "../authz/index.js";
import { sortedBy } from "./paced-sort.js";

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

  private constructor(policy: LoadedPolicy) {
    this.#policy = policy;
  }

  /** @param existing topics that there are beside those that the files name; `default` is everywhere */
  static async of(policy: LoadedPolicy, existing: Iterable<OwnedTopic> = [], pace = new Pace()): Promise<KnownTopics> {
    const known = new KnownTopics(policy);
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
    return (await this.#regions(tenant)).topics();
  }

  /** This topic, or what else a pattern covers; none if that is nothing. */
  async one(tenant: string, topic: string): Promise<readonly KnownTopic[]> {
    if (!topic.endsWith(wildcard)) return [{ name: topic, isPattern: false, asked: topic }];
    const asked = (await this.#regions(tenant)).witness(topic.slice(0, -1));
    return asked === undefined ? [] : [{ name: topic, isPattern: true, asked }];
  }

  #regions(tenant: string): Promise<Regions> {
    const names = new Set([defaultTopic, ...(this.#named.get(tenant) ?? []), ...(this.#named.get(wildcard) ?? [])]);
    return Regions.of(names, this.#policy.compiled.patternsOf(tenant));
  }

  #add(tenant: string, topic: string): void {
    const names = this.#named.get(tenant) ?? new Set<string>();
    this.#named.set(tenant, names);
    names.add(topic);
  }
}

const nameCharacters = Array.from("abcdefghijklmnopqrstuvwxyz0123456789._-");

/** Into what names and patterns divide all names that there could be: whatever is in one region, rules treat alike. */
export class Regions {
  readonly #literals: ReadonlySet<string>;
  readonly #prefixes: ReadonlySet<string>;

  private constructor(literals: ReadonlySet<string>, prefixes: ReadonlySet<string>) {
    this.#literals = literals;
    this.#prefixes = prefixes;
  }

  /** @param patterns literal names among them too, and some more than once, as the topic columns of rules are */
  static async of(names: Iterable<string>, patterns: Iterable<string>): Promise<Regions> {
    const literals = new Set(names);
    const prefixes = new Set<string>();
    const pace = new Pace();
    for (const pattern of patterns) {
      if (pattern.endsWith(wildcard)) prefixes.add(pattern.slice(0, -1));
      else literals.add(pattern);
      await pace.step();
    }
    return new Regions(literals, prefixes);
  }

  /** The names, and for each pattern what else it covers, if it does cover anything else. Sorted. */
  async topics(): Promise<readonly KnownTopic[]> {
    const known: KnownTopic[] = [...this.#literals].map((name) => ({ name, isPattern: false, asked: name }));
    const pace = new Pace();
    for (const prefix of this.#prefixes) {
      const asked = this.witness(prefix);
      if (asked !== undefined) known.push({ name: `${prefix}${wildcard}`, isPattern: true, asked });
      await pace.step();
    }
    return sortedBy(known, inOrder);
  }

  /**
   * A name that begins with the prefix, that no longer prefix covers, and that is none of the names; undefined if there is
   * none, as under `a*` beside `aa*`, `ab*` and so on. An action's name would not do: a matcher can speak of those.
   */
  witness(prefix: string): string | undefined {
    const tried = new Set([prefix]);
    // A Set visits what is added to it on the way. Only names that are taken are lengthened, so this is over soon.
    for (const name of tried) {
      if (name !== prefix && this.#prefixes.has(name)) continue;
      const isTaken = this.#literals.has(name) || (actions as readonly string[]).includes(name);
      if (isRequestableTopic(name) && !isTaken) return name;
      for (const next of nameCharacters) if (isRequestableTopic(`${name}${next}`)) tried.add(`${name}${next}`);
    }
    return undefined;
  }
}

/** What known topics are sorted by: `~` stands behind every character that a name can have. */
export function inOrder({ name, isPattern }: KnownTopic): string {
  return isPattern ? `${name.slice(0, -1)}~` : name;
}

import { columnsFor, entry, type LoadedPolicy, Pace, wildcard } from "../authz/index.js";
import { defaultTopic } from "../names.js";
import type { AccessChange } from "./diff-groups.js";
import type { OwnedTopic } from "./known-topics.js";
import { isWithin } from "./topic-regions.js";

/** A change, with what a reader knows of its topics. */
export interface ToldChange extends AccessChange {
  /** Topics that are known and that a pattern among `topics` covers; the first of them, tenant by tenant. */
  readonly known: readonly OwnedTopic[];
  readonly knownLeftOut: number;
}

const maxKnown = 20;

/** The topics that policies and their matrices name, and those that exist. */
export class NamedTopics {
  /** By what stands in the tenant column. */
  readonly #columns = new Map<string, Set<string>>();

  static async of(policies: readonly LoadedPolicy[], existing: Iterable<OwnedTopic>): Promise<NamedTopics> {
    const named = new NamedTopics();
    const pace = new Pace();
    for (const { rows, matrix } of policies) {
      for (const { tenant, pattern } of rows.rules) {
        if (!pattern.endsWith(wildcard)) named.#add(tenant, pattern);
        await pace.step();
      }
      for (const { tenant, topic } of matrix) {
        if (topic !== wildcard) named.#add(tenant, topic);
        await pace.step();
      }
    }
    for (const { tenant, topic } of existing) {
      named.#add(tenant, topic);
      await pace.step();
    }
    return named;
  }

  /** What a name alone stands for needs no example. */
  async told(change: AccessChange, pace: Pace): Promise<ToldChange> {
    const patterns = change.topics.filter(({ pattern }) => pattern.endsWith(wildcard));
    const known: OwnedTopic[] = [];
    let knownLeftOut = 0;
    for (const tenant of patterns.length === 0 ? [] : change.tenants) {
      for (const topic of this.#in(tenant)) {
        const pause = pace.step();
        if (pause !== undefined) await pause;
        if (!patterns.some((range) => isWithin(range, topic))) continue;
        if (known.length < maxKnown) known.push({ tenant, topic });
        else knownLeftOut += 1;
      }
    }
    return { ...change, known, knownLeftOut };
  }

  #in(tenant: string): Set<string> {
    return new Set([defaultTopic, ...columnsFor(tenant).flatMap((column) => [...(this.#columns.get(column) ?? [])])]);
  }

  #add(tenant: string, topic: string): void {
    entry(this.#columns, tenant, () => new Set<string>()).add(topic);
  }
}

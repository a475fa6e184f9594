import { LRUCache } from "lru-cache";
import type { Denial } from "./authorizer.js";

/** A refusal as it is remembered: what the log has of it but for the request id, and when it was. */
export interface Refusal extends Omit<Denial, "requestId"> {
  /** Milliseconds since 1970. */
  readonly timeMs: number;
}

/** Sizes of the memory, in refusals. */
interface Capacity {
  /** The last of all. */
  readonly recent: number;
  /** The last of each caller's tenant beside them, and of how many tenants. */
  readonly perTenant: number;
  readonly tenants: number;
}

const defaultCapacity: Capacity = { recent: 100_000, perTenant: 100, tenants: 200 };

/**
 * The last refusals, to be found by their ids. Each is one flat string: 100,000 take some 24 MiB, and 41 MiB where all names are
 * as long as names can be. An index is part of that: who has no right at all may ask for ids too, as often as he likes, and has
 * to cost as little as any other refused caller, and as much for an id that there is as for one that there is not.
 *
 * A caller that is refused without end pushes everybody's refusals out of the recent ones, but only its own tenant's out of
 * those that are kept for each tenant beside them.
 */
export class Refusals {
  readonly #recent: Ring;
  readonly #ofTenants: LRUCache<string, Ring>;
  readonly #perTenant: number;

  constructor({ recent, perTenant, tenants }: Capacity = defaultCapacity) {
    this.#recent = new Ring(recent);
    this.#perTenant = perTenant;
    this.#ofTenants = new LRUCache({ max: tenants });
  }

  /** How many can be found at present, at least. */
  get size(): number {
    return this.#recent.size;
  }

  add(denial: Denial, timeMs: number): void {
    const line = encode({ ...denial, timeMs });
    this.#recent.add(denial.id, line);
    const [tenant = ""] = denial.principal.split("/", 1);
    let own = this.#ofTenants.get(tenant);
    if (own === undefined) this.#ofTenants.set(tenant, (own = new Ring(this.#perTenant)));
    own.add(denial.id, line);
  }

  /** Undefined for an id that was never given out, and for a refusal that is too long ago. */
  find(id: string): Refusal | undefined {
    let line = this.#recent.find(id);
    for (const own of this.#ofTenants.values()) line ??= own.find(id);
    return line === undefined ? undefined : decode(line);
  }
}

/** The last lines that were added, up to `capacity` of them, each with an id of its own in front. */
class Ring {
  readonly #lines: string[] = [];
  readonly #slots = new Map<string, number>();
  readonly #capacity: number;
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#lines.length;
  }

  add(id: string, line: string): void {
    const oldest = this.#lines[this.#next];
    if (oldest !== undefined) this.#slots.delete(oldest.slice(0, oldest.indexOf(separator)));
    this.#lines[this.#next] = line;
    this.#slots.set(id, this.#next);
    this.#next = (this.#next + 1) % this.#capacity;
  }

  find(id: string): string | undefined {
    const slot = this.#slots.get(id);
    return slot === undefined ? undefined : this.#lines[slot];
  }
}

/** In no name, no version and no line of a policy: what is refused for being no name may have it, and is escaped. */
const separator = "\n";

function encode({ id, timeMs, rule, ...rest }: Refusal): string {
  const { policyVersion, principal, method, action, tenant, topic, reason } = rest;
  const fields = [`${timeMs}`, policyVersion, principal, method, action, tenant, topic, reason, rule ?? ""];
  return [id, ...fields.map(escaped)].join(separator);
}

function decode(line: string): Refusal {
  const [id, timeMs, policyVersion, principal, method, action, tenant, topic, reason, rule] = line.split(
    separator,
  ) as Fields;
  return {
    id,
    timeMs: Number(timeMs),
    policyVersion,
    principal,
    method,
    action,
    tenant,
    topic,
    reason,
    rule: rule === "" ? undefined : rule,
  };
}

type Fields = [string, string, string, string, string, string, string, string, string, string];

function escaped(field: string): string {
  return field.includes(separator) ? field.replaceAll(separator, "\\n") : field;
}

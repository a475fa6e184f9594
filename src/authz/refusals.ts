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
 * The last refusals, to be found by their ids. Each is one flat string: 100,000 take some 16 MiB, and 33 MiB where all names are
 * as long as names can be. Nobody looks one up often, so there is no index: it takes a few milliseconds.
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
    this.#recent.add(line);
    const [tenant = ""] = denial.principal.split("/", 1);
    let own = this.#ofTenants.get(tenant);
    if (own === undefined) this.#ofTenants.set(tenant, (own = new Ring(this.#perTenant)));
    own.add(line);
  }

  /** Undefined for an id that was never given out, and for a refusal that is too long ago. */
  find(id: string): Refusal | undefined {
    const start = `${id}${separator}`;
    let line = this.#recent.find(start);
    for (const own of this.#ofTenants.values()) line ??= own.find(start);
    return line === undefined ? undefined : decode(line);
  }
}

/** The last lines that were added, up to `capacity` of them. */
class Ring {
  readonly #lines: string[] = [];
  readonly #capacity: number;
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#lines.length;
  }

  add(line: string): void {
    this.#lines[this.#next] = line;
    this.#next = (this.#next + 1) % this.#capacity;
  }

  find(start: string): string | undefined {
    return this.#lines.find((line) => line.startsWith(start));
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

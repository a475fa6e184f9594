import { LRUCache } from "lru-cache";
import { parsePrincipal, systemTenant } from "../names.js";
import { roleOf, wildcard } from "./columns.js";
import type { Assignment } from "./policy-csv.js";

/** Casbin follows this many assignments from a principal and then stops without a word. */
export const maxRoleDepth = 10;

/** Names in remembered sets of roles, all together. A principal that has more roles than this has them looked up each time. */
const maxRemembered = 100_000;

/** Which roles a name has in a tenant, at a cost of as many steps as it has roles, however many others there are. */
export class RoleIndex {
  /** Tenant column → member → its roles. */
  readonly #given = new Map<string, Map<string, string[]>>();
  readonly #remembered = new LRUCache<string, ReadonlySet<string>>({
    maxSize: maxRemembered,
    sizeCalculation: (roles) => roles.size + 4,
  });
  #supposed: Supposed | undefined;

  readonly #isSimple: boolean;

  /** @param isSimple a principal has at home the role that is called as it is, and none anywhere else */
  constructor(isSimple = false) {
    this.#isSimple = isSimple;
  }

  /** Only before the first question. */
  add({ member, role, tenant }: Assignment): void {
    const given = entry(this.#given, tenant, () => new Map<string, string[]>());
    entry(given, member, () => [] as string[]).push(role);
  }

  /** Casbin's `g(name, role, tenant)`, whatever the name is that of. */
  has(name: string, role: string, tenant: string): boolean {
    return name === role || this.of(name, tenant).has(role);
  }

  /** The name itself, and the roles that it has in the tenant, directly or through other roles, as deep as Casbin looks. */
  of(name: string, tenant: string): ReadonlySet<string> {
    // No name has a newline in it.
    const key = `${name}\n${tenant}`;
    // What only would be so must not be remembered, nor hidden by what is.
    if (this.#supposed !== undefined) return this.#follow(name, tenant);
    const remembered = this.#remembered.get(key);
    if (remembered !== undefined) return remembered;
    const roles = this.#follow(name, tenant);
    this.#remembered.set(key, roles);
    return roles;
  }

  /** Does `work` as if there were this assignment too; in the simple model, one of the principal's name. */
  supposing<Result>(assignment: Supposed, work: () => Result): Result {
    const [member = assignment.member] = this.#isSimple ? startAtHome(assignment.member, assignment.tenant) : [];
    this.#supposed = { ...assignment, member };
    try {
      return work();
    } finally {
      this.#supposed = undefined;
    }
  }

  #follow(name: string, tenant: string): Set<string> {
    const start = this.#isSimple ? startAtHome(name, tenant) : [name];
    const found = new Set([name, ...start]);
    const columns = columnsFor(tenant).flatMap((column) => this.#given.get(column) ?? []);
    let reached = start;
    for (let depth = 0; depth < maxRoleDepth && reached.length > 0; depth++) {
      const next: string[] = [];
      for (const member of reached) {
        for (const role of this.#givenTo(member, tenant, columns)) {
          if (found.has(role)) continue;
          found.add(role);
          next.push(role);
        }
      }
      reached = next;
    }
    return found;
  }

  /** Directly. */
  #givenTo(member: string, tenant: string, columns: readonly ReadonlyMap<string, readonly string[]>[]): string[] {
    const roles = columns.flatMap((given) => given.get(member) ?? []);
    const supposed = this.#supposed;
    return supposed?.member === member && supposed.tenant === tenant ? [...roles, supposed.role] : roles;
  }
}

function startAtHome(name: string, tenant: string): string[] {
  const principal = parsePrincipal(name);
  if (principal === undefined) return [name];
  return principal.tenant === tenant ? [roleOf(principal.name)] : [];
}

type Supposed = Omit<Assignment, "line">;

/** What stands in the tenant column of the rows that concern a tenant: `*` is never the platform's own. */
export function columnsFor(tenant: string): readonly string[] {
  return tenant === systemTenant ? [systemTenant] : [tenant, wildcard];
}

/** What the map has under the key, made if it is not there. */
export function entry<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

import { systemTenant } from "../names.js";
import { Pace } from "./breathe.js";
import { isRole, wildcard } from "./columns.js";
import type { Assignment, PolicyRows } from "./policy-csv.js";
import { entry } from "./role-index.js";

/** The rows with the same tenant column, as far as they concern roles. */
class Column {
  /** Roles that principals have directly. */
  readonly given = new Set<string>();
  /** Roles that rules speak of. */
  readonly spokenOf = new Set<string>();
  /** Rows in which a role has a role. */
  readonly nesting: Assignment[] = [];
  /** These, by each of their two names. */
  readonly byMember = new Map<string, Assignment[]>();
  readonly byRole = new Map<string, Assignment[]>();

  add(row: Assignment): void {
    if (!isRole(row.member)) {
      this.given.add(row.role);
      return;
    }
    this.nesting.push(row);
    entry(this.byMember, row.member, () => [] as Assignment[]).push(row);
    entry(this.byRole, row.role, () => [] as Assignment[]).push(row);
  }
}

/**
 * Who has which role in one tenant. There can be as many rows for every tenant as there are tenants, so these are gone
 * through once; of them, the scope of one tenant looks only at what that tenant's own rows lead to.
 */
export class Scope {
  readonly #columns: readonly Column[];
  /** Roles that some principal has, directly or through other roles; those that `shared` has are left out. */
  readonly held: Set<string>;
  /** Roles that some rule speaks of, directly or through the roles that they have in turn; in the same way. */
  readonly ruled: Set<string>;

  private constructor(columns: readonly Column[], held: Set<string>, ruled: Set<string>) {
    this.#columns = columns;
    this.held = held;
    this.ruled = ruled;
  }

  /** @param shared of the rows for every tenant, where they concern this one */
  static async build(own: Column, shared: Scope | undefined, pace: Pace): Promise<Scope> {
    const columns = shared === undefined ? [own] : [own, ...shared.#columns];
    const throughShared = own.nesting.filter(({ member }) => shared?.held.has(member));
    const toShared = own.nesting.filter(({ role }) => shared?.ruled.has(role));
    const givenHere = [...own.given, ...throughShared.map(({ role }) => role)];
    const spokenOfHere = [...own.spokenOf, ...toShared.map(({ member }) => member)];
    return new Scope(
      columns,
      await reach(givenHere, rolesOf(columns), pace, shared?.held),
      await reach(spokenOfHere, membersOf(columns), pace, shared?.ruled),
    );
  }

  isGiven(role: string): boolean {
    return this.#columns.some(({ given }) => given.has(role));
  }

  /** The rows between roles on every way that leads over one of this tenant's own rows. */
  async nesting(pace: Pace): Promise<readonly Assignment[]> {
    const [own, shared] = this.#columns;
    if (shared === undefined || shared.nesting.length === 0) return own!.nesting;
    const ahead = await reach([...own!.given, ...own!.nesting.map(({ role }) => role)], rolesOf(this.#columns), pace);
    const behind = await reach(own!.nesting.map(({ member }) => member), membersOf(this.#columns), pace); // prettier-ignore
    const found = new Set(own!.nesting);
    for (const name of ahead) for (const row of shared.byMember.get(name) ?? []) found.add(row);
    for (const name of behind) for (const row of shared.byRole.get(name) ?? []) found.add(row);
    return [...found];
  }
}

/** The scopes of a policy, by what stands in the tenant column. */
export class RoleScopes {
  /** That of `*` is of the rows for every tenant alone. */
  readonly all: ReadonlyMap<string, Scope>;
  readonly #shared: Scope;
  /** In any tenant but the platform's own. */
  readonly #somewhere: Pick<Scope, "held" | "ruled">;

  private constructor(shared: Scope, scopes: ReadonlyMap<string, Scope>) {
    this.#shared = shared;
    this.all = scopes;
    this.#somewhere = { held: new Set(), ruled: new Set() };
    for (const [tenant, { held, ruled }] of scopes) {
      if (tenant === systemTenant) continue;
      for (const role of held) this.#somewhere.held.add(role);
      for (const role of ruled) this.#somewhere.ruled.add(role);
    }
  }

  static async of(rows: PolicyRows): Promise<RoleScopes> {
    const pace = new Pace();
    const columns = new Map([[wildcard, new Column()]]);
    const column = (tenant: string): Column => entry(columns, tenant, () => new Column());
    for (const row of rows.assignments) {
      column(row.tenant).add(row);
      await pace.step();
    }
    for (const { subject, tenant } of rows.rules) {
      if (isRole(subject)) column(tenant).spokenOf.add(subject);
      await pace.step();
    }
    const shared = await Scope.build(columns.get(wildcard)!, undefined, pace);
    const scopes = new Map([[wildcard, shared]]);
    for (const [tenant, own] of columns) {
      if (tenant === wildcard) continue;
      scopes.set(tenant, await Scope.build(own, tenant === systemTenant ? undefined : shared, pace));
    }
    return new RoleScopes(shared, scopes);
  }

  /** Whether somebody has the role in the tenant, or for `*` in any. */
  isHeld(role: string, tenant: string): boolean {
    return this.#in(tenant).some(({ held }) => held.has(role));
  }

  /** Whether a rule speaks of the role in the tenant, or for `*` in any. */
  isRuled(role: string, tenant: string): boolean {
    return this.#in(tenant).some(({ ruled }) => ruled.has(role));
  }

  /** Everything for which `isHeld` or `isRuled` is true. */
  *names(kind: "held" | "ruled", tenant: string): Generator<string> {
    for (const scope of this.#in(tenant)) yield* scope[kind];
  }

  #in(tenant: string): readonly Pick<Scope, "held" | "ruled">[] {
    if (tenant === wildcard) return [this.#somewhere];
    const own = this.all.get(tenant) ?? [];
    return [own, tenant === systemTenant ? [] : this.#shared].flat();
  }
}

type Neighbours = (name: string) => readonly string[];

function rolesOf(columns: readonly Column[]): Neighbours {
  return (name) => columns.flatMap(({ byMember }) => (byMember.get(name) ?? []).map(({ role }) => role));
}

function membersOf(columns: readonly Column[]): Neighbours {
  return (name) => columns.flatMap(({ byRole }) => (byRole.get(name) ?? []).map(({ member }) => member));
}

/** What can be reached from `start`, itself included, on ways that go through nothing `known`. */
async function reach(
  start: readonly string[],
  neighbours: Neighbours,
  pace: Pace,
  known?: ReadonlySet<string>,
): Promise<Set<string>> {
  const reached = new Set(start.filter((name) => known?.has(name) !== true));
  // A Set visits what is added to it on the way.
  for (const name of reached) {
    for (const next of neighbours(name)) if (known?.has(next) !== true) reached.add(next);
    const pause = pace.step();
    if (pause !== undefined) await pause;
  }
  return reached;
}

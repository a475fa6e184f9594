import { type Action, entry, Pace } from "../authz/index.js";
import type { Cause } from "./diff-causes.js";
import type { Effect } from "./diff-effects.js";
import type { Pair } from "./diff-pairs.js";
import type { TopicRange } from "./topic-regions.js";

/** The same change for one or many: each of the principals gains or loses each of the actions on each of the topics. */
export interface AccessChange {
  readonly change: "gain" | "lose";
  /** Sorted. `acme/*` is any principal of acme that neither policy names. */
  readonly principals: readonly string[];
  /** Whose topics they are, sorted. */
  readonly tenants: readonly string[];
  /** Each principal in its own tenant alone, not in all of `tenants`. */
  readonly inOwnTenant: boolean;
  readonly actions: readonly Action[];
  /** Together exact: what is in none of them did not change in this way. */
  readonly topics: readonly TopicRange[];
  /** The first of them. */
  readonly causes: readonly Cause[];
  readonly causesLeftOut: number;
}

/** One line can count for all that have a role, and each of these can have it by a line of its own. */
const maxCauses = 50;

/** Of one tenant: who shares a change, and why. */
interface Share {
  readonly tenant: string;
  readonly principals: string[];
  readonly causes: Map<string, Cause>;
  causesLeftOut: number;
}

type Common = Pick<AccessChange, "change" | "actions" | "topics">;

/** Puts together who has the same change, tenant by tenant, and tenants in which the same have it. */
export class ChangeGroups {
  readonly #groups = new Map<string, { readonly common: Common; readonly shares: Map<string, Share> }>();

  add({ principal, tenant }: Pair, { change, actions, topics, key }: KeyedEffect, causes: readonly Cause[]): void {
    const group = entry(this.#groups, key, () => ({
      common: { change, actions, topics },
      shares: new Map<string, Share>(),
    }));
    const share = entry(group.shares, tenant, () => shareOf(tenant));
    share.principals.push(principal);
    keep(share, causes);
  }

  /** Gains first; then by tenant and principal. */
  async all(): Promise<AccessChange[]> {
    const pace = new Pace();
    const changes: { readonly change: AccessChange; readonly key: string }[] = [];
    for (const { common, shares } of this.#groups.values()) {
      for (const { tenants, principals, causes, ...rest } of await merged([...shares.values()], pace)) {
        const change = { ...common, principals: principals.sort(), tenants: tenants.sort(), ...rest };
        const key = `${change.change} ${tenants[0]!} ${principals[0]!}`;
        changes.push({ change: { ...change, causes: [...causes.values()] }, key });
      }
      await pace.step();
    }
    return changes.sort((one, other) => (one.key < other.key ? -1 : 1)).map(({ change }) => change);
  }
}

/** An effect, and a text that is the same for the same change. */
export interface KeyedEffect extends Effect {
  readonly key: string;
}

export function withKey(effect: Effect): KeyedEffect {
  return { ...effect, key: JSON.stringify([effect.change, effect.actions, effect.topics]) };
}

function shareOf(tenant: string): Share {
  return { tenant, principals: [], causes: new Map(), causesLeftOut: 0 };
}

interface Merged extends Omit<Share, "tenant"> {
  readonly tenants: string[];
  readonly inOwnTenant: boolean;
}

async function merged(shares: readonly Share[], pace: Pace): Promise<Merged[]> {
  const groups = new Map<string, Merged>();
  for (const share of shares) {
    await pace.step();
    const { tenant, principals } = share;
    const isOwn = shares.length > 1 && principals.every((principal) => principal.startsWith(`${tenant}/`));
    const who = isOwn ? principals.map((principal) => principal.slice(tenant.length)) : principals;
    const known = groups.get(who.sort().join(" "));
    if (known === undefined) {
      groups.set(who.join(" "), { ...share, tenants: [tenant], principals: [...principals], inOwnTenant: isOwn });
      continue;
    }
    known.tenants.push(tenant);
    if (isOwn) for (const principal of principals) known.principals.push(principal);
    keep(known, [...share.causes.values()]);
    known.causesLeftOut += share.causesLeftOut;
  }
  // One tenant's own principals need no such words.
  return [...groups.values()].map((group) => (group.tenants.length > 1 ? group : { ...group, inOwnTenant: false }));
}

function keep(into: { readonly causes: Map<string, Cause>; causesLeftOut: number }, causes: readonly Cause[]): void {
  for (const cause of causes) {
    const key = `${cause.kind} ${cause.place ?? ""} ${cause.text ?? ""}`;
    if (into.causes.has(key)) continue;
    if (into.causes.size < maxCauses) into.causes.set(key, cause);
    else into.causesLeftOut += 1;
  }
}

import { Pace, wildcard } from "../authz/index.js";
import { systemTenant } from "../names.js";
import type { Reach } from "./diff-model.js";
import type { Side } from "./diff-side.js";
import type { ChangedLines } from "./text-changes.js";

/** Somebody whose rights over topics of a tenant may differ. */
export interface Pair {
  /** `acme/*` is any principal of acme that neither policy names. */
  readonly principal: string;
  readonly tenant: string;
}

/**
 * Everyone whose rights can differ, tenant by tenant: those that hold a rule that came or went, or hold it in another way,
 * and in a tenant that is declared in one policy alone, all that hold a rule there.
 */
export async function* affectedPairs(
  sides: readonly [Side, Side],
  changed: readonly [ChangedLines, ChangedLines],
  reach: Reach,
  tenants: readonly string[],
): AsyncGenerator<Pair> {
  const pace = new Pace();
  for (const tenant of tenants) {
    const isOwnedAnew = sides[0].isOwner(tenant) !== sides[1].isOwner(tenant);
    const isEveryone = reach === "everything";
    const affected = new Set<string>();
    for (const [index, side] of isEveryone ? [] : sides.entries()) {
      const names = reach === "rules" || isOwnedAnew ? side.subjectsIn(tenant) : changed[index]!.namesIn(tenant);
      for (const holder of await side.holders(names, tenant, pace)) affected.add(holder);
    }
    for (const principal of isEveryone ? peopleOf(sides) : affected) {
      yield { principal, tenant };
      const pause = pace.step();
      if (pause !== undefined) await pause;
    }
  }
}

/** The tenants that topics can belong to, under one policy or the other, sorted. */
export function tenantsOf(sides: readonly [Side, Side]): string[] {
  const declared = sides.flatMap(({ policy }) => [...policy.tenants.keys()]);
  return [...new Set([...declared, systemTenant])].sort();
}

/** All that a policy names, and for each tenant one that none names. */
function* peopleOf(sides: readonly [Side, Side]): Generator<string> {
  const [older, newer] = sides;
  yield* older.principals();
  for (const principal of newer.principals()) if (!older.names(principal)) yield principal;
  for (const tenant of tenantsOf(sides)) if (tenant !== systemTenant) yield `${tenant}/${wildcard}`;
}

/** A name to ask with: the principal itself, or one of those that no policy names. */
export function askedAs(principal: string, sides: readonly [Side, Side]): string {
  if (!principal.endsWith(wildcard)) return principal;
  let name = `${principal.slice(0, -1)}unnamed`;
  while (sides.some((side) => side.names(name))) name += "-";
  return name;
}

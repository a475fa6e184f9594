import type { LoadedPolicy, Pace } from "../authz/index.js";
import type { RuleLine } from "./lines.js";
import { MissSearch } from "./miss-search.js";
import type { RoleWays } from "./role-ways.js";
import type { Question } from "./why.js";

/** Which one thing would have to be otherwise: of the question, of who has which role, or of the rule itself. */
export type MissKind = "principal" | "tenant" | "topic" | "action" | "role" | "rule";

/** What would have been allowed. The policy was asked, so it is so, whatever matcher there is. */
export interface NearMiss {
  readonly kind: MissKind;
  /** Behind "it would be allowed if": `acme/billing had role:producer in acme` */
  readonly condition: string;
  /** The rule that would allow it. */
  readonly rule: RuleLine;
}

/** At most so many are told, and of one kind at most `maxOfKind`. */
const maxMisses = 5;
const maxOfKind = 2;

/**
 * The nearest first, and always the same ones. Looks at each rule once.
 * @param question of which no rule speaks
 * @param isWithinTenant leave out whatever does not concern the question's tenant
 * @throws Error when the matcher cannot be evaluated
 */
export async function nearMisses(
  policy: LoadedPolicy,
  question: Question,
  ways: RoleWays,
  { isWithinTenant, pace }: { readonly isWithinTenant: boolean; readonly pace: Pace },
): Promise<readonly NearMiss[]> {
  const candidates = await new MissSearch(policy, question, ways, { isWithinTenant, pace }).candidates();
  const misses: NearMiss[] = [];
  const told = new Set<string>();
  for (const { kind, verify } of candidates) {
    if (misses.length === maxMisses) break;
    if (misses.filter((miss) => miss.kind === kind).length === maxOfKind) continue;
    await pace.step();
    const miss = await verify();
    // Several rules can say the same of it.
    if (miss === undefined || told.has(miss.condition)) continue;
    told.add(miss.condition);
    misses.push({ kind, ...miss });
  }
  return misses;
}

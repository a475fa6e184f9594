import { type Action, type Decision, type LoadedPolicy, type Pace, type Rule } from "../authz/index.js";

/** So many rules are weighed in one go, within a millisecond. */
const sliceRules = 250;

/** What is asked of a policy, all of it literal. */
export interface Asked {
  readonly principal: string;
  readonly action: Action;
  readonly tenant: string;
  readonly topic: string;
}

interface Supposition {
  /** What there is to weigh; every rule that can fit unless given. */
  readonly rules?: readonly Rule[];
  /** A role that the principal has in the tenant too. */
  readonly role?: string;
}

/**
 * The same as `CompiledPolicy.evaluate`, with waiting calls let in between where very many rules have to be weighed. The
 * first that denies decides, or else the last that allows: so slices say what all say together.
 * @throws Error when the matcher cannot be evaluated
 */
export async function evaluateInSlices(
  { compiled }: LoadedPolicy,
  { principal, action, tenant, topic }: Asked,
  pace: Pace,
  { rules: given, role }: Supposition = {},
): Promise<Decision> {
  const supposing = <Result>(work: () => Result): Result =>
    role === undefined ? work() : compiled.supposing(role, principal, tenant, work);
  const rules = given ?? supposing(() => compiled.candidates(principal, action, tenant, topic));
  let decision = compiled.evaluateBy([], principal, action, tenant, topic);
  for (let start = 0; start < rules.length; start += sliceRules) {
    await pace.step();
    const slice = rules.slice(start, start + sliceRules);
    const part = supposing(() => compiled.evaluateBy(slice, principal, action, tenant, topic));
    if (part.rule === undefined) continue;
    decision = part;
    if (!part.allowed) break;
  }
  return decision;
}

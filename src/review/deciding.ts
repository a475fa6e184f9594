import { type Action, type Decision, type LoadedPolicy, Pace, type Rule } from "../authz/index.js";

/** So many rules are weighed in one go, within some milliseconds. */
const sliceRules = 1_000;

/** What is asked of a policy, all of it literal. */
export interface Asked {
  readonly principal: string;
  readonly action: Action;
  readonly tenant: string;
  readonly topic: string;
}

/**
 * The same as `CompiledPolicy.evaluate`, with waiting calls let in between where very many rules have to be weighed. The
 * first that denies decides, or else the last that allows: so slices say what all say together.
 * @param rules what there is to weigh; every rule that can fit unless given
 * @throws Error when the matcher cannot be evaluated
 */
export async function evaluateInSlices(
  { compiled }: LoadedPolicy,
  { principal, action, tenant, topic }: Asked,
  rules: readonly Rule[] = compiled.candidates(principal, action, tenant, topic),
): Promise<Decision> {
  const pace = new Pace();
  let decision = compiled.evaluateBy([], principal, action, tenant, topic);
  for (let start = 0; start < rules.length; start += sliceRules) {
    await pace.step();
    const part = compiled.evaluateBy(rules.slice(start, start + sliceRules), principal, action, tenant, topic);
    if (part.rule === undefined) continue;
    decision = part;
    if (!part.allowed) break;
  }
  return decision;
}

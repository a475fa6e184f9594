import { isRole, type LoadedPolicy, wildcard } from "../authz/index.js";
import { type AskedAssignment, type AskedRule, readAsked, type Wanted } from "./asked.js";
import { allowedBy, type EditPlan, firstOf, loadForEdit, planEdits, planWithout, withPlace } from "./plan.js";
import { PolicyText } from "./policy-text.js";
import { Reach } from "./reach.js";
import { hasRole, holders, mayDo, whileSuspended } from "./words.js";

/**
 * How `policy.csv` in a folder would give somebody a right or a role. Writes nothing.
 * @throws WrongSettings for what no line of this policy can say
 * @throws OperatorError with the mistakes that the files have, or would have afterwards
 */
export async function planGrant(directory: string, wanted: Wanted): Promise<EditPlan> {
  const loaded = await loadForEdit(directory);
  const asked = await readAsked(wanted, loaded.policy);
  const { rules, assignment } = asked;
  const plan = await (assignment === undefined ? grantRights(loaded, rules) : grantRole(loaded, assignment));
  return { ...plan, says: [...plan.says, ...whileSuspended(asked, loaded.policy)] };
}

type Loaded = Awaited<ReturnType<typeof loadForEdit>>;

async function grantRights(loaded: Loaded, asked: readonly AskedRule[]): Promise<EditPlan> {
  const { policy } = loaded;
  const reach = new Reach(policy);
  const refusals: string[] = [];
  const held: string[] = [];
  const missing: AskedRule[] = [];
  for (const one of asked) {
    const [denying] = reach.covering(one.rule, "deny");
    const [allowing] = reach.covering(one.rule, "allow");
    if (denying !== undefined) {
      refusals.push(`${mayDo(one.rule, policy, "could not")} after that either: deny wins, and ${withPlace(denying)}`);
    } else if (allowing !== undefined && allowedBy(policy, one.rule) !== false) {
      held.push(`${mayDo(one.rule, policy)} already: ${withPlace(allowing)}`, ...exceptions(one, reach));
    } else {
      missing.push(one);
    }
  }
  if (refusals.length > 0) return planWithout("refused", refusals, policy);
  if (missing.length === 0) return planWithout("nothing", held, policy);
  const text = new PolicyText(policy);
  for (const one of missing) text.addRule(one, one.cells);
  return planEdits(loaded, text.edits(), (after) => {
    // The matcher has the last word, and this policy's may ask for more than the lines say.
    const isVoid = ({ rule }: AskedRule): boolean => allowedBy(after, rule) === false;
    const useless = missing.filter(isVoid).map(({ rule }) => `${mayDo(rule, after, "could not")} after that either, by the matcher in model.conf`); // prettier-ignore
    if (useless.length > 0) return { isAchieved: false, says: useless };
    return { isAchieved: true, says: [...held, ...missing.flatMap((one) => gained(one, after))] };
  });
}

function gained(one: AskedRule, after: LoadedPolicy): string[] {
  const { subject, tenant } = one.rule;
  const sentence = mayDo(one.rule, after, "could then");
  if (!isRole(subject) || after.simple !== undefined) return [sentence, ...exceptions(one, new Reach(after))];
  const names = firstOf(holders(subject, tenant, after));
  const where = tenant === wildcard ? "anywhere" : `in ${tenant}`;
  const who =
    names.length === 0
      ? `, but nobody has that role ${where} yet`
      : `: which ${names.join(", ")} ${names.length === 1 ? "has" : "have"}`;
  return [`${sentence}${who}`, ...exceptions(one, new Reach(after))];
}

/** What of it stays denied. */
function exceptions({ rule }: AskedRule, reach: Reach): string[] {
  const denying = reach.touching(rule, "deny");
  return firstOf(denying.map((each) => `except for what ${withPlace(each)} denies`));
}

async function grantRole(loaded: Loaded, asked: AskedAssignment): Promise<EditPlan> {
  const { policy } = loaded;
  if (policy.compiled.rolesOf(asked.member, asked.tenant).has(asked.role)) {
    return planWithout("nothing", [`${hasRole(asked, policy)} already`], policy);
  }
  const text = new PolicyText(policy);
  text.addAssignment(asked);
  return planEdits(loaded, text.edits(), (after) => {
    const about = { subject: asked.role, tenant: asked.tenant, pattern: "*", action: "*" };
    const reach = new Reach(after);
    const brought = (["allow", "deny"] as const).flatMap((effect) => reach.touching(about, effect));
    const lines = firstOf(brought.map((rule) => `  ${withPlace(rule)}`));
    const opens = lines.length === 0 ? ", of which no rule speaks there" : ", and with it what these lines say:";
    return { isAchieved: true, says: [`${hasRole(asked, after, "would then have")}${opens}`, ...lines] };
  });
}

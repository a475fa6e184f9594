import { assignmentAsWritten, type LoadedPolicy, nameAsWritten, type Rule, wildcard } from "../authz/index.js";
import { systemTenant } from "../names.js";
import { type AskedAssignment, type AskedRule, readAsked, type Wanted } from "./asked.js";
import { allowedBy, type EditPlan, firstOf, loadForEdit, planEdits, planWithout, withPlace } from "./plan.js";
import { PolicyText } from "./policy-text.js";
import { type About, Reach } from "./reach.js";
import { hasRole, mayDo, whileSuspended } from "./words.js";

export interface RevokeOptions {
  /** Puts a deny line in too, so that no role and no wider line gives it, now or later. */
  readonly deny: boolean;
}

/**
 * How `policy.csv` in a folder would take a right or a role away. Writes nothing. Only lines that give exactly this are taken
 * out: what else a role or a wider line gives is not this command's to take from others.
 *
 * @throws WrongSettings for what no line of this policy can say
 * @throws OperatorError with the mistakes that the files have, or would have afterwards
 */
export async function planRevoke(directory: string, wanted: Wanted, { deny }: RevokeOptions): Promise<EditPlan> {
  const loaded = await loadForEdit(directory);
  const asked = await readAsked(wanted, loaded.policy);
  const { rules, assignment } = asked;
  const plan = await (assignment === undefined ? revokeRights(loaded, rules, deny) : revokeRole(loaded, assignment));
  return { ...plan, says: [...plan.says, ...whileSuspended(asked, loaded.policy)] };
}

type Loaded = Awaited<ReturnType<typeof loadForEdit>>;

async function revokeRights(loaded: Loaded, asked: readonly AskedRule[], deny: boolean): Promise<EditPlan> {
  const { policy } = loaded;
  const reach = new Reach(policy);
  const text = new PolicyText(policy);
  const stays: string[] = [];
  const says: ((after: LoadedPolicy) => string)[] = [];
  let changes = 0;
  for (const one of asked) {
    const exact = policy.rows.rules.find((rule) => saysTheSame(rule, one.rule));
    const others = reach.holding(one.rule).filter((rule) => rule !== exact);
    if (others.length > 0 && !(deny && one.denyCells !== undefined)) {
      stays.push(...firstOf(others.map((rule) => stillHolds(reach.common(rule, one.rule)!, rule, policy))));
      continue;
    }
    // Also where nothing is held now: a role that is given tomorrow must not open it.
    const isDenied = deny && one.denyCells !== undefined && reach.covering(one.rule, "deny").length === 0;
    if (exact !== undefined) text.remove(exact.line);
    if (isDenied) text.addRule(one, one.denyCells);
    if (exact !== undefined || isDenied) changes += 1;
    const wasHeld = exact !== undefined || others.length > 0;
    const may = isDenied ? "could not" : "may not";
    const end = isDenied ? ", whatever else is granted" : " as it is";
    says.push((after) =>
      wasHeld ? mayDo(one.rule, after, "could no longer") : `${mayDo(one.rule, after, may)}${end}`,
    );
  }
  if (stays.length > 0) return planWithout("refused", [...stays, advice(policy)], policy);
  if (changes === 0) return planWithout("nothing", says.map((sentence) => sentence(policy)), policy); // prettier-ignore
  return planEdits(loaded, text.edits(), (after) => {
    const still = asked.filter(({ rule }) => allowedBy(after, rule) === true);
    if (still.length > 0) return { isAchieved: false, says: still.map(({ rule }) => mayDo(rule, after, "may still")) };
    return { isAchieved: true, says: says.map((sentence) => sentence(after)) };
  });
}

function saysTheSame(rule: Rule, { cells }: Rule): boolean {
  return rule.cells.every((cell, column) => cell === cells[column]);
}

/** @param held what of that which is asked for the rule gives */
function stillHolds(held: About, through: Rule, policy: LoadedPolicy): string {
  const role = through.subject === held.subject ? "" : `, as ${nameAsWritten(through.subject, policy)},`;
  return `${mayDo(held, policy, "may still")}${role} through ${withPlace(through)}`;
}

function advice({ simple }: LoadedPolicy): string {
  return simple === undefined
    ? "Take those lines out, or the role away, if nobody else needs them; --deny puts in a line that denies it, and deny wins."
    : "Take those lines out, or the role away, if nobody else needs them: the simple model cannot deny.";
}

async function revokeRole(loaded: Loaded, asked: AskedAssignment): Promise<EditPlan> {
  const { policy } = loaded;
  const { assignments } = policy.rows;
  const given = ({ member, role, tenant }: AskedAssignment): boolean =>
    member === asked.member && role === asked.role && tenant === asked.tenant;
  const exact = assignments.find((row) => given({ ...row, cells: [] }));
  const concerns = (tenant: string): boolean =>
    tenant === asked.tenant ||
    ([tenant, asked.tenant].every((each) => each !== systemTenant) && [tenant, asked.tenant].includes(wildcard));
  const other = assignments.find(
    (row) =>
      row !== exact &&
      row.role === asked.role &&
      concerns(row.tenant) &&
      policy.compiled.rolesOf(asked.member, row.tenant === wildcard ? asked.tenant : row.tenant).has(row.member),
  );
  if (other !== undefined) {
    const { source } = policy.files.files["policy.csv"];
    const line = assignmentAsWritten(other, policy);
    return planWithout(
      "refused",
      [
        `${hasRole(asked, policy, "would still have")} through ${source}:${other.line}: ${line}`,
        "Take that line out if nobody else needs it.",
      ],
      policy,
    );
  }
  if (exact === undefined) return planWithout("nothing", [hasRole(asked, policy, "does not have")], policy);
  const text = new PolicyText(policy);
  text.remove(exact.line);
  return planEdits(loaded, text.edits(), (after) => {
    const lines = firstOf(noLongerDenied(asked, policy, after).map((rule) => `  ${withPlace(rule)}`));
    const opens = lines.length === 0 ? "" : "; what these lines denied for that could be open then:";
    return { isAchieved: true, says: [`${hasRole(asked, after, "would no longer have")}${opens}`, ...lines] };
  });
}

/** The lines that denied the member something through the role, of which something else allows it a part. */
function noLongerDenied({ member, tenant }: AskedAssignment, before: LoadedPolicy, after: LoadedPolicy): Rule[] {
  const all = { subject: member, tenant, pattern: wildcard, action: wildcard };
  const reach = new Reach(after);
  const still = new Set(reach.touching(all, "deny").map(({ text }) => text));
  const lifted = new Reach(before).touching(all, "deny").filter(({ text }) => !still.has(text));
  const isOpen = ({ pattern, action }: Rule): boolean =>
    reach.touching({ ...all, pattern, action }, "allow").length > 0;
  // To look at each of very many would take minutes: those are told in any case.
  return lifted.filter((rule, index) => index >= 100 || isOpen(rule));
}

import { parsePrincipal, systemTenant } from "../names.js";
import { suspendedInWords } from "../tenant-standing.js";
import {
  type Action,
  type Effect,
  isAction,
  isRequestableTopic,
  type LoadedPolicy,
  Pace,
  type Rule,
} from "../authz/index.js";
import { evaluateInSlices } from "./deciding.js";
import type { FittingRule } from "./lines.js";
import { type NearMiss, nearMisses } from "./near-misses.js";
import { RoleWays } from "./role-ways.js";
import { isServersAlone } from "./server-made.js";

/** May this principal do this? All of it literal: a question is never a pattern. */
export interface Question {
  /** `acme/billing` */
  readonly principal: string;
  readonly action: Action;
  /** Whose topic it is. */
  readonly tenant: string;
  readonly topic: string;
}

/** What the policy says to a question, and why. Plain data. */
export interface Why {
  readonly policyVersion: string;
  readonly question: Question;
  readonly decision: Effect;
  /**
   * `a rule allows it`, `a rule denies it`, `no rule allows it`, `the tenant "initech" is not declared`; `allowed by the policy, but
   * tenant acme is suspended: none of its clients gets in`
   */
  readonly reason: string;
  /** The rule that decided, also where a suspension keeps out whom it allows; not there where none speaks of it. */
  readonly rule?: FittingRule;
  /** The other rules that fit, in the order of the file, at most `maxOthers`: such as what a deny overrules. */
  readonly others: readonly FittingRule[];
  /** How many more fit than `others` names. */
  readonly moreOthers: number;
  /** Of what no rule speaks of: what would have to be otherwise, the nearest first. Of what the server alone does, nothing. */
  readonly misses: readonly NearMiss[];
}

export interface WhyOptions {
  /** Only what concerns the question's tenant, for who may see no more: no word of other tenants, nor of rights in them. */
  readonly withinTenant?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** How many of the rules that fit beside the deciding one are named. */
export const maxOthers = 20;

/**
 * The decision, and what led to it.
 * @throws Error when the matcher cannot be evaluated; the signal's reason when that is aborted
 * @throws TypeError for a question that is none: names that are no names, an action that there is not
 */
export async function why(policy: LoadedPolicy, question: Question, options: WhyOptions = {}): Promise<Why> {
  const { principal, action, tenant, topic } = question;
  const caller = parsePrincipal(principal);
  if (caller === undefined || !isAction(action) || !isRequestableTopic(topic)) throw new TypeError("no question");
  const { compiled } = policy;
  const pace = new Pace(options.signal);
  const isWithinTenant = options.withinTenant === true;
  const isOwner = tenant === systemTenant || compiled.isDeclaredTenant(tenant);
  // Its principals cannot connect, and no line can name them. Who sees one tenant alone is not told which others there are.
  const isStranger = !isWithinTenant && !compiled.isDeclaredTenant(caller.tenant);
  const { allowed, rule, ...judged } = isStranger
    ? { allowed: false, rule: undefined, reason: `the tenant "${caller.tenant}" is not declared` }
    : isOwner
      ? await evaluateInSlices(policy, question, pace)
      : compiled.decide({ principal: caller, action, tenant, topic });
  const isSuspended = compiled.standingOf(caller.tenant)?.isSuspended === true;
  // Who sees one tenant alone is told of another only that its principals, who may something here, may not.
  const isTold = isSuspended && (allowed || !isWithinTenant || caller.tenant === tenant);
  const ways = await RoleWays.of(policy, pace);
  const fitting = rule !== undefined ? await fittingRules(policy, question, pace) : [];
  const others = fitting.filter((each) => each !== rule);
  return {
    policyVersion: compiled.version,
    question: { principal, action, tenant, topic },
    decision: allowed && !isSuspended ? "allow" : "deny",
    reason: isTold ? besideSuspension(caller.tenant, allowed, judged.reason) : judged.reason,
    ...(rule !== undefined && { rule: ways.fitting(rule, principal, tenant) }),
    others: others.slice(0, maxOthers).map((each) => ways.fitting(each, principal, tenant)),
    moreOthers: Math.max(0, others.length - maxOthers),
    misses:
      rule === undefined && !isServersAlone(action, topic)
        ? await nearMisses(policy, question, ways, { isWithinTenant, pace })
        : [],
  };
}

function besideSuspension(tenant: string, allowed: boolean, reason: string): string {
  return `${allowed ? "allowed by the policy, but" : `${reason}; besides,`} tenant ${suspendedInWords([tenant])}`;
}

/** Each of them asked about by itself, since Casbin names one alone. */
async function fittingRules(
  { compiled }: LoadedPolicy,
  { principal, action, tenant, topic }: Question,
  pace: Pace,
): Promise<Rule[]> {
  const fitting: Rule[] = [];
  for (const rule of compiled.candidates(principal, action, tenant, topic)) {
    if (compiled.evaluateBy([rule], principal, action, tenant, topic).rule !== undefined) fitting.push(rule);
    await pace.step();
  }
  return fitting;
}

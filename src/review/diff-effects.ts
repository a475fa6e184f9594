import { type Action, actions, entry, isAction, Pace, type Rule, topicMatch, wildcard } from "../authz/index.js";
import type { Comparability } from "./diff-model.js";
import type { Side } from "./diff-side.js";
import { meaningOf } from "./text-changes.js";
import { oddNames, Prefixes, type Region, rangesOf, regionsOf, serverMade, type TopicRange } from "./topic-regions.js";

/** A rule of the older or the newer policy that has to do with a change. */
export interface InvolvedRule {
  readonly rule: Rule;
  readonly side: "old" | "new";
}

/** What a principal may do in a tenant under one policy and not under the other. */
export interface Effect {
  readonly change: "gain" | "lose";
  readonly actions: readonly Action[];
  readonly topics: readonly TopicRange[];
  readonly rules: readonly InvolvedRule[];
}

/** Counts what Casbin is asked, and says when that is enough. */
export interface Budget {
  /** False when no more may be asked. */
  spend(questions: number): boolean;
}

/** The two sides, and what is to be asked of them. */
export interface Comparison extends Comparability {
  readonly old: Side;
  readonly new: Side;
  readonly budget: Budget;
}

/**
 * How the rights of one principal in one tenant differ. Casbin decides each, on both sides, by one name of every region that
 * a rule in question covers. Undefined when the budget did not suffice.
 */
export async function effectsOn(
  comparison: Comparison,
  principal: string,
  tenant: string,
  pace: Pace,
): Promise<readonly Effect[] | undefined> {
  const had = comparison.old.rulesOf(principal, tenant);
  const has = comparison.new.rulesOf(principal, tenant);
  const moved = [...(await beyond(had, has, "old", pace)), ...(await beyond(has, had, "new", pace))];
  const inQuestion =
    comparison.reach === "changes"
      ? moved.map(({ rule }) => rule)
      : comparison.reach === "rules"
        ? [...had, ...has]
        : [];
  if (comparison.reach !== "everything" && inQuestion.length === 0) return [];
  const patterns = await patternsFor(comparison, tenant, { rules: [...had, ...has], inQuestion, pace });
  const regions = await regionsOf(patterns, pace);
  const found = new Found();
  const asked = questionsOn(regions, comparison.reach === "everything" ? undefined : inQuestion);
  for (const { region, witness, action } of asked) {
    const pause = pace.step();
    if (pause !== undefined) await pause;
    if (!comparison.budget.spend(2)) return undefined;
    const before = comparison.old.decide(principal, action, tenant, witness);
    const after = comparison.new.decide(principal, action, tenant, witness);
    if (before.allowed === after.allowed) continue;
    const change = after.allowed ? "gain" : "lose";
    const involved = moved.filter((each) => brings(each, change) && fits(each.rule, witness, action));
    const deciding = [
      ...(before.rule === undefined ? [] : [{ rule: before.rule, side: "old" as const }]),
      ...(after.rule === undefined ? [] : [{ rule: after.rule, side: "new" as const }]),
    ];
    found.add(change, action, region, involved.length > 0 ? involved : deciding);
  }
  return found.effects(regions);
}

async function beyond(
  rules: readonly Rule[],
  others: readonly Rule[],
  side: "old" | "new",
  pace: Pace,
): Promise<InvolvedRule[]> {
  const known = new Set<string>();
  for (const rule of others) {
    known.add(meaningOf(rule));
    const pause = pace.step();
    if (pause !== undefined) await pause;
  }
  const found: InvolvedRule[] = [];
  for (const rule of rules) {
    if (!known.has(meaningOf(rule))) found.push({ rule, side });
    const pause = pace.step();
    if (pause !== undefined) await pause;
  }
  return found;
}

/** What can part the topics of which a rule in question speaks. */
async function patternsFor(
  { reach, isShared, old, new: newer }: Comparison,
  tenant: string,
  { rules, inQuestion, pace }: { rules: readonly Rule[]; inQuestion: readonly Rule[]; pace: Pace },
): Promise<Set<string>> {
  if (reach === "everything") {
    const all = [old, newer].flatMap((side) => [...side.patternsIn(tenant)]);
    return new Set([...all, ...oddNames(tenant), wildcard, serverMade]);
  }
  const patterns = new Set(inQuestion.map(({ pattern }) => pattern));
  const prefixes = new Prefixes();
  for (const pattern of patterns) if (pattern.endsWith(wildcard)) prefixes.add(pattern);
  const parting = prefixes.isEmpty ? [] : [rules.map(({ pattern }) => pattern), isShared ? [] : oddNames(tenant)];
  for (const pattern of parting.flat()) {
    // Of what is covered by a name alone, no other rule need be known.
    if (prefixes.nextAround(pattern) !== undefined) patterns.add(pattern);
    const pause = pace.step();
    if (pause !== undefined) await pause;
  }
  return patterns;
}

interface Question {
  readonly region: Region;
  readonly witness: string;
  readonly action: Action;
}

/** Every region that one of the rules covers, with each action of such a rule; without rules, all regions and actions. */
function* questionsOn(roots: readonly Region[], rules: readonly Rule[] | undefined): Generator<Question> {
  const byPattern = new Map<string, Set<string>>();
  for (const { pattern, action } of rules ?? []) entry(byPattern, pattern, () => new Set<string>()).add(action);
  const everything: ReadonlySet<string> = new Set(rules === undefined ? [wildcard] : []);
  const pending = roots.map((region) => ({ region, around: everything }));
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { region, around } = next;
    const own = byPattern.get(region.pattern);
    const words = own === undefined ? around : new Set([...around, ...own]);
    for (const child of region.children) pending.push({ region: child, around: words });
    if (region.witness === undefined) continue;
    for (const action of words.has(wildcard) ? actions : words) {
      if (isAction(action)) yield { region, witness: region.witness, action };
    }
  }
}

/** Whether the rule's coming or going can have brought the change. */
function brings({ rule, side }: InvolvedRule, change: Effect["change"]): boolean {
  return (rule.effect === "allow") === ((side === "new") === (change === "gain"));
}

function fits(rule: Rule, topic: string, action: Action): boolean {
  return (rule.action === action || rule.action === wildcard) && topicMatch(topic, rule.pattern);
}

/** Collects what was found, and puts together what is the same for several actions. */
class Found {
  readonly #changed = { gain: new Map<Action, Set<Region>>(), lose: new Map<Action, Set<Region>>() };
  readonly #rules = {
    gain: new Map<Action, Map<Rule, InvolvedRule>>(),
    lose: new Map<Action, Map<Rule, InvolvedRule>>(),
  };

  add(change: Effect["change"], action: Action, region: Region, rules: readonly InvolvedRule[]): void {
    entry(this.#changed[change], action, () => new Set<Region>()).add(region);
    const known = entry(this.#rules[change], action, () => new Map<Rule, InvolvedRule>());
    for (const each of rules) known.set(each.rule, each);
  }

  effects(roots: readonly Region[]): Effect[] {
    return (["gain", "lose"] as const).flatMap((change) => {
      const byTopics = new Map<string, { actions: Action[]; topics: TopicRange[]; rules: Map<Rule, InvolvedRule> }>();
      for (const action of actions) {
        const regions = this.#changed[change].get(action);
        if (regions === undefined) continue;
        const topics = rangesOf(roots, (region) => regions.has(region));
        const known = entry(byTopics, JSON.stringify(topics), () => ({ actions: [], topics, rules: new Map() }));
        known.actions.push(action);
        for (const [rule, each] of this.#rules[change].get(action)!) known.rules.set(rule, each);
      }
      return [...byTopics.values()].map(({ rules, ...rest }) => ({ change, ...rest, rules: [...rules.values()] }));
    });
  }
}

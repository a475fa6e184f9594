import { isSystemName } from "../names.js";
import { Pace } from "./breathe.js";
import type { CompiledPolicy } from "./compiled-policy.js";
import type { Findings } from "./findings.js";
import type { PolicyRows, Rule } from "./policy-csv.js";

/** What the server lets others do with topics that it makes itself. */
const reading = new Set(["consume", "describe", "*"]);

/** In roles of subjects. Whoever has very many through very many ways would keep a reload waiting for hours. */
const maxEffort = 10_000_000;

/**
 * Warns of rules that never decide anything: what they allow is denied by another, or another one allows or denies it already,
 * or nobody can do it. Each of them can be taken out, and all of them together, without a difference.
 */
export async function warnOfIdleRules(rows: PolicyRows, policy: CompiledPolicy, findings: Findings): Promise<void> {
  const pace = new Pace();
  let effort = 0;
  for (const rule of rows.rules) {
    await pace.step();
    const subjects = policy.rolesOf(rule.subject, rule.tenant);
    effort += subjects.size;
    if (effort > maxEffort) {
      findings.warn(
        { line: rule.line, field: 0 },
        "there are too many roles to see which rules from here on decide nothing",
      );
      return;
    }
    const why = whyIdle(rule, subjects, policy);
    if (why !== undefined) findings.warn({ line: rule.line, field: 0 }, `this rule decides nothing: ${why}`);
    if (findings.hasAllWarnings) return;
  }
}

function whyIdle(rule: Rule, subjects: ReadonlySet<string>, policy: CompiledPolicy): string | undefined {
  if (isSystemName(rule.pattern) && !reading.has(rule.action)) {
    return `only reading can be opened of ${rule.pattern}, which the server makes`;
  }
  const other = policy.overruling(rule, subjects);
  if (other === undefined) return undefined;
  const does = other.effect === "deny" ? "denies" : "allows";
  return `line ${other.line} ${does} all of it${other.effect === rule.effect ? " already" : ""}: ${other.text}`;
}

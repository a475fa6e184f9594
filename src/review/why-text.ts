import { actionPhrases } from "../authz/index.js";
import { type FittingRule, wayInWords } from "./lines.js";
import { serversAloneInWords } from "./review-words.js";
import { isServersAlone } from "./server-made.js";
import type { Why } from "./why.js";

/**
 * For people: lines of text, the last one ended too. Names are all that is in it, so nothing needs escaping.
 * @param isAboutReader a server tells nobody about himself what would have to be otherwise, unless he administers the policy
 */
export function formatWhy(answer: Why, isAboutReader = false): string {
  const { question, decision, reason, rule, policyVersion } = answer;
  const isServersOwn = isServersAlone(question.action, question.topic);
  const may = decision === "deny" ? "may not" : isServersOwn ? "may, as far as rules go," : "may";
  const what = `${actionPhrases[question.action]} ${question.tenant}/${question.topic}`;
  const lines = [
    `${question.principal} ${may} ${what}: ${reason}.`,
    ...(rule === undefined ? [] : ["", ...rulesInLines([rule])]),
    ...(isServersOwn
      ? ["", serversAloneInWords(question.action)]
      : isAboutReader && isPart(answer)
        ? partInLines(answer)
        : [...othersInLines(answer), ...missesInLines(answer)]),
    "",
    `Policy version ${policyVersion}`,
  ];
  return lines.map((line) => `${line}\n`).join("");
}

/** Of a refusal nothing beside the decision: as much as a server tells him who was refused. */
function isPart({ decision, others, moreOthers, misses }: Why): boolean {
  return decision === "deny" && others.length + moreOthers + misses.length === 0;
}

function partInLines({ question }: Why): string[] {
  return ["", `What would have to be otherwise is told to whoever administers the policy of ${question.tenant}.`];
}

function othersInLines({ rule, others, moreOthers }: Why): string[] {
  const isDenied = rule?.effect === "deny";
  const allowing = others.filter(({ effect }) => effect === "allow");
  const denying = others.filter(({ effect }) => effect === "deny");
  const more = moreOthers === 0 ? [] : [`  and ${moreOthers} more rules that fit`];
  const overruled = isDenied ? "Overruled by that, since deny wins:" : "Also allowed by:";
  const nothing = ["", "Without that, no rule would allow it either."];
  return [
    ...(denying.length === 0 ? [] : ["", "Also denied by:", ...rulesInLines(denying)]),
    ...(allowing.length === 0 ? [] : ["", overruled, ...rulesInLines(allowing)]),
    ...(isDenied && allowing.length + moreOthers === 0 ? nothing : []),
    ...more,
  ];
}

function rulesInLines(rules: readonly FittingRule[]): string[] {
  return rules.flatMap((rule) => [`  ${rule.place}: ${rule.text}`, `    ${wayInWords(rule)}`]);
}

function missesInLines({ decision, rule, misses }: Why): string[] {
  if (decision === "allow" || rule !== undefined) return [];
  if (misses.length === 0) return ["", "No single change is near that would allow it."];
  const each = misses.flatMap(({ condition, rule: { place, text } }) => [`  ${condition}`, `    ${place}: ${text}`]);
  return ["", "It would be allowed if", ...each];
}

import { CasbinEnforcer } from "./enforcer.js";
import { type Findings, quote } from "./findings.js";
import { checkMatcher } from "./matcher.js";
import { conditionsOf } from "./matcher-conditions.js";
import { type Definitions, namesIn, type SectionName, sections } from "./model-definitions.js";

/**
 * The simple model: subject, object, action, as many of Casbin's examples have it. It knows no tenants, so a line speaks of
 * every tenant apart: a name is the principal of that name there, or a role, and what it may do it may do at home.
 */
export interface SimpleColumns {
  /** Whether `g` lines mean something. */
  readonly hasRoles: boolean;
  /** Whether `prefix*` is a pattern; `*` is every topic in any case. */
  readonly hasPatterns: boolean;
  /** Whether `*` is every action. */
  readonly hasAnyAction: boolean;
}

const threeColumns = "sub, obj, act";
const variables = ["r.sub", "r.obj", "r.act", "p.sub", "p.obj", "p.act"];

const expectedOf: Readonly<Partial<Record<SectionName, string>>> = {
  request_definition: threeColumns,
  policy_definition: threeColumns,
  role_definition: "_, _",
  // To the letter: Casbin compares this text and does not evaluate it.
  policy_effect: "some(where (p.eft == allow))",
};

/** What a matcher can ask of each of the three, as `conditionsOf` writes it, and as people do. */
const askable = {
  subject: [
    ["p.sub==r.sub", "r.sub == p.sub"],
    ["g(r.sub,p.sub)", "g(r.sub, p.sub)"],
  ],
  topic: [
    ["p.obj==r.obj", "r.obj == p.obj"],
    ['"*"==p.obj||p.obj==r.obj', '(r.obj == p.obj || p.obj == "*")'],
    ["topicMatch(r.obj,p.obj)", "topicMatch(r.obj, p.obj)"],
  ],
  action: [
    ["p.act==r.act", "r.act == p.act"],
    ['"*"==p.act||p.act==r.act', '(r.act == p.act || p.act == "*")'],
  ],
} as const;

/** Whether a model is meant to be the simple one: one of its two definitions says so, and the other does not say the opposite. */
export function isSimple(definitions: Definitions): boolean {
  const names = (["request_definition", "policy_definition"] as const).map((name) =>
    namesIn(definitions.get(name)?.value ?? ""),
  );
  return names.includes(threeColumns) && !names.some((value) => value.startsWith("sub, dom, obj, act"));
}

/** Checks such a model. What comes back holds for a model that was refused as well, as far as it can be told. */
export async function readSimpleModel(
  text: string,
  definitions: Definitions,
  findings: Findings,
): Promise<SimpleColumns> {
  const matcher = definitions.get("matchers");
  const conditions = new Set(conditionsOf((matcher?.value ?? "").replaceAll(" ", "")));
  const hasRoles = conditions.has(askable.subject[1][0]);
  for (const { name, key } of sections) {
    const [definition, expected] = [definitions.get(name), expectedOf[name]];
    if (definition === undefined) {
      if (name === "role_definition" && !hasRoles) continue;
      findings.error({}, `the section [${name}] with ${key} = ${expected ?? "…"} is missing`);
    } else if (expected !== undefined && (key === "e" ? definition.value : namesIn(definition.value)) !== expected) {
      findings.error(definition, `found ${quote(definition.value)}, expected ${key} = ${expected} in the simple model`);
    }
  }
  if (matcher !== undefined) {
    checkMatcher(matcher.value, matcher, findings, variables);
    if (findings.errors.length === 0) checkConditions(conditions, matcher, findings);
    const problem = findings.errors.length === 0 ? await tryOut(text) : undefined;
    if (problem !== undefined) findings.error(matcher, problem);
  }
  const isRefused = findings.errors.length > 0;
  return {
    hasRoles: isRefused || hasRoles,
    hasPatterns: isRefused || conditions.has(askable.topic[2][0]),
    hasAnyAction: isRefused || conditions.has(askable.action[1][0]),
  };
}

function checkConditions(
  conditions: ReadonlySet<string>,
  place: { readonly line: number; readonly column: number },
  findings: Findings,
): void {
  let known = 0;
  for (const [part, ways] of Object.entries(askable)) {
    const found = ways.filter(([condition]) => conditions.has(condition)).length;
    known += found;
    if (found === 1) continue;
    const expected = ways.map(([, text]) => text).join(" or ");
    findings.error(place, `this must ask about the ${part} in one of these ways: ${expected}`);
  }
  if (known < conditions.size && findings.errors.length === 0) {
    findings.error(
      place,
      "this asks for more than subject, topic and action; the simple model joins these three by &&",
    );
  }
}

const request = ["root", "topic-a", "produce"];

/** Lets Casbin run the model as it is on the smallest policies whose outcome is certain. Returns what is wrong with it. */
async function tryOut(model: string): Promise<string | undefined> {
  try {
    const casbin = await CasbinEnforcer.create(model, () => false);
    // Throws if access is allowed: there is no rule that could have done it.
    casbin.judge(request, []);
    if (!casbin.judge(request, [{ cells: request }]).allowed)
      return "this does not allow what a rule allows to the letter";
    for (const [index, part] of request.entries()) {
      const other = request.with(index, `${part}-b`);
      if (casbin.judge(other, [{ cells: request }]).allowed)
        return `this allows access without regard to ${quote(part)}`;
    }
    return undefined;
  } catch (error) {
    return `this cannot be used: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/**
 * The one file that knows Casbin. What is left out here is left out because it fails open, hangs or runs code: the cached
 * enforcer, loading in place, Casbin's CSV reader, its regular-expression matchers, and `eval` in a matcher.
 */
import { type Enforcer, newEnforcer, newModelFromString } from "casbin";
import { topicMatch } from "./topic-pattern.js";

interface HasCells {
  readonly cells: readonly string[];
}

/** One set of rules and roles, built once and never changed. */
export class CasbinEnforcer<Rule extends HasCells> {
  readonly #enforcer: Enforcer;
  readonly #ruleOf: ReadonlyMap<readonly string[], Rule>;

  private constructor(enforcer: Enforcer, ruleOf: ReadonlyMap<readonly string[], Rule>) {
    this.#enforcer = enforcer;
    this.#ruleOf = ruleOf;
  }

  /**
   * `roles` are member, role, tenant.
   * @throws Error, in Casbin's words, for a model that it does not understand
   */
  static async build<Rule extends HasCells>(
    model: string,
    rules: Iterable<Rule>,
    roles: Iterable<readonly string[]>,
  ): Promise<CasbinEnforcer<Rule>> {
    // The second argument keeps Casbin's own log off: it prints every request.
    const enforcer = await newEnforcer(newModelFromString(model), false);
    await enforcer.addFunction(topicMatch.name, topicMatch);
    const ruleOf = new Map<readonly string[], Rule>();
    const policy = definition(enforcer, "p");
    for (const rule of rules) {
      const cells = [...rule.cells];
      policy.push(cells);
      ruleOf.set(cells, rule);
    }
    const grouping = definition(enforcer, "g");
    for (const role of roles) grouping.push([...role]);
    await enforcer.buildRoleLinks();
    return new CasbinEnforcer(enforcer, ruleOf);
  }

  /**
   * The answer, and the rule that decided: the denying one, or an allowing one; undefined when none matched.
   * @throws Error when the matcher cannot be evaluated, or when access would be allowed without a rule
   */
  decide(subject: string, tenant: string, topic: string, action: string): { allowed: boolean; rule: Rule | undefined } {
    const [allowed, cells] = this.#enforcer.enforceExSync(subject, tenant, topic, action);
    const rule = this.#ruleOf.get(cells);
    if (allowed && rule === undefined) throw new Error("access was allowed without a rule");
    return { allowed, rule };
  }
}

function definition(enforcer: Enforcer, key: "p" | "g"): string[][] {
  const assertion = enforcer.getModel().model.get(key)?.get(key);
  if (assertion === undefined) throw new Error(`the model does not define ${key}`);
  return assertion.policy;
}

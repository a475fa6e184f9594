/**
 * The one file that knows Casbin. What is left out here is left out because it fails open, hangs or runs code: the cached
 * enforcer, loading in place, Casbin's CSV reader, its regular-expression matchers, and `eval` in a matcher.
 */
import { DefaultRoleManager, type Enforcer, newEnforcer, newModelFromString } from "casbin";
import { topicMatch } from "./topic-pattern.js";

interface HasCells {
  readonly cells: readonly string[];
}

/** Whether a name, a principal's or a role's, has a role in a tenant. */
type HasRole = (name: string, role: string, tenant: string) => boolean;

/** One model, asked about one request and the rules that go with it at a time. */
export class CasbinEnforcer {
  readonly #enforcer: Enforcer;
  /** Where Casbin reads the rules. */
  readonly #policy: { policy: string[][] };

  private constructor(enforcer: Enforcer) {
    this.#enforcer = enforcer;
    const definition = enforcer.getModel().model.get("p")?.get("p");
    if (definition === undefined) throw new Error("the model does not define p");
    this.#policy = definition;
  }

  /**
   * @param hasRole stands in for Casbin's own tables of roles: these take the square of a name's roles to build, and
   *   look at every way from a principal to a role, of which there can be more than can be counted
   * @throws Error, in Casbin's words, for a model that it does not understand
   */
  static async create(model: string, hasRole: HasRole): Promise<CasbinEnforcer> {
    // The second argument keeps Casbin's own log off: it prints every request.
    const enforcer = await newEnforcer(newModelFromString(model), false);
    await enforcer.addFunction(topicMatch.name, topicMatch);
    enforcer.setRoleManager(new Roles(hasRole));
    await enforcer.buildRoleLinks();
    return new CasbinEnforcer(enforcer);
  }

  /**
   * The answer, and the rule that decided: the first that denies, or the last that allows; undefined when none matched.
   * @throws Error when the matcher cannot be evaluated, or when access would be allowed without a rule
   */
  decide<Rule extends HasCells>(
    subject: string,
    tenant: string,
    topic: string,
    action: string,
    rules: readonly Rule[],
  ): { allowed: boolean; rule: Rule | undefined } {
    return this.judge([subject, tenant, topic, action], rules);
  }

  /** The same for a request as the model defines it, whatever its parts. */
  judge<Rule extends HasCells>(
    request: readonly string[],
    rules: readonly Rule[],
  ): { allowed: boolean; rule: Rule | undefined } {
    // Casbin reads the cells and keeps nothing of them.
    this.#policy.policy = rules.map(({ cells }) => cells as string[]);
    const [allowed, cells] = this.#enforcer.enforceExSync(...request);
    const rule = rules.find((candidate) => candidate.cells === cells);
    if (allowed && rule === undefined) throw new Error("access was allowed without a rule");
    return { allowed, rule };
  }
}

class Roles extends DefaultRoleManager {
  readonly #hasRole: HasRole;

  constructor(hasRole: HasRole) {
    super(0);
    this.#hasRole = hasRole;
  }

  override syncedHasLink(name: string, role: string, ...tenant: string[]): boolean {
    return name === role || (tenant.length === 1 && this.#hasRole(name, role, tenant[0]!));
  }
}

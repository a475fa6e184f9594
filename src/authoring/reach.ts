import {
  coversPattern,
  type Effect,
  entry,
  type LoadedPolicy,
  type Rule,
  topicMatch,
  wildcard,
} from "../authz/index.js";
import { systemTenant } from "../names.js";
import { Cover } from "./cover.js";

/** What a rule is about, whoever wrote it. */
export type About = Pick<Rule, "subject" | "tenant" | "pattern" | "action">;

/** What the rules of a policy have to do with what somebody asks for. */
export class Reach {
  readonly #policy: LoadedPolicy;
  readonly #somewhere = new Map<string, ReadonlySet<string>>();
  /** Tenants, by whoever has the role and the role. */
  readonly #reached = new Map<string, readonly string[]>();

  constructor(policy: LoadedPolicy) {
    this.#policy = policy;
  }

  /** The rules of this effect that speak of all of it, in the order of the file. */
  covering(asked: About, effect: Effect): Rule[] {
    const subjects = this.#policy.compiled.rolesOf(asked.subject, asked.tenant);
    return this.#rules(effect).filter(
      (rule) =>
        subjects.has(rule.subject) &&
        (rule.tenant === asked.tenant || (rule.tenant === wildcard && asked.tenant !== systemTenant)) &&
        coversPattern(rule.pattern, asked.pattern) &&
        (rule.action === asked.action || rule.action === wildcard),
    );
  }

  /** The rules of this effect that speak of some of it, or of all. */
  touching(asked: About, effect: Effect): Rule[] {
    return this.#rules(effect).filter((rule) => this.common(rule, asked) !== undefined);
  }

  /** The allowing rules through which some of it holds: those that no deny rule makes void. */
  holding(asked: About): Rule[] {
    const denied = new Cover(this.touching(asked, "deny"));
    const { compiled } = this.#policy;
    return this.touching(asked, "allow").filter((rule) => {
      const common = this.common(rule, asked)!;
      return this.#tenantsOf(rule, common).some(
        (tenant) => !denied.has(compiled.rolesOf(common.subject, tenant), { ...common, tenant }),
      );
    });
  }

  /** Where a rule reaches the one who asks: roles are held in some tenants only, and denied in others. */
  #tenantsOf({ subject }: Rule, common: About): readonly string[] {
    if (common.tenant !== wildcard) return [common.tenant];
    const { compiled } = this.#policy;
    return entry(this.#reached, `${common.subject} ${subject}`, () =>
      compiled.tenants.filter((tenant) => compiled.rolesOf(common.subject, tenant).has(subject)),
    );
  }

  #rules(effect: Effect): Rule[] {
    return this.#policy.rows.rules.filter((rule) => rule.effect === effect);
  }

  /** What a rule says of what is asked; undefined if nothing. */
  common(rule: Rule, { subject, tenant, pattern, action }: About): About | undefined {
    const [tenants, patterns] = [narrower(rule.tenant, tenant), narrowerPattern(rule.pattern, pattern)];
    const actions = narrower(rule.action, action);
    if (tenants === undefined || patterns === undefined || actions === undefined) return undefined;
    // A wildcard is no way into the platform's own tenant.
    if (tenants === systemTenant && (rule.tenant === wildcard || tenant === wildcard)) return undefined;
    if (!this.#subjects(subject, tenants).has(rule.subject)) return undefined;
    return { subject, tenant: tenants, pattern: patterns, action: actions };
  }

  /** The name and its roles in the tenant, or for `*` in any. */
  #subjects(subject: string, tenant: string): ReadonlySet<string> {
    const { compiled } = this.#policy;
    if (tenant !== wildcard) return compiled.rolesOf(subject, tenant);
    const known = this.#somewhere.get(subject);
    if (known !== undefined) return known;
    const all = new Set(compiled.tenants.flatMap((each) => [...compiled.rolesOf(subject, each)]));
    this.#somewhere.set(subject, all);
    return all;
  }
}

function narrower(one: string, other: string): string | undefined {
  if (one === other || other === wildcard) return one;
  return one === wildcard ? other : undefined;
}

function narrowerPattern(one: string, other: string): string | undefined {
  if (coversPattern(other, one) || topicMatch(one, other)) return one;
  return coversPattern(one, other) || topicMatch(other, one) ? other : undefined;
}

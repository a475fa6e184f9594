import { parsePrincipal, systemTenant } from "../names.js";
import { type Action, actions, type Effect, type LoadedPolicy, Pace, type Rule, wildcard } from "../authz/index.js";
import { Concerned, type Pass } from "./concerned.js";
import { evaluateInSlices } from "./deciding.js";
import { type KnownTopic, KnownTopics, type OwnedTopic } from "./known-topics.js";
import { type FittingRule } from "./lines.js";
import { sortedBy } from "./paced-sort.js";
import { RoleWays } from "./role-ways.js";
import { isServersAlone } from "./server-made.js";
import { TopicsWithin } from "./topics-within.js";

/** What somebody may do; or may not, although a rule allows it, because another denies it. */
export interface Permission {
  readonly principal: string;
  /** Whose topic it is. */
  readonly tenant: string;
  /** A name; or `orders.*`: all that begin so and are neither known nor covered by a longer pattern. */
  readonly topic: string;
  readonly action: Action;
  readonly decision: Effect;
  /** The rule that decided. */
  readonly rule: FittingRule;
  /** Of a denial: the rule that would allow it but for that. */
  readonly overruled?: FittingRule;
}

/** Whom and what a review is about. What is left out is everybody and everything. */
export interface ReviewScope {
  readonly principal?: string;
  readonly action?: Action;
  /** Only topics of this one; then there is no word of others. Declared, or `_system`. */
  readonly tenant?: string;
  /** A name, or `prefix*`; together with `tenant`. */
  readonly topic?: string;
}

/** Effective permissions. Plain data. */
export interface Review {
  readonly policyVersion: string;
  readonly scope: ReviewScope;
  /** By tenant, principal, topic and action. Whoever is in none of them may do nothing. */
  readonly permissions: readonly Permission[];
  /** There if this is not all: there were more than asked for, or more to look at than can be in a bounded time. */
  readonly cutOff?: "permissions" | "work";
  /** Tenants whose principals are left out, since none of them gets in, whatever rules allow them. Not there if there is none. */
  readonly suspended?: readonly string[];
  /** There if neither a rule nor a row of the matrix names the scope's topic, and no such topic is known to exist. */
  readonly unnamed?: UnnamedTopic;
}

/** A topic or a pattern that stands nowhere, and may be mistyped. */
export interface UnnamedTopic {
  /** One that does stand somewhere, and has nearly the same name. */
  readonly similar?: string;
}

export interface ReviewOptions {
  /** Topics that there are beside those that the files name. */
  readonly existing?: Iterable<OwnedTopic>;
  /** The review ends there, and says so. */
  readonly maxPermissions?: number;
  /** Told now and then how many of how many pairs of tenant and principal are done. */
  readonly onProgress?: (done: number, of: number) => void;
  readonly signal?: AbortSignal | undefined;
}

export const defaultMaxPermissions = 10_000;

/** In rules that are weighed: some seconds. A decision takes as long as so few, where an index finds its rules. */
const maxWork = 1_000_000;
const indexedDecision = 2;

/**
 * Asks the policy about everybody and everything within the scope; each decision is Casbin's.
 * @throws Error when the matcher cannot be evaluated; the signal's reason when that is aborted
 */
export async function reviewPermissions(
  policy: LoadedPolicy,
  scope: ReviewScope,
  options: ReviewOptions = {},
): Promise<Review> {
  const permissions: Permission[] = [];
  const { maxPermissions = defaultMaxPermissions } = options;
  const pace = new Pace(options.signal);
  const [concerned, ways] = [await Concerned.of(policy, pace), await RoleWays.of(policy, pace)];
  const walk = new Walk(policy, scope, { concerned, ways, pace });
  const known = await KnownTopics.of(policy, options.existing, pace);
  const policyVersion = policy.compiled.version;
  // With a matcher that no index serves everything is asked, and what is plain to see first, lest the time be up before.
  const passes = policy.compiled.isIndexable ? (["plain"] as const) : (["plain", "other"] as const);
  let isFull = false;
  for (const pass of passes) {
    for await (const permission of walk.permissions(pass, known, options.onProgress)) {
      isFull = permissions.length === maxPermissions;
      if (isFull) break;
      permissions.push(permission);
    }
    if (isFull) break;
  }
  const sorted = passes.length === 1 ? permissions : await sortedBy(permissions, inReadingOrder);
  const cutOff = isFull ? "permissions" : walk.isOverdone ? "work" : undefined;
  const unnamed = await unnamedTopic(scope, known);
  const suspended = [...walk.suspended].sort();
  return {
    policyVersion,
    scope,
    permissions: sorted,
    ...(cutOff && { cutOff }),
    ...(suspended.length > 0 && { suspended }),
    ...(unnamed && { unnamed }),
  };
}

async function unnamedTopic({ tenant, topic }: ReviewScope, known: KnownTopics): Promise<UnnamedTopic | undefined> {
  if (tenant === undefined || topic === undefined || topic === wildcard) return undefined;
  if (await known.has(tenant, topic)) return undefined;
  const similar = await known.mostAlike(tenant, topic);
  return similar === undefined ? {} : { similar };
}

/** As one pass gives them. */
function inReadingOrder({ tenant, principal, topic, action }: Permission): string {
  // No name has a space in it, and only a pattern ends with a star.
  const place = [tenant === systemTenant ? "~" : tenant, principal, topic.replace("*", "~")];
  return `${place.join(" ")} ${actions.indexOf(action)}`;
}

class Walk {
  /** Tenants of which somebody was left out for it. */
  readonly suspended = new Set<string>();
  readonly #policy: LoadedPolicy;
  readonly #scope: ReviewScope;
  readonly #concerned: Concerned;
  readonly #ways: RoleWays;
  readonly #pace: Pace;
  #work = 0;

  constructor(
    policy: LoadedPolicy,
    scope: ReviewScope,
    { concerned, ways, pace }: { readonly concerned: Concerned; readonly ways: RoleWays; readonly pace: Pace },
  ) {
    this.#pace = pace;
    this.#policy = policy;
    this.#scope = scope;
    this.#concerned = concerned;
    this.#ways = ways;
  }

  /** Whether there was more to do than is done at once. */
  get isOverdone(): boolean {
    return this.#work > maxWork;
  }

  async *permissions(
    pass: Pass,
    known: KnownTopics,
    onProgress: ReviewOptions["onProgress"],
  ): AsyncGenerator<Permission> {
    const { principal: one, tenant: only } = this.#scope;
    const tenants = only === undefined ? [...this.#policy.compiled.tenants, systemTenant] : [only];
    const of = tenants.reduce(
      (sum, tenant) => sum + (one === undefined ? this.#concerned.principalCount(tenant, pass) : 1),
      0,
    );
    let done = 0;
    for (const tenant of tenants) {
      // Of many tenants most do not concern somebody, so their topics are looked at only where it is worth it.
      let topics: TopicsWithin | undefined;
      for (const principal of one === undefined ? await this.#concerned.principals(tenant, pass) : [one]) {
        if (this.isOverdone) return;
        await this.#breathe(1);
        onProgress?.(done++, of);
        const possible = this.#possibleActions(principal, tenant);
        if (possible.length === 0 || this.#isSuspended(principal)) continue;
        topics ??= await this.#topicsWithin(tenant, known);
        yield* this.#ofPrincipal(principal, tenant, topics, possible, pass);
      }
    }
  }

  async *#ofPrincipal(
    principal: string,
    tenant: string,
    topics: TopicsWithin,
    possible: readonly Action[],
    pass: Pass,
  ): AsyncGenerator<Permission> {
    const { isIndexable } = this.#policy.compiled;
    const subjects = this.#ways.rolesOf(principal, tenant);
    const plain = topics.coveredBy(this.#concerned.allowedPatterns(subjects, tenant));
    const within = pass === "plain" ? plain : topics.allBut(plain);
    for (const topic of within) {
      for (const action of possible.filter((each) => !isServersAlone(each, topic.name))) {
        if (this.isOverdone) return;
        await this.#breathe(isIndexable ? indexedDecision : this.#concerned.rulesOf(tenant));
        const permission = await this.#permission(principal, action, tenant, topic);
        if (permission !== undefined) yield permission;
      }
    }
  }

  async #permission(
    principal: string,
    action: Action,
    tenant: string,
    { name, asked }: KnownTopic,
  ): Promise<Permission | undefined> {
    const { compiled } = this.#policy;
    const question = { principal, action, tenant, topic: asked };
    // Where few rules fit, waiting would take longer than deciding.
    const { allowed, rule } = compiled.isIndexable
      ? compiled.evaluate(principal, action, tenant, asked)
      : await evaluateInSlices(this.#policy, question, this.#pace);
    if (rule === undefined) return undefined;
    const fitting = (each: Rule): FittingRule => this.#ways.fitting(each, principal, tenant);
    const permission = { principal, tenant, topic: name, action, rule: fitting(rule) };
    if (allowed) return { ...permission, decision: "allow" };
    const allowing = compiled.candidates(principal, action, tenant, asked).filter(({ effect }) => effect === "allow");
    const overruled = (await evaluateInSlices(this.#policy, question, this.#pace, { rules: allowing })).rule;
    return overruled && { ...permission, decision: "deny", overruled: fitting(overruled) };
  }

  #isSuspended(principal: string): boolean {
    const home = parsePrincipal(principal)?.tenant;
    if (home === undefined || this.#policy.compiled.standingOf(home)?.isSuspended !== true) return false;
    this.suspended.add(home);
    return true;
  }

  #possibleActions(principal: string, tenant: string): readonly Action[] {
    const { action: only } = this.#scope;
    const caller = parsePrincipal(principal);
    if (caller === undefined) return [];
    return actions.filter(
      (action) =>
        (only === undefined || action === only) &&
        this.#policy.compiled.permitsSome({ principal: caller, action, tenant }),
    );
  }

  async #topicsWithin(tenant: string, known: KnownTopics): Promise<TopicsWithin> {
    const { topic } = this.#scope;
    this.#work += this.#concerned.rulesOf(tenant);
    return new TopicsWithin(topic === undefined ? await known.in(tenant) : await known.one(tenant, topic));
  }

  async #breathe(work: number): Promise<void> {
    this.#work += work;
    await this.#pace.step();
  }
}

import { parsePrincipal, systemTenant } from "../names.js";
import {
  columnsFor,
  type Decision,
  isAction,
  isRole,
  type LoadedPolicy,
  nameAsWritten,
  type Pace,
  principalNamed,
  Rule,
  topicMatch,
  wildcard,
} from "../authz/index.js";
import { evaluateInSlices } from "./deciding.js";
import { ruleLine } from "./lines.js";
import type { MissKind, NearMiss } from "./near-misses.js";
import { Nearest, type Ranked } from "./nearest.js";
import type { RoleWays } from "./role-ways.js";
import { oddNames, witnessOf } from "./topic-regions.js";
import { typosBetween } from "./typos.js";
import type { Question } from "./why.js";

/** What looks as if it would be allowed, until the policy is asked. */
interface Candidate extends Ranked {
  readonly kind: MissKind;
  /** Undefined if it would not be allowed after all. */
  readonly verify: () => Verified | Promise<Verified>;
}
type Verified = Omit<NearMiss, "kind"> | undefined;

/** So many of a kind are put to the policy: not each that looks near is allowed. */
const maxTried = 12;

/** Nearest is what may be mistyped, then what the principal has elsewhere, then what would have to be given or changed. */
const distances = { mistyped: 0, heldElsewhere: 20, role: 30, action: 40, topic: 50, tenant: 60, rule: 70 } as const;

/** Finds what could be the nearest misses by plain comparison, one thing of the question being otherwise each time. */
export class MissSearch {
  readonly #policy: LoadedPolicy;
  readonly #question: Question;
  readonly #ways: RoleWays;
  readonly #isWithinTenant: boolean;
  readonly #pace: Pace;
  /** Of the principal. */
  readonly #home: string;
  readonly #found = new Map<MissKind, Nearest<Candidate>>();

  constructor(
    policy: LoadedPolicy,
    question: Question,
    ways: RoleWays,
    { isWithinTenant, pace }: { readonly isWithinTenant: boolean; readonly pace: Pace },
  ) {
    this.#pace = pace;
    this.#policy = policy;
    this.#question = question;
    this.#ways = ways;
    this.#isWithinTenant = isWithinTenant;
    this.#home = parsePrincipal(question.principal)!.tenant;
  }

  get #isSimple(): boolean {
    return this.#policy.simple !== undefined;
  }

  /** The nearest first. */
  async candidates(): Promise<readonly Candidate[]> {
    const { tenant } = this.#question;
    const { compiled } = this.#policy;
    // Nothing that is given to them would let principals of a tenant in that is not declared.
    const isStranger = !this.#isWithinTenant && !compiled.isDeclaredTenant(this.#home);
    if (this.#isSimple && tenant !== this.#home) {
      if (!this.#isWithinTenant && !isStranger) this.#lookAtHome();
    } else if (tenant === systemTenant || compiled.isDeclaredTenant(tenant)) {
      await this.#lookAtPrincipals();
      if (!isStranger) await this.#lookAtRules();
    } else if (!this.#isWithinTenant && !isStranger) {
      this.#lookAtTenants();
    }
    const found = [...this.#found.values()].flatMap(({ items }) => items);
    return found.toSorted((one, other) => one.distance - other.distance);
  }

  #add(kind: MissKind, distance: number, line: number, verify: Candidate["verify"]): void {
    const ofKind = this.#found.get(kind) ?? new Nearest<Candidate>(maxTried);
    this.#found.set(kind, ofKind);
    ofKind.add({ kind, distance, line, verify });
  }

  /** The simple model opens nothing elsewhere, whatever line there were. */
  #lookAtHome(): void {
    const tenant = this.#home;
    this.#add("tenant", distances.tenant, 0, () => this.#ask({ tenant }, `the tenant were ${tenant}`));
  }

  /** For a tenant that is not declared: those whose names are much like it. */
  #lookAtTenants(): void {
    const { tenant } = this.#question;
    for (const declared of this.#policy.compiled.tenants) {
      const typos = typosBetween(tenant, declared);
      if (typos === undefined) continue;
      this.#add("tenant", distances.mistyped + typos, 0, () =>
        this.#ask({ tenant: declared }, `the tenant were ${declared}`),
      );
    }
  }

  /** For a principal that no line names: those whose names are much like it. */
  async #lookAtPrincipals(): Promise<void> {
    const { principal } = this.#question;
    const similar = new Map<string, number>();
    for (const name of this.#principals()) {
      if (name === principal) return;
      await this.#pace.step();
      const typos = similar.has(name) ? undefined : typosBetween(principal, name);
      if (typos !== undefined) similar.set(name, typos);
    }
    const where = this.#isWithinTenant && !this.#isSimple ? `for ${this.#question.tenant} ` : "";
    const unnamed = `no line ${where}names ${this.#isSimple ? nameIn(principal) : principal}`;
    for (const [name, typos] of similar) {
      this.#add("principal", distances.mistyped + typos, 0, () =>
        this.#ask({ principal: name }, `the principal were ${name} (${unnamed})`),
      );
    }
  }

  *#principals(): Generator<string> {
    const { rows, matrix } = this.#policy;
    const columns = columnsFor(this.#question.tenant);
    const isTold = (tenant: string): boolean => !this.#isWithinTenant || columns.includes(tenant);
    for (const { member, tenant } of rows.assignments) if (isTold(tenant)) yield* this.#named(member);
    for (const { subject, tenant } of rows.rules) if (isTold(tenant)) yield* this.#named(subject);
    for (const { principal, tenant } of matrix) if (isTold(tenant)) yield principal;
  }

  *#named(name: string): Generator<string> {
    const principal = principalNamed(name, this.#home, this.#policy);
    if (principal !== undefined) yield principal;
  }

  /** Rules that allow, and of which exactly one column does not fit. */
  async #lookAtRules(): Promise<void> {
    const { principal, action, tenant, topic } = this.#question;
    const columns = columnsFor(tenant);
    const subjects = new Set(this.#ways.rolesOf(principal, tenant));
    const elsewhere = await this.#rolesElsewhere();
    for (const rule of this.#policy.rows.rules) {
      await this.#pace.step();
      if (rule.effect !== "allow") continue;
      const isOfAction = rule.action === action || rule.action === wildcard;
      const isOfTopic = topicMatch(topic, rule.pattern);
      const isOfSubject = subjects.has(rule.subject);
      if (!columns.includes(rule.tenant)) {
        if (isOfAction && isOfTopic && !this.#isWithinTenant) this.#addOtherTenant(rule, isOfSubject);
      } else if (isOfTopic && isOfSubject) this.#addOtherAction(rule);
      else if (isOfAction && isOfSubject) this.#addOtherTopic(rule);
      else if (isOfAction && isOfTopic && this.#canBeGiven(rule.subject))
        this.#addRole(rule, elsewhere.get(rule.subject));
    }
  }

  /** What the principal has in other tenants, and the first of them by name. */
  async #rolesElsewhere(): Promise<ReadonlyMap<string, string>> {
    const elsewhere = new Map<string, string>();
    if (this.#isWithinTenant || this.#isSimple) return elsewhere;
    for (const tenant of [...this.#policy.compiled.tenants, systemTenant]) {
      await this.#pace.step();
      for (const role of this.#ways.rolesOf(this.#question.principal, tenant)) {
        if (!elsewhere.has(role)) elsewhere.set(role, tenant);
      }
    }
    return elsewhere;
  }

  #addOtherTenant(rule: Rule, isOfSubject: boolean): void {
    const { principal, tenant } = this.#question;
    if (rule.tenant !== wildcard && this.#ways.has(principal, rule.subject, rule.tenant)) {
      this.#add("tenant", distances.tenant, rule.line, () =>
        this.#ask({ tenant: rule.tenant }, `the tenant were ${rule.tenant}`),
      );
    }
    if (!isOfSubject) return;
    const also = rule.tenant === wildcard ? `; ${wildcard} is never ${systemTenant}` : "";
    const condition = `line ${rule.line} were for ${tenant}, not for ${rule.tenant}${also}`;
    this.#add("rule", distances.rule, rule.line, () => this.#askWith(rule.cells.with(1, tenant), rule, condition));
  }

  #addOtherAction(rule: Rule): void {
    const { action } = rule;
    if (!isAction(action)) return;
    this.#add("action", distances.action, rule.line, () => this.#ask({ action }, `the action were ${action}`));
  }

  #addOtherTopic(rule: Rule): void {
    const { topic } = this.#question;
    const prefix = rule.pattern.endsWith(wildcard) ? rule.pattern.slice(0, -1) : undefined;
    if (prefix === undefined) {
      const typos = typosBetween(topic, rule.pattern);
      const distance = typos === undefined ? distances.topic : distances.mistyped + typos;
      this.#add("topic", distance, rule.line, () =>
        this.#ask({ topic: rule.pattern }, `the topic were ${rule.pattern}`),
      );
    } else if (topicMatch(topic, `${topic.slice(0, prefix.length)}${wildcard}`)) {
      const typos = typosBetween(topic.slice(0, prefix.length), prefix);
      const distance = typos === undefined ? distances.topic : distances.mistyped + typos;
      this.#add("topic", distance, rule.line, () => this.#askUnder(prefix));
    } else {
      const condition = `line ${rule.line} named ${topic}: no pattern covers a name that begins with _`;
      this.#add("rule", distances.rule, rule.line, () => this.#askWith(rule.cells.with(2, topic), rule, condition));
    }
  }

  /** Whether there can be a `g` line that gives this. */
  #canBeGiven(subject: string): boolean {
    return isRole(subject) && this.#policy.simple?.hasRoles !== false;
  }

  #addRole(rule: Rule, elsewhere: string | undefined): void {
    const { principal, tenant } = this.#question;
    // A role that opens everything is seldom the one that is missing.
    const breadth = rule.cells.filter((cell) => cell.endsWith(wildcard)).length;
    const distance = (elsewhere === undefined ? distances.role : distances.heldElsewhere) + breadth;
    const note = elsewhere === undefined ? "" : ` (it has that role in ${elsewhere})`;
    const role = nameAsWritten(rule.subject, this.#policy);
    const condition = this.#isSimple
      ? `${nameIn(principal)} had ${role}`
      : `${principal} had ${role} in ${tenant}${note}`;
    this.#add("role", distance, rule.line, async () => {
      const supposed = { role: rule.subject };
      return this.#verified(await evaluateInSlices(this.#policy, this.#question, this.#pace, supposed), condition);
    });
  }

  /** The question with something else in it. */
  async #ask(instead: Partial<Question>, condition: string): Promise<Verified> {
    return this.#verified(
      await evaluateInSlices(this.#policy, { ...this.#question, ...instead }, this.#pace),
      condition,
    );
  }

  /** The same question, with other cells in a line: no rule speaks of it yet, so what this one says is what would be. */
  #askWith(cells: readonly string[], rule: Rule, condition: string): Verified {
    const { principal, action, tenant, topic } = this.#question;
    const altered = new Rule("", rule.line, cells);
    const { allowed } = this.#policy.compiled.evaluateBy([altered], principal, action, tenant, topic);
    return allowed ? { condition, rule: ruleLine(this.#policy, rule) } : undefined;
  }

  #verified({ allowed, rule }: Decision, condition: string): Verified {
    return allowed && rule !== undefined ? { condition, rule: ruleLine(this.#policy, rule) } : undefined;
  }

  /** About a name that the prefix covers and nobody speaks of. */
  async #askUnder(prefix: string): Promise<Verified> {
    const { tenant } = this.#question;
    const taken = new Set(oddNames(tenant));
    for (const pattern of this.#policy.compiled.patternsOf(tenant)) {
      taken.add(pattern);
      await this.#pace.step();
    }
    const topic = witnessOf(`${prefix}${wildcard}`, taken);
    return topic === undefined ? undefined : this.#ask({ topic }, `the topic's name began with ${prefix}`);
  }
}

/** What the simple model knows of a principal. */
function nameIn(principal: string): string {
  return parsePrincipal(principal)!.name;
}

import { isPrincipalName, isTenantName, type Principal } from "../names.js";
import { alternativeKinds, partsOf } from "./alternative-name.js";
import type { CertificateFacts } from "./certificate.js";
import { IdentityRefused } from "./identity.js";
import type { Reading } from "./reading.js";
import { counted, shown } from "./shown.js";
import { type AttributeName, Attributes } from "./subject.js";
import type { Placeholder, Template } from "./template.js";

/** Where a tenant or a name is taken from. */
export type NameSource =
  /** One attribute of the subject: its value, or, with a map, what its value stands for there. */
  | { readonly from: "O" | "OU" | "CN"; readonly map?: ReadonlyMap<string, string> }
  /** One alternative name of the template's kind. */
  | { readonly template: Template }
  /** The same for every certificate that the rule applies to. */
  | { readonly fixed: string };

/** Which certificates a rule speaks of; all that is said must hold. */
export interface RuleConditions {
  /** SHA-256 of authorities, as `AB:CD:…`: one of them is in the chain. */
  readonly authorities?: readonly string[];
  /** Values in the certificate's issuer, each the only one under its attribute. */
  readonly issuer?: ReadonlyMap<AttributeName, string>;
}

export interface IdentityRule {
  /** For logs; no other rule has it. Where the file says none: which one it is, from 1. */
  readonly id: string;
  readonly when?: RuleConditions;
  readonly tenant: NameSource;
  readonly name: NameSource;
}

/** Who somebody is, and which rule says so. */
export interface Named {
  readonly principal: Principal;
  readonly rule: string;
}

/** What one rule says of a certificate. */
export interface RuleStep {
  /** Its id. */
  readonly rule: string;
  readonly outcome: "ok" | "refused" | "does not apply" | "not asked";
  /** On one line, in ASCII. */
  readonly detail: string;
}

const builtIn: IdentityRule = { id: "default", tenant: { from: "O" }, name: { from: "CN" } };

/**
 * Which principal a certificate makes. The first rule that applies decides: the one whose conditions hold, and of which
 * the certificate has at least one value of every kind that it reads. Then there is exactly one value of each kind, as it
 * should be and a valid name, or the certificate is nobody's: no later rule is asked.
 */
export class IdentityRules {
  /** Tenant from O, name from CN. */
  static readonly builtIn = new IdentityRules([builtIn]);

  readonly rules: readonly IdentityRule[];

  constructor(rules: readonly IdentityRule[]) {
    this.rules = rules;
  }

  /**
   * @param authorities SHA-256 of every certificate above this one in the chain that was verified, as `AB:CD:…`
   * @returns with a frozen principal
   * @throws IdentityRefused ("no_name")
   */
  evaluate(facts: CertificateFacts, authorities: readonly string[]): Named {
    const evidence = new Evidence(facts, authorities);
    for (const rule of this.rules) {
      if (evidence.whyNot(rule) === undefined) return named(rule, evidence.decide(rule));
    }
    throw this.#refusal(evidence);
  }

  /** The same in words: what each rule says. Never throws. */
  explain(facts: CertificateFacts, authorities: readonly string[]): readonly RuleStep[] {
    const evidence = new Evidence(facts, authorities);
    let isDecided = false;
    return this.rules.map((rule): RuleStep => {
      if (isDecided) return { rule: rule.id, outcome: "not asked", detail: "an earlier rule decides" };
      const whyNot = evidence.whyNot(rule);
      if (whyNot !== undefined) return { rule: rule.id, outcome: "does not apply", detail: whyNot };
      isDecided = true;
      const decision = evidence.decide(rule);
      return "problem" in decision
        ? { rule: rule.id, outcome: "refused", detail: decision.problem }
        : { rule: rule.id, outcome: "ok", detail: inWords(rule, decision) };
    });
  }

  #refusal(evidence: Evidence): IdentityRefused {
    const reasons = this.rules.map((rule) => prefixed(rule, evidence.whyNot(rule) ?? ""));
    const more = reasons.length > maxReasons ? `; ${reasons.length - maxReasons} more` : "";
    const each = reasons.slice(0, maxReasons).join("; ");
    return new IdentityRefused("no_name", reasons.length === 1 ? each : `no rule applies: ${each}${more}`);
  }
}

/** Of rules that do not apply, in one message. */
const maxReasons = 8;

function named(rule: IdentityRule, decision: Decision): Named {
  if ("problem" in decision) throw new IdentityRefused("no_name", prefixed(rule, decision.problem));
  return { principal: Object.freeze({ tenant: decision.tenant, name: decision.name }), rule: rule.id };
}

function prefixed(rule: IdentityRule, problem: string): string {
  return rule === builtIn ? problem : `rule ${rule.id}: ${problem}`;
}

type Decision = { readonly tenant: string; readonly name: string } | { readonly problem: string };

/** What is known about one certificate. */
class Evidence {
  readonly #facts: CertificateFacts;
  readonly #authorities: readonly string[];
  readonly #subject: Attributes;
  #issuer: Attributes | undefined;

  constructor(facts: CertificateFacts, authorities: readonly string[]) {
    this.#facts = facts;
    this.#authorities = authorities;
    this.#subject = new Attributes(facts.subject);
  }

  /** Why a rule does not apply; undefined when it does. */
  whyNot({ when, tenant, name }: IdentityRule): string | undefined {
    const { authorities, issuer } = when ?? {};
    if (authorities?.every((one) => !this.#authorities.includes(one)) === true) {
      return "none of its authorities is in the chain";
    }
    for (const [attribute, value] of issuer ?? []) {
      this.#issuer ??= new Attributes(this.#facts.issuer);
      const found = this.#issuer.textOf(attribute);
      if (!("value" in found && found.value === value)) return `the issuer's ${attribute} is not ${shownText(value)}`;
    }
    return this.#missing(tenant) ?? this.#missing(name);
  }

  decide({ tenant, name }: IdentityRule): Decision {
    const readTenant = this.#read("tenant", tenant);
    if ("problem" in readTenant) return readTenant;
    const readName = this.#read("name", name);
    return "problem" in readName ? readName : { tenant: readTenant.value, name: readName.value };
  }

  #missing(source: NameSource): string | undefined {
    if ("fixed" in source) return undefined;
    if ("from" in source) return this.#subject.has(source.from) ? undefined : `the subject has no ${source.from} value`;
    const { kind } = source.template;
    return this.#valuesOf(source.template).length > 0
      ? undefined
      : `the certificate has ${counted(0, alternativeKinds[kind].label)}`;
  }

  #read(what: Placeholder, source: NameSource): Reading {
    if ("fixed" in source) return { value: source.fixed };
    return "from" in source ? this.#fromSubject(what, source) : this.#fromAlternative(what, source.template);
  }

  #fromSubject(what: Placeholder, { from, map }: Extract<NameSource, { from: unknown }>): Reading {
    const found = this.#subject.textOf(from);
    if ("problem" in found) return found;
    const { value: text } = found;
    if (map === undefined) {
      return validators[what](text)
        ? { value: text }
        : { problem: `${from} is not a valid ${nameKinds[what]}: ${shownText(text)}` };
    }
    const value = map.get(text);
    return value === undefined ? { problem: `${from} is not in the map of the rule: ${shownText(text)}` } : { value };
  }

  #fromAlternative(what: Placeholder, template: Template): Reading {
    const { label, many } = alternativeKinds[template.kind];
    const values = this.#valuesOf(template);
    if (values.length > 1) return { problem: `the certificate has ${counted(values.length, label, many)}` };
    const bytes = values[0]!;
    // Byte for byte, so that nothing outside ASCII can turn into a letter on the way.
    const found = partsOf(template.kind, bytes.toString("latin1"));
    const written = shown(bytes, 200);
    if ("problem" in found) return { problem: `the ${label} ${found.problem}: ${written}` };
    const value = template.take(what, found.parts);
    if (value === undefined) return { problem: `the ${label} is not as in ${template.text}: ${written}` };
    return validators[what](value)
      ? { value }
      : { problem: `the ${label} holds no valid ${nameKinds[what]}: ${written}` };
  }

  #valuesOf({ kind }: Template): readonly Buffer[] {
    const { uris, dnsNames, emails } = this.#facts.alternativeNames;
    return { spiffe: uris, dns: dnsNames, email: emails }[kind];
  }
}

const validators = { tenant: isTenantName, name: isPrincipalName };
const nameKinds = { tenant: "tenant name", name: "principal name" };

function shownText(text: string): string {
  return shown(Buffer.from(text));
}

function inWords({ tenant, name }: IdentityRule, found: { readonly tenant: string; readonly name: string }): string {
  return `tenant ${found.tenant} from ${sourceInWords(tenant)}, name ${found.name} from ${sourceInWords(name)}`;
}

function sourceInWords(source: NameSource): string {
  if ("fixed" in source) return "the rule itself";
  if ("from" in source) return source.map === undefined ? source.from : `${source.from} by the map`;
  return source.template.text;
}

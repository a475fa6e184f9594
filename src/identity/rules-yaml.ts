import { isUtf8 } from "node:buffer";
import { setImmediate } from "node:timers/promises";
import { isSeq } from "yaml";
import { nameRules } from "../names.js";
import { StrictYaml, textOf } from "../strict-yaml.js";
import { type IdentityRule, IdentityRules, type NameSource, type RuleConditions } from "./rules.js";
import { readSource } from "./source-yaml.js";
import { type AttributeName, subjectAttributes } from "./subject.js";
import type { Placeholder } from "./template.js";
import { findUnseen, Mistake, Mistakes, plainText, quote } from "./yaml-mistakes.js";

/** The most that a file of rules may be. */
export const maxRulesBytes = 64 * 1024;

/** The parser notes two mistakes for each line of a bracket that is never closed, and takes its time for them. */
const maxLines = 2_000;

const maxRules = 100;

/** How long a stretch of work may keep calls waiting, in milliseconds. */
const stretchMs = 5;

/**
 * SHA-256, as `AB:CD:…`, of the authorities in the PEM file of this plain name that lies beside the file of rules.
 * @throws Error whose message says why there are none
 */
export type FingerprintsIn = (file: string) => Promise<readonly string[]>;

/**
 * The rules that a file says. Nothing in it is skipped: whoever mistypes a condition would let everybody in.
 * @param source what the file is called in messages
 * @throws OperatorError with every mistake, or the first 50 of them
 */
export async function parseIdentityRules(
  source: string,
  bytes: Buffer,
  fingerprintsIn: FingerprintsIn,
): Promise<IdentityRules> {
  const mistakes = new Mistakes(source);
  const rules = await new RulesFile(mistakes, fingerprintsIn).read(bytes);
  mistakes.throwIfAny("the identity rules have mistakes:");
  return new IdentityRules(rules);
}

const ruleId = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const fingerprint = /^(?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$/;
const nearlyFingerprint = /^[0-9A-Fa-f]*:[0-9A-Fa-f:]*$|^[0-9A-Fa-f]{64}$/;

class RulesFile {
  readonly #mistakes: Mistakes;
  readonly #fingerprintsIn: FingerprintsIn;

  constructor(mistakes: Mistakes, fingerprintsIn: FingerprintsIn) {
    this.#mistakes = mistakes;
    this.#fingerprintsIn = fingerprintsIn;
  }

  async read(bytes: Buffer): Promise<readonly IdentityRule[]> {
    const yaml = await this.#parse(bytes);
    if (yaml === undefined) return [];
    const rules: IdentityRule[] = [];
    for (const [at, node] of (this.#mistakes.attempt(() => this.#list(yaml)) ?? []).entries()) {
      const rule = await this.#readRule(node, `${at + 1}`);
      if (rule === undefined) continue;
      this.#mistakes.attempt(() => checkAgainst(rules, rule, node));
      rules.push(rule);
    }
    return rules;
  }

  async #parse(bytes: Buffer): Promise<StrictYaml | undefined> {
    const kibibytes = maxRulesBytes / 1024;
    if (bytes.length > maxRulesBytes) {
      this.#mistakes.addAt({}, `is larger than ${kibibytes} KiB, the most that this file may be`);
      return undefined;
    }
    if (!isUtf8(bytes)) {
      this.#mistakes.addAt({}, "is no text: its bytes are not valid UTF-8");
      return undefined;
    }
    const text = bytes.toString("utf8");
    if (text.split("\n", maxLines + 2).length > maxLines + 1) {
      this.#mistakes.addAt({ line: maxLines + 1 }, `more than ${maxLines} lines`);
      return undefined;
    }
    const hidden = findUnseen(text);
    if (hidden !== undefined) {
      this.#mistakes.addAt(hidden.place, hidden.problem);
      return undefined;
    }
    const report = this.#mistakes.addAt.bind(this.#mistakes);
    const yaml = await StrictYaml.parse(text, { report, pause: pacer() });
    if (yaml !== undefined) this.#mistakes.locateIn(yaml);
    return yaml;
  }

  #list({ root }: StrictYaml): readonly unknown[] {
    const list = this.#mistakes.entries(root, ["rules"], 'the file must begin with "rules:"').get("rules");
    if (!isSeq(list) || list.items.length === 0) {
      throw new Mistake(list ?? root, 'the file must have a list "rules:" with "  - tenant: { from: O }" below it');
    }
    if (list.items.length > maxRules) throw new Mistake(list.items[maxRules], `more than ${maxRules} rules`);
    return list.items;
  }

  async #readRule(node: unknown, defaultId: string): Promise<IdentityRule | undefined> {
    const mistakes = this.#mistakes;
    const entries = mistakes.attempt(() =>
      mistakes.entries(node, ["id", "when", "tenant", "name"], "a rule must be a map with tenant and name"),
    );
    if (entries === undefined) return undefined;
    const id = entries.has("id") ? mistakes.attempt(() => readId(entries.get("id"))) : defaultId;
    const when = entries.has("when") ? await this.#readConditions(entries.get("when")) : undefined;
    const source = (what: Placeholder): NameSource | undefined =>
      mistakes.attempt(() => {
        if (!entries.has(what)) throw new Mistake(node, `the rule does not say where the ${what} comes from`);
        return readSource(what, entries.get(what), mistakes);
      });
    const [tenant, name] = [source("tenant"), source("name")];
    if (id === undefined || tenant === undefined || name === undefined) return undefined;
    mistakes.attempt(() => checkStranger("name", tenant, name, entries.get("tenant")));
    mistakes.attempt(() => checkStranger("tenant", name, tenant, entries.get("name")));
    return { id, ...(when && { when }), tenant, name };
  }

  async #readConditions(node: unknown): Promise<RuleConditions | undefined> {
    const mistakes = this.#mistakes;
    const entries = mistakes.attempt(() => {
      const found = mistakes.entries(node, ["ca", "issuer"], "when must be a map with ca, issuer or both");
      if (found.size === 0) throw new Mistake(node, "when must have ca, issuer or both");
      return found;
    });
    if (entries === undefined) return undefined;
    const authorities = entries.has("ca") ? await this.#readAuthorities(entries.get("ca")) : undefined;
    const issuer = entries.has("issuer") ? mistakes.attempt(() => this.#readIssuer(entries.get("issuer"))) : undefined;
    return { ...(authorities && { authorities }), ...(issuer && { issuer }) };
  }

  async #readAuthorities(node: unknown): Promise<readonly string[]> {
    const items: readonly unknown[] = isSeq(node) ? node.items : [node];
    if (items.length === 0) this.#mistakes.add(node, "ca must name at least one authority");
    const found: string[] = [];
    for (const item of items) {
      const named = this.#mistakes.attempt(() => readAuthority(item ?? node));
      if (named === undefined) continue;
      if (fingerprint.test(named)) found.push(named.toUpperCase());
      else found.push(...(await this.#readFile(item, named)));
    }
    return found;
  }

  async #readFile(node: unknown, name: string): Promise<readonly string[]> {
    try {
      return await this.#fingerprintsIn(name);
    } catch (error) {
      this.#mistakes.add(node, `${quote(name)}: ${error instanceof Error ? error.message : String(error)}`);
      return [];
    }
  }

  #readIssuer(node: unknown): ReadonlyMap<AttributeName, string> {
    const expected = "issuer must be a map, as in { O: Acme Inc., CN: Acme Issuing 3 }";
    const entries = this.#mistakes.entries(node, subjectAttributes, expected);
    if (entries.size === 0) throw new Mistake(node, expected);
    return new Map([...entries].map(([attribute, value]) => [attribute, plainText(value, `issuer.${attribute}`)]));
  }
}

/** Lets waiting calls in where they have waited for long enough: a file is read while the server serves. */
function pacer(): () => Promise<void> | undefined {
  let since = performance.now();
  return () => {
    if (performance.now() - since < stretchMs) return undefined;
    return setImmediate().then(() => {
      since = performance.now();
    });
  };
}

function readId(node: unknown): string {
  const id = textOf(node);
  if (id === undefined || !ruleId.test(id)) throw new Mistake(node, `id must be ${nameRules.principal}`);
  return id;
}

/** A fingerprint, or the name of a file. */
function readAuthority(node: unknown): string {
  const text = plainText(node, "ca");
  if (fingerprint.test(text)) return text;
  if (nearlyFingerprint.test(text)) {
    throw new Mistake(node, `${quote(text)} is not how a SHA-256 fingerprint is written: AB:CD:…, 32 bytes in all`);
  }
  if (text.includes("/") || text === "." || text === "..") {
    throw new Mistake(node, `${quote(text)} is not the plain name of a file beside this one`);
  }
  return text;
}

/** `{name}` in a tenant's template says that the name comes from there; elsewhere it would look so and not be so. */
function checkStranger(stranger: Placeholder, source: NameSource, other: NameSource, node: unknown): void {
  if (!("template" in source) || !source.template.has(stranger)) return;
  const { kind, text } = source.template;
  if ("template" in other && other.template.kind === kind && other.template.text === text) return;
  throw new Mistake(node, `the ${stranger} is not read from this template: write * in place of {${stranger}}`);
}

function checkAgainst(earlier: readonly IdentityRule[], rule: IdentityRule, node: unknown): void {
  if (earlier.some(({ id }) => id === rule.id))
    throw new Mistake(node, `an earlier rule has the id ${quote(rule.id)} too`);
  const decisive = earlier.find((one) => decidesBefore(one, rule));
  if (decisive !== undefined)
    throw new Mistake(node, `never asked: rule ${decisive.id} applies wherever this one does`);
}

function decidesBefore(first: IdentityRule, second: IdentityRule): boolean {
  const needed = kindsOf(second);
  return first.when === undefined && kindsOf(first).every((kind) => needed.includes(kind));
}

function kindsOf({ tenant, name }: IdentityRule): string[] {
  return [tenant, name].flatMap((source) => {
    if ("fixed" in source) return [];
    return ["from" in source ? source.from : source.template.kind];
  });
}

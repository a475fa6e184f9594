/** Reads where a rule takes a tenant or a name from. */
import { isMap } from "yaml";
import { isPrincipalName, isTenantName, nameRules } from "../names.js";
import { textOf } from "../strict-yaml.js";
import type { AlternativeKind } from "./alternative-name.js";
import type { NameSource } from "./rules.js";
import { type Placeholder, Template } from "./template.js";
import { Mistake, type Mistakes, plainText, quote } from "./yaml-mistakes.js";

const kinds = {
  tenant: { isValid: isTenantName, called: "a tenant name", rule: nameRules.tenant, example: "tenant: { from: O }" },
  name: {
    isValid: isPrincipalName,
    called: "a principal name",
    rule: nameRules.principal,
    example: "name: { from: CN }",
  },
} as const;

const ways = {
  tenant: ["from", "spiffe", "dns", "email", "fixed"],
  name: ["from", "spiffe", "dns", "email"],
} as const;

const attributes = ["O", "OU", "CN"] as const;

/** @throws Mistake where it cannot be told; what else is wrong is noted */
export function readSource(what: Placeholder, node: unknown, mistakes: Mistakes): NameSource {
  const { example } = kinds[what];
  const entries = mistakes.entries(node, [...ways[what], "map"], `${what} must be a map, as in ${example}`);
  const given = ways[what].filter((way) => entries.has(way));
  const [way] = given;
  if (way === undefined || given.length > 1) {
    throw new Mistake(node, `${what} must have exactly one of ${ways[what].join(", ")}`);
  }
  const [value, map] = [entries.get(way), entries.get("map")];
  if (map !== undefined && way !== "from") throw new Mistake(map, "a map goes with from alone");
  switch (way) {
    case "from":
      return readFrom(what, value, map, mistakes);
    case "fixed":
      return { fixed: readName(what, value) };
    default:
      return { template: readTemplate(what, way, value) };
  }
}

function readFrom(what: Placeholder, node: unknown, map: unknown, mistakes: Mistakes): NameSource {
  const text = textOf(node);
  const from = attributes.find((attribute) => attribute === text);
  if (from === undefined) throw new Mistake(node, `from must be ${attributes.join(", ")}`);
  return map === undefined ? { from } : { from, map: readMap(what, map, mistakes) };
}

function readMap(what: Placeholder, node: unknown, mistakes: Mistakes): ReadonlyMap<string, string> {
  if (!isMap(node) || node.items.length === 0) {
    throw new Mistake(node, 'map must say what each value stands for, as in { "Acme Inc.": acme }');
  }
  const map = new Map<string, string>();
  for (const { key, value } of node.items) {
    mistakes.attempt(() => {
      const text = plainText(key, "a value in a map");
      if (value === null) throw new Mistake(key, `the map does not say what ${quote(text)} stands for`);
      map.set(text, readName(what, value));
    });
  }
  return map;
}

function readName(what: Placeholder, node: unknown): string {
  const { isValid, called, rule } = kinds[what];
  const text = textOf(node) ?? "";
  if (!isValid(text)) throw new Mistake(node, `${quote(text)} is not ${called}: expected ${rule}`);
  return text;
}

function readTemplate(what: Placeholder, kind: AlternativeKind, node: unknown): Template {
  const text = textOf(node) ?? "";
  const template = Template.parse(kind, text);
  if (!(template instanceof Template)) throw new Mistake(node, `the template ${quote(text)} ${template.problem}`);
  if (!template.has(what)) throw new Mistake(node, `the template ${quote(text)} lacks {${what}}`);
  return template;
}

import { didYouMean } from "../suggest.js";
import { type Findings, quote } from "./findings.js";
import { endWithoutSpaces, skipSpaces } from "./rows.js";

/** The sections of a model, and the one definition that each has. */
export const sections = [
  { name: "request_definition", key: "r" },
  { name: "policy_definition", key: "p" },
  { name: "role_definition", key: "g" },
  { name: "policy_effect", key: "e" },
  { name: "matchers", key: "m" },
] as const;
export type SectionName = (typeof sections)[number]["name"];

/** What stands behind the `=`, and where. */
export interface Definition {
  readonly value: string;
  readonly line: number;
  readonly column: number;
}
export type Definitions = ReadonlyMap<SectionName, Definition>;

/** Reads the lines of a `model.conf`; what is neither a section, a definition nor a comment is a mistake. */
export function readDefinitions(text: string, findings: Findings): Definitions {
  const definitions = new Map<SectionName, Definition>();
  const seen = new Set<string>();
  let section: (typeof sections)[number] | undefined;
  for (const [index, raw] of text.split("\n").entries()) {
    const line = index + 1;
    if (findings.isFull) break;
    const content = raw.trim();
    if (content === "" || content.startsWith("#")) continue;
    const column = raw.indexOf(content) + 1;
    // Casbin cuts a line at # or ; wherever they stand, and glues the next line to one that ends with \.
    const oddity = raw.search(/[#;\\]/);
    if (oddity !== -1) {
      const problem = `${quote(raw[oddity]!)} is not allowed here; a comment is a line of its own that begins with #`;
      findings.error({ line, column: oddity + 1 }, problem);
    }
    const header = /^\[(.*)\]$/.exec(content);
    if (header !== null) {
      const name = header[1]!;
      section = sections.find((known) => known.name === name);
      if (section === undefined) {
        const hint = didYouMean(
          name,
          sections.map((known) => known.name),
        );
        findings.error({ line, column }, `unknown section [${name}]${hint}`);
      }
      if (seen.has(name)) findings.error({ line, column }, `the section [${name}] is there twice`);
      seen.add(name);
      continue;
    }
    const equals = content.indexOf("=");
    const left = content.slice(0, Math.max(0, equals));
    const key = left.slice(0, endWithoutSpaces(left, 0));
    const value = content.slice(skipSpaces(content, equals + 1));
    if (equals === -1) {
      findings.error({ line, column }, `${quote(content)} is neither a [section] nor a definition, KEY = VALUE`);
    } else if (section === undefined) {
      if (seen.size === 0) findings.error({ line, column }, `${quote(key)} stands before the first [section]`);
    } else if (key !== section.key) {
      findings.error({ line, column }, `${quote(key)} is not defined in [${section.name}]; expected ${section.key}`);
    } else if (definitions.has(section.name)) {
      findings.error({ line, column }, `${key} is defined twice`);
    } else {
      definitions.set(section.name, { value, line, column: column + content.length - value.length });
    }
  }
  return definitions;
}

/** The names of a definition, as they are compared. */
export function namesIn(value: string): string {
  return value
    .split(",")
    .map((part) => part.trim())
    .join(", ");
}

import { systemTenant } from "../names.js";
import { actions } from "./actions.js";
import { CasbinEnforcer } from "./enforcer.js";
import { type Findings, quote } from "./findings.js";
import { checkMatcher } from "./matcher.js";
import { isExact, isIndexable } from "./matcher-conditions.js";
import { RoleIndex } from "./role-index.js";
import { endWithoutSpaces, skipSpaces } from "./rows.js";
import type { SourceFile } from "./source-file.js";
import { didYouMean } from "../suggest.js";

/** What each section must say. The matcher alone is the administrator's own, within the bounds of `matcher.ts`. */
const sections = [
  { name: "request_definition", key: "r", expected: "sub, dom, obj, act" },
  { name: "policy_definition", key: "p", expected: "sub, dom, obj, act, eft" },
  { name: "role_definition", key: "g", expected: "_, _, _" },
  // To the letter: Casbin compares this text and does not evaluate it.
  { name: "policy_effect", key: "e", expected: "some(where (p.eft == allow)) && !some(where (p.eft == deny))" },
  { name: "matchers", key: "m", expected: undefined },
] as const;

const toIndex =
  "to look at few, the matcher must join with && g(r.sub, p.sub, r.dom), topicMatch(r.obj, p.obj) and " +
  '(r.act == p.act || p.act == "*")';

/** Casbin works on a matcher by expressions that take their time with a very long one. */
const maxDefinitionLength = 4_096;

interface Definition {
  readonly value: string;
  readonly line: number;
  readonly column: number;
}

/** A `model.conf` that can be used. */
export interface Model {
  /** For Casbin. */
  readonly text: string;
  /** Whether the index finds every rule for which the matcher can hold. */
  readonly isIndexable: boolean;
  /** Whether it holds for each of these. */
  readonly isExact?: boolean;
}

/** Reads `model.conf`, Casbin's own file. Undefined if anything in it was refused. */
export async function parseModel(file: SourceFile): Promise<Model | undefined> {
  if (file.text === undefined) return undefined;
  const definitions = readDefinitions(file.text, file.findings);
  for (const { name, key, expected } of sections) {
    const definition = definitions.get(name);
    if (definition === undefined) {
      file.findings.error({}, `the section [${name}] with ${key} = ${expected ?? "…"} is missing`);
    } else if (definition.value.length > maxDefinitionLength) {
      file.findings.error(definition, `this is longer than ${maxDefinitionLength} characters`);
    } else if (expected === undefined) {
      checkMatcher(definition.value, definition, file.findings);
    } else if (normalize(key, definition.value) !== expected) {
      file.findings.error(definition, `found ${quote(definition.value)}, expected ${key} = ${expected}`);
    }
  }
  if (file.findings.errors.length > 0) return undefined;
  const matcher = definitions.get("matchers")!;
  const problem = await tryOut(file.text, matcher.value);
  if (problem !== undefined) {
    file.findings.error(matcher, problem);
    return undefined;
  }
  const model = { text: file.text, isIndexable: isIndexable(matcher.value), isExact: isExact(matcher.value) };
  if (!model.isIndexable) file.findings.warn(matcher, `every decision looks at all rules of its tenant; ${toIndex}`);
  return model;
}

function normalize(key: string, value: string): string {
  return key === "e"
    ? value
    : value
        .split(",")
        .map((part) => part.trim())
        .join(", ");
}

function readDefinitions(text: string, findings: Findings): Map<string, Definition> {
  const definitions = new Map<string, Definition>();
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

const member = "tenant-a/member";
const allow = ["role:role-a", "tenant-a", "topic-a", "describe", "allow"];
const deny = ["role:role-a", "tenant-a", "topic-a", "describe", "deny"];
const roles = new RoleIndex();
roles.add({ line: 1, member, role: "role:role-a", tenant: "tenant-a" });
const covered = [member, "tenant-a", "topic-a", "describe"] as const;

/** A matcher that leaves out one of the four parts of a request would give every tenant's topics away. */
const beside = [
  { part: "the subject", request: ["tenant-a/stranger", "tenant-a", "topic-a", "describe"] },
  { part: "the tenant", request: [member, "tenant-b", "topic-a", "describe"] },
  { part: "the topic", request: [member, "tenant-a", "topic-b", "describe"] },
  { part: "the action", request: [member, "tenant-a", "topic-a", "admin"] },
] as const;

/** Lets Casbin run the model on the smallest policies whose outcome is certain. Returns what is wrong with it. */
async function tryOut(model: string, matcher: string): Promise<string | undefined> {
  try {
    const casbin = await CasbinEnforcer.create(model, (name, role, tenant) => roles.has(name, role, tenant));
    for (const tenant of ["tenant-a", systemTenant]) {
      // Throws if access is allowed: there is no rule that could have done it.
      for (const action of actions) casbin.decide(member, tenant, "topic-a", action, []);
    }
    const one = [{ cells: allow }];
    if (!casbin.decide(...covered, one).allowed) return notToTheLetter(matcher);
    for (const { part, request } of beside) {
      const [subject, tenant, topic, action] = request;
      const { allowed } = casbin.decide(subject, tenant, topic, action, one);
      if (allowed) return `this allows access without regard to ${part}`;
    }
    const both = [...one, { cells: deny }];
    if (casbin.decide(...covered, both).allowed) return "this allows what a deny rule denies";
    return undefined;
  } catch (error) {
    return `this cannot be used: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** The likeliest reason is a role that is looked for without its tenant: for Casbin that is a role in no tenant. */
function notToTheLetter(matcher: string): string {
  const counts = [...matcher.matchAll(/\bg *\(([^()]*)\)/g)].map(([, names]) => names!.split(",").length);
  const hint = counts.some((count) => count !== 3) ? "; g takes three arguments: g(r.sub, p.sub, r.dom)" : "";
  return `this does not allow what a rule allows to the letter${hint}`;
}

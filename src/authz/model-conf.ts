import { type Findings, quote } from "./findings.js";
import { checkMatcher } from "./matcher.js";
import { isExact, isIndexable } from "./matcher-conditions.js";
import { type Definitions, namesIn, readDefinitions, type SectionName, sections } from "./model-definitions.js";
import { tryModel } from "./model-trial.js";
import { isSimple, readSimpleModel, type SimpleColumns } from "./simple-model.js";
import type { SourceFile } from "./source-file.js";

/** What each section must say. The matcher alone is the administrator's own, within the bounds of `matcher.ts`. */
const expectedOf: Readonly<Record<SectionName, string | undefined>> = {
  request_definition: "sub, dom, obj, act",
  policy_definition: "sub, dom, obj, act, eft",
  role_definition: "_, _, _",
  // To the letter: Casbin compares this text and does not evaluate it.
  policy_effect: "some(where (p.eft == allow)) && !some(where (p.eft == deny))",
  matchers: undefined,
};

const toIndex =
  "to look at few, the matcher must join with && g(r.sub, p.sub, r.dom), topicMatch(r.obj, p.obj) and " +
  '(r.act == p.act || p.act == "*")';

/** Casbin works on a matcher by expressions that take their time with a very long one. */
const maxDefinitionLength = 4_096;

/** A `model.conf` that can be used. */
export interface Model {
  /** For Casbin. */
  readonly text: string;
  /** Whether the index finds every rule for which the matcher can hold. */
  readonly isIndexable: boolean;
  /** Whether it holds for each of these. */
  readonly isExact?: boolean;
  /** Whether the caller's name, in its own tenant alone, is what rules and roles speak of. */
  readonly isSimple?: boolean;
}

export interface ReadModel {
  /** Undefined if anything was refused. */
  readonly model: Model | undefined;
  /** What the lines of `policy.csv` are like then, also where the model itself was refused; undefined: as everywhere. */
  readonly simple: SimpleColumns | undefined;
}

/** Reads `model.conf`, Casbin's own file. */
export async function parseModel(file: SourceFile): Promise<ReadModel> {
  if (file.text === undefined) return { model: undefined, simple: undefined };
  const definitions = readDefinitions(file.text, file.findings);
  for (const definition of definitions.values()) {
    if (definition.value.length <= maxDefinitionLength) continue;
    file.findings.error(definition, `this is longer than ${maxDefinitionLength} characters`);
    return { model: undefined, simple: undefined };
  }
  if (isSimple(definitions)) return readSimple(file.text, definitions, file.findings);
  return { model: await readFull(file.text, definitions, file.findings), simple: undefined };
}

async function readSimple(text: string, definitions: Definitions, findings: Findings): Promise<ReadModel> {
  const simple = await readSimpleModel(text, definitions, findings);
  const model = { text: standardModel, isIndexable: true, isExact: true, isSimple: true };
  return { model: findings.errors.length === 0 ? model : undefined, simple };
}

async function readFull(text: string, definitions: Definitions, findings: Findings): Promise<Model | undefined> {
  for (const { name, key } of sections) {
    const [definition, expected] = [definitions.get(name), expectedOf[name]];
    if (definition === undefined) {
      findings.error({}, `the section [${name}] with ${key} = ${expected ?? "…"} is missing`);
    } else if (expected === undefined) {
      checkMatcher(definition.value, definition, findings);
    } else if ((key === "e" ? definition.value : namesIn(definition.value)) !== expected) {
      findings.error(definition, `found ${quote(definition.value)}, expected ${key} = ${expected}`);
    }
  }
  if (findings.errors.length > 0) return undefined;
  const matcher = definitions.get("matchers")!;
  const problem = await tryModel(text, matcher.value);
  if (problem !== undefined) {
    findings.error(matcher, problem);
    return undefined;
  }
  const model = { text, isIndexable: isIndexable(matcher.value), isExact: isExact(matcher.value), isSimple: false };
  if (!model.isIndexable) findings.warn(matcher, `every decision looks at all rules of its tenant; ${toIndex}`);
  return model;
}

/** By which a policy of the simple model is judged, once its lines are read: the example's. */
const standardModel = [
  ...sections.slice(0, -1).map(({ name, key }) => `[${name}]\n${key} = ${expectedOf[name]!}`),
  '[matchers]\nm = (r.dom == p.dom || (p.dom == "*" && r.dom != "_system")) && (r.act == p.act || p.act == "*") && ' +
    "topicMatch(r.obj, p.obj) && g(r.sub, p.sub, r.dom)\n",
].join("\n");

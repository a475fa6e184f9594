/** The YAML file: one mapping from settings to single values. */
import { isUtf8 } from "node:buffer";
import { isCollection, isMap, isScalar, LineCounter, parseDocument, type Node } from "yaml";
import type { Finding } from "../errors.js";
import { readFileWithin, whyUnreadable } from "../read-file.js";
import { settingNames, type SettingName } from "./settings.js";
import { didYouMean } from "../suggest.js";
import { findYamlHazard } from "../yaml-shape.js";

/** A value as it was written, and where. */
export interface GivenValue {
  readonly name: SettingName;
  readonly text: string;
  readonly place: Omit<Finding, "problem">;
}

/** What the parser refuses although it could read it. */
const meaningErrors: ReadonlySet<string> = new Set(["DUPLICATE_KEY", "MULTIPLE_DOCS"]);

const maxBytes = 64 * 1024;

/** Somebody else's file would bring one for each line. */
const maxFindings = 10;

/** Everything that the file gives and everything that is wrong with it; a file that cannot be read is one finding. */
export async function readConfigFile(path: string): Promise<{ values: GivenValue[]; findings: Finding[] }> {
  const refused = (problem: string) => ({ values: [], findings: [{ source: path, problem }] });
  let bytes;
  try {
    bytes = await readFileWithin(path, maxBytes);
  } catch (error) {
    return refused(whyUnreadable(error));
  }
  if (!isUtf8(bytes)) return refused("is no text: its bytes are not valid UTF-8");
  const { values, findings } = parseConfigFile(path, bytes.toString("utf8"));
  if (findings.length <= maxFindings) return { values, findings };
  const more = { source: path, problem: `${findings.length - maxFindings} more mistakes: is this a file of settings?` };
  return { values, findings: [...findings.slice(0, maxFindings), more] };
}

/** Rules are YAML themselves, and so easily taken for a part of this file. */
function hint(name: SettingName, value: Node | null): string {
  return name === "identity" && isCollection(value) ? ": the name of a file that has the rules in it" : "";
}

function parseConfigFile(source: string, text: string): { values: GivenValue[]; findings: Finding[] } {
  const hazard = findYamlHazard(text);
  if (hazard !== undefined) return { values: [], findings: [{ source, ...hazard }] };
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const place = (position: number) => {
    const { line, col } = lines.linePos(position);
    return { source, line, column: col };
  };
  const problems = [...document.errors, ...document.warnings];
  const findings: Finding[] = problems.map(({ pos, message }) => ({ ...place(pos[0]), problem: message }));
  const values: GivenValue[] = [];
  const { contents } = document;
  if (!isMap(contents)) {
    // A file of comments alone gives nothing, which is no mistake.
    if (contents !== null && problems.length === 0) {
      findings.push({ ...place(contents.range[0]), problem: "expected settings, one `name: value` on each line" });
    }
    return { values, findings };
  }
  const unreadable = document.errors.filter(({ code }) => !meaningErrors.has(code)).map(({ pos: [start] }) => start);
  for (const pair of contents.items) {
    const [key, value] = [pair.key as Node, pair.value as Node | null];
    // What the parser made of text that it could not read is nothing that someone wrote.
    const [from, to] = [key.range?.[0] ?? 0, (value ?? key).range?.[2] ?? 0];
    if (unreadable.some((position) => from <= position && position <= to)) continue;
    const keyPlace = place(key.range?.[0] ?? 0);
    const word = isScalar(key) ? (key.source ?? "") : "";
    const name = settingNames.find((known) => known === word);
    if (name === undefined) {
      const problem = `unknown setting ${JSON.stringify(word)}${didYouMean(word, settingNames)}`;
      findings.push({ ...keyPlace, problem });
    } else if (!isScalar(value) || value.value === null) {
      findings.push({ ...keyPlace, problem: `${name} needs a single value${hint(name, value)}` });
    } else {
      values.push({ name, text: value.source ?? "", place: value.range ? place(value.range[0]) : keyPlace });
    }
  }
  return { values, findings };
}

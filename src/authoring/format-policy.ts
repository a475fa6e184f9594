import { loadPolicy, PolicyFiles, readRows } from "../authz/index.js";
import { OperatorError } from "../errors.js";
import { formatted, linesOf } from "./layout.js";
import { unifiedDiff } from "./line-edits.js";
import type { FileChange } from "./replace-file.js";

/** A file that is not in its usual form. */
export interface Reformatted extends FileChange {
  /** As `diff -u` tells it. */
  readonly diff: string;
}

/**
 * The files of rows in a folder that are not in their usual form. Writes nothing.
 * @throws OperatorError for files with mistakes: what they mean, and so what has to stay, nobody can say
 */
export async function formatPolicy(directory: string): Promise<Reformatted[]> {
  const files = await PolicyFiles.read(directory);
  // Whether its matrix holds is of no account for what a policy looks like.
  const { report, policy } = await loadPolicy(files, () => Promise.resolve());
  if (policy === undefined) {
    throw new OperatorError(`the policy in ${directory} has mistakes: nothing was formatted`, report.findings);
  }
  return [files.files["policy.csv"], files.files["matrix.csv"]].flatMap(({ source, bytes, text }) => {
    if (bytes === undefined || text === undefined) return [];
    const after = formatted(text);
    if (after === text) return [];
    if (meaning(after) !== meaning(text)) throw new Error(`${source} would mean something else`);
    const [before, lines] = [linesOf(text), linesOf(after)];
    if (!text.endsWith("\n")) before.push(`${before.pop()!}\n\\ No newline at end of file`);
    const diff = unifiedDiff(source, before.map((line, index) => ({ before: line, after: lines[index]! }))); // prettier-ignore
    return [{ path: source, before: bytes, after, diff }];
  });
}

/** What the rows of a text say. No cell has a line end or a tab in it. */
function meaning(text: string): string {
  return [...readRows(text)]
    .map(({ line, fields }) => `${line}\t${fields.map((field) => field.text).join("\t")}`)
    .join("\n");
}

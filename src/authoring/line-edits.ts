/** What becomes of one line of a text. Without `before` it is put in, without `after` taken out. */
export interface LineEdit {
  readonly before?: string;
  readonly after?: string;
}

/** So many lines around a change are shown. */
const context = 3;

/** The text that the edits lead to. */
export function textAfter(edits: readonly LineEdit[]): string {
  const lines = edits.flatMap(({ after }) => (after === undefined ? [] : [`${after}\n`]));
  return lines.join("");
}

/** The same edits with other lines for the text that they lead to, as many as it has. */
export function relaid(edits: readonly LineEdit[], lines: readonly string[]): LineEdit[] {
  let next = 0;
  return edits.map((edit) => (edit.after === undefined ? edit : { ...edit, after: lines[next++]! }));
}

/** As `diff -u` tells it; empty where nothing changes. */
export function unifiedDiff(path: string, edits: readonly LineEdit[]): string {
  const changed = edits.flatMap(({ before, after }, index) => (before === after ? [] : [index]));
  const hunks: string[] = [];
  let [oldLine, newLine, at] = [1, 1, 0];
  for (let first = 0; first < changed.length;) {
    let last = first;
    while (last + 1 < changed.length && changed[last + 1]! - changed[last]! <= 2 * context) last++;
    const from = Math.max(at, changed[first]! - context);
    const shown = edits.slice(from, changed[last]! + context + 1);
    for (; at < from; at++) {
      oldLine += edits[at]!.before === undefined ? 0 : 1;
      newLine += edits[at]!.after === undefined ? 0 : 1;
    }
    const [olds, news] = [countOf(shown, "before"), countOf(shown, "after")];
    hunks.push(`@@ -${range(oldLine, olds)} +${range(newLine, news)} @@\n${linesOf(shown)}`);
    [oldLine, newLine, at, first] = [oldLine + olds, newLine + news, from + shown.length, last + 1];
  }
  return hunks.length === 0 ? "" : `--- ${path}\n+++ ${path}\n${hunks.join("")}`;
}

/** Runs of changed lines: what goes stands before what comes. */
function linesOf(edits: readonly LineEdit[]): string {
  const lines: string[] = [];
  let coming: string[] = [];
  for (const { before, after } of edits) {
    if (before === after) {
      lines.push(...coming, ` ${before!}`);
      coming = [];
      continue;
    }
    if (before !== undefined) lines.push(`-${before}`);
    if (after !== undefined) coming.push(`+${after}`);
  }
  return [...lines, ...coming].map((line) => `${line}\n`).join("");
}

function countOf(edits: readonly LineEdit[], side: keyof LineEdit): number {
  return edits.filter((edit) => edit[side] !== undefined).length;
}

/** An empty range begins at the line before it. */
function range(line: number, count: number): string {
  return count === 0 ? `${line - 1},0` : count === 1 ? `${line}` : `${line},${count}`;
}

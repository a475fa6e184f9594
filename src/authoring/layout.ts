import { readRows } from "../authz/index.js";

/** A wider cell is not waited for: one long name must not push everybody else's columns off the screen. */
const maxWidth = 40;

/**
 * The text of a `policy.csv` or `matrix.csv` in its usual form: one space behind each comma, columns one below the other
 * between two blank lines, nothing before and behind a line. Comments, blank lines and the order of lines stay, and so does
 * what each row says.
 */
export function formatted(text: string): string {
  const lines = linesOf(text).map((line) => line.replace(/^ +/, "").replace(/ +$/, ""));
  const rows = [...readRows(text)];
  let from = 0;
  while (from < rows.length) {
    let to = from + 1;
    while (to < rows.length && !hasBlank(lines, rows[to - 1]!.line, rows[to]!.line)) to++;
    const group = rows.slice(from, to);
    const cells = group.map(({ fields }) => fields.map((field) => field.text));
    for (const [index, line] of aligned(cells).entries()) lines[group[index]!.line - 1] = line;
    from = to;
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

/** The lines of a text, the last of which may have no newline. */
export function linesOf(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** Whether a blank line stands between two lines, counted from 1. */
export function hasBlank(lines: readonly string[], from: number, to: number): boolean {
  for (let line = from + 1; line < to; line++) if (/^ *$/.test(lines[line - 1]!)) return true;
  return false;
}

/** Rows of as many columns below each other; `p` and `g` lines have not. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = new Map<number, number[]>();
  for (const cells of rows) {
    const known = widths.get(cells.length) ?? cells.map(() => 0);
    widths.set(
      cells.length,
      known.map((width, column) => (cells[column]!.length > maxWidth ? width : Math.max(width, cells[column]!.length))),
    );
  }
  return rows.map((cells) => {
    const width = widths.get(cells.length)!;
    const last = cells.length - 1;
    return cells.map((cell, column) => (column === last ? cell : `${cell},`.padEnd(width[column]! + 1))).join(" ");
  });
}

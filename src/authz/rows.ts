/** One column of a row, without the spaces around it. */
export interface Field {
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

export interface Row {
  readonly line: number;
  /** At least one; at most `maxFields`, which is more than any row has. */
  readonly fields: readonly Field[];
  /** How many columns the line has. */
  readonly columns: number;
  /** Whether it is longer than `maxLineLength`; then it is cut there. */
  readonly isTooLong: boolean;
}

const maxFields = 8;

/** In characters; a hundred times what a line of names can have. */
export const maxLineLength = 65_536;

/**
 * The rows of `policy.csv` and `matrix.csv`, one by one: columns between commas, and nothing else that CSV dialects disagree
 * about. No quoting and no escaping: the grammars of the columns refuse whatever would need it. A `#` makes a comment only as
 * the first character of a line, so that `deny # note` is a mistake and not a rule without effect.
 */
export function* readRows(text: string): Generator<Row> {
  let line = 0;
  for (let start = 0; start <= text.length;) {
    const next = text.indexOf("\n", start);
    const end = next === -1 ? text.length : next;
    // To look for the columns of a line of millions of characters would keep calls waiting.
    const isTooLong = end - start > maxLineLength;
    const content = text.slice(start, isTooLong ? start + maxLineLength : end);
    start = end + 1;
    line += 1;
    const first = content.charAt(skipSpaces(content, 0));
    if (first === "#" || (first === "" && !isTooLong)) continue;
    yield toRow(content, line, isTooLong);
  }
}

function toRow(text: string, line: number, isTooLong: boolean): Row {
  let start = 0;
  const fields = text.split(",", maxFields).map((part) => {
    const leading = skipSpaces(part, 0);
    const field = { text: part.slice(leading, endWithoutSpaces(part, leading)), line, column: start + leading + 1 };
    start += part.length + 1;
    return field;
  });
  const columns = fields.length < maxFields ? fields.length : countCommas(text) + 1;
  return { line, fields, columns, isTooLong };
}

/** Where the text begins but for spaces, and nothing else: trim() would also take away what merely looks like one. */
export function skipSpaces(text: string, from: number): number {
  let at = from;
  while (text[at] === " ") at++;
  return at;
}

/** Where the text ends but for spaces. A loop, not ` +$`: that expression takes the square of a run of spaces that something follows. */
export function endWithoutSpaces(text: string, from: number): number {
  let end = text.length;
  while (end > from && text[end - 1] === " ") end--;
  return end;
}

function countCommas(text: string): number {
  let count = 0;
  for (let at = text.indexOf(","); at !== -1; at = text.indexOf(",", at + 1)) count++;
  return count;
}

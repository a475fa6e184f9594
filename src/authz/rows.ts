/** One column of a row, without the spaces around it. */
export interface Field {
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

export interface Row {
  readonly line: number;
  readonly fields: readonly Field[];
}

/** Spaces only: trim() would also take away what merely looks like one. */
const spacesAround = /^ +| +$/g;

/**
 * The rows of `policy.csv` and `matrix.csv`: columns between commas, and nothing else that CSV dialects disagree about.
 * No quoting and no escaping: the grammars of the columns refuse whatever would need it. A `#` makes a comment only as the
 * first character of a line, so that `deny # note` is a mistake and not a rule without effect.
 */
export function readRows(text: string): Row[] {
  return text.split("\n").flatMap((line, index) => {
    const content = line.replace(spacesAround, "");
    return content === "" || content.startsWith("#") ? [] : [{ line: index + 1, fields: splitFields(line, index + 1) }];
  });
}

function splitFields(text: string, line: number): Field[] {
  let start = 0;
  return text.split(",").map((part) => {
    const leading = part.length - part.replace(/^ +/, "").length;
    const field = { text: part.replace(spacesAround, ""), line, column: start + leading + 1 };
    start += part.length + 1;
    return field;
  });
}

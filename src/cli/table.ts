/** Tables for people: plain text, columns apart by two spaces, numbers on the right. */
import { visible } from "./terminal.js";

export interface Column<Row> {
  readonly head: string;
  readonly isNumber?: true;
  readonly cell: (row: Row) => string;
}

/**
 * The rows under their heads; text for stdout, one line for each.
 * @param none what to say instead where there are no rows
 */
export async function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], none: string): Promise<string> {
  if (rows.length === 0) return `${none}\n`;
  const { default: Table } = await import("cli-table3");
  const drawn = new Table({
    head: columns.map(({ head }) => head.toUpperCase()),
    colAligns: columns.map(({ isNumber }) => (isNumber ? "right" : "left")),
    ...plain,
  });
  drawn.push(...rows.map((row) => columns.map(({ cell }) => shown(cell(row)))));
  return asLines(drawn.toString());
}

/** Names and what they are, one on each line; those that are undefined are left out. */
export async function list(rows: Readonly<Record<string, string | undefined>>): Promise<string> {
  const { default: Table } = await import("cli-table3");
  const drawn = new Table(plain);
  for (const [name, value] of Object.entries(rows)) if (value !== undefined) drawn.push([name, shown(value)]);
  return asLines(drawn.toString());
}

const lines = ["top", "bottom", "left", "right", "mid"] as const;
const corners = ["top-mid", "top-left", "top-right", "bottom-mid", "bottom-left", "bottom-right"] as const;
const joints = ["left-mid", "mid-mid", "right-mid"] as const;
const plain = {
  chars: { ...Object.fromEntries([...lines, ...corners, ...joints].map((name) => [name, ""])), middle: "  " },
  style: { "padding-left": 0, "padding-right": 0, head: [], border: [], compact: true },
};

/** What a server says must not send the terminal commands, whichever server it is. */
function shown(text: string): string {
  return visible(Buffer.from(text));
}

function asLines(drawn: string): string {
  return drawn.replace(/ +$/gm, "").replace(/\n*$/, "\n");
}

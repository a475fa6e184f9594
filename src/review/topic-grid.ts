import { actions } from "../authz/index.js";

/** How a piece of text is to stand out; on what is no terminal it does not. */
export type Paint = (kind: "good" | "quiet" | "bad" | "head", text: string) => string;

/** Topics about which the same came out for the same principal. */
export interface TopicGridRow {
  readonly principal: string;
  readonly topics: readonly string[];
  /** One for each action; of one that stands out at the end a `!`. */
  readonly marks: readonly string[];
}

/** The lines of one tenant's grid, topics against actions. @param topicsWidth for the names of a row, in characters */
export function topicGrid(tenant: string, rows: readonly TopicGridRow[], topicsWidth: number, paint: Paint): string[] {
  const table = [
    ["", "", ...actions],
    ...rows.map(({ principal, topics, marks }) => [principal, namesOf(topics, topicsWidth), ...marks]),
  ];
  const widths = table[0]!.map((_, column) => table.reduce((width, row) => Math.max(width, row[column]!.length), 0));
  const text = table.map((row, at) =>
    row
      .map((content, column) => {
        const padded = column < 2 ? content.padEnd(widths[column]!) : centred(content, widths[column]!);
        return at === 0 || column < 2 ? padded : paint(kindOf(content), padded);
      })
      .join("  "),
  );
  return [paint("head", `Topics of ${tenant}`), ...text.map((line) => `  ${line}`), ""];
}

function kindOf(mark: string): "good" | "quiet" | "bad" {
  if (mark.endsWith("!")) return "bad";
  return mark.includes("✓") ? "good" : "quiet";
}

/** As many names as there is room for, and how many more there are. */
function namesOf(topics: readonly string[], room: number): string {
  const [head] = topics;
  let text = head!.length > room ? `${head!.slice(0, room - 1)}…` : head!;
  for (let named = 1; named < topics.length; named++) {
    const longer = `${text}, ${topics[named]!}`;
    if (longer.length > room) return `${text} and ${topics.length - named} more`;
    text = longer;
  }
  return text;
}

function centred(text: string, width: number): string {
  return text.padStart(Math.ceil((width + text.length) / 2)).padEnd(width);
}

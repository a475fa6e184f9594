import { type Action, actions } from "../authz/index.js";
import { suspendedInWords } from "../tenant-standing.js";
import type { Difference, GridCell, TestReport } from "./test-report.js";
import { type Paint, topicGrid } from "./topic-grid.js";

/** What is shown of each, so that a reader comes to the end of it. The data have more. */
const most = { gridRows: 200, differences: 100, topicsWidth: 40 };

const legend = "✓ allowed   ✗ refused   · not stated   ! not as stated";
/** Of the names that stand for those that no file has. */
const unnamedLegend = "unnamed: any name that no line has; orders.unnamed: any such name that begins with orders.";

/** For a terminal: a grid for each tenant, then what did not come out as stated, and the rule to blame. */
export function testAsText(report: TestReport, paint: Paint): string {
  const { grid, isGridWhole, source, differences, counts, suspended } = report;
  const drawn = [...byTenant(grid)].flatMap(([tenant, cells]) => toGridRows(cells).map((row) => ({ tenant, row })));
  const shown = drawn.slice(0, most.gridRows);
  const tenants = [...new Set(shown.map(({ tenant }) => tenant))];
  const left = drawn.length - shown.length;
  const more = left > 0 ? `and ${left} more rows of the grid` : "and more that the grid has no room for";
  const blamed = byBlame(differences);
  const listed = blamed.slice(0, most.differences);
  const isUnnamedShown = shown.some(({ row: { topics } }) => topics.some((topic) => topic.endsWith("unnamed")));
  const lines = [
    ...tenants.flatMap((tenant) =>
      topicGrid(
        tenant,
        shown.flatMap((each) => (each.tenant === tenant ? each.row : [])),
        most.topicsWidth,
        paint,
      ),
    ),
    ...(left > 0 || !isGridWhole ? [paint("quiet", more), ""] : []),
    ...(shown.length === 0
      ? []
      : [paint("quiet", legend), ...(isUnnamedShown ? [paint("quiet", unnamedLegend)] : []), ""]),
    ...listed.map(({ first, more: others }) => {
      const also = others === 0 ? "" : ` (and ${others} more of this line by the same)`;
      return paint("bad", `${source}:${first.line}: ${differenceInWords(first)}${also}`);
    }),
    ...(blamed.length > listed.length || counts.differences > differences.length
      ? ["and more; --json has the first 1,000"]
      : []),
    ...(listed.length === 0 ? [] : [""]),
    ...(suspended.length === 0 ? [] : [`${suspendedInWords(suspended)}; about them the rules alone were asked`]),
    summaryOf(report),
  ];
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

/** `acme/nobody produce acme/orders: expected deny, got allow by policy/policy.csv:3: p, …` */
export function differenceInWords({ principal, action, tenant, topic, expected, got, why }: Difference): string {
  return `${principal} ${action} ${tenant}/${topic}: expected ${expected}, got ${got}: ${why}`;
}

/** What one line states and one rule, or none, made otherwise. */
function byBlame(differences: readonly Difference[]): { readonly first: Difference; more: number }[] {
  const blamed = new Map<string, { readonly first: Difference; more: number }>();
  for (const difference of differences) {
    const key = `${difference.line} ${difference.why}`;
    const known = blamed.get(key);
    if (known === undefined) blamed.set(key, { first: difference, more: 0 });
    else known.more += 1;
  }
  return [...blamed.values()];
}

function summaryOf({ source, policyVersion, counts }: TestReport): string {
  const { rows, passed, cases, differences } = counts;
  const outcome = differences === 0 ? "all as stated" : `${differences} not as stated`;
  return `${source} (policy ${policyVersion}): ${passed} of ${rows} rows hold; ${cases} cases, ${outcome}`;
}

function byTenant(grid: readonly GridCell[]): Map<string, GridCell[]> {
  const tenants = new Map<string, GridCell[]>();
  for (const cell of grid) {
    const known = tenants.get(cell.tenant);
    if (known === undefined) tenants.set(cell.tenant, [cell]);
    else known.push(cell);
  }
  return tenants;
}

interface GridRow {
  readonly principal: string;
  readonly topics: string[];
  readonly marks: readonly string[];
}

/** Topics about which the same came out for the same principal share a row. */
function toGridRows(cells: readonly GridCell[]): GridRow[] {
  const rows = new Map<string, GridRow>();
  for (const { principal, topic, results } of cells) {
    const marks = actions.map((action) => markOf(results, action));
    const key = [principal, ...marks].join(" ");
    const row = rows.get(key) ?? { principal, topics: [], marks };
    rows.set(key, row);
    row.topics.push(topic);
  }
  return [...rows.values()];
}

function markOf(results: GridCell["results"], action: Action): string {
  const result = results[action];
  if (result === undefined) return "·";
  return `${result.got === "allow" ? "✓" : "✗"}${result.asStated ? "" : "!"}`;
}

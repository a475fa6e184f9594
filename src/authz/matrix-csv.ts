import { type Action, actions } from "./actions.js";
import { Pace } from "./breathe.js";
import { type Check, Columns, type Effect, isRepeated, isTooLong, wildcard } from "./columns.js";
import type { CompiledPolicy } from "./compiled-policy.js";
import type { Findings } from "./findings.js";
import { entry } from "./role-index.js";
import { readRows, type Row } from "./rows.js";
import type { SourceFile } from "./source-file.js";
import { isRequestableTopic } from "./topic-pattern.js";

/** Who must, or must not, be able to do what. */
export interface MatrixRow {
  readonly line: number;
  readonly principal: string;
  readonly tenant: string;
  readonly topic: string;
  readonly action: Action | typeof wildcard;
  readonly expected: Effect;
}

const matrixColumns = ["principal", "tenant", "topic", "action", "allow or deny"];
const matrixChecks: readonly Check[] = [
  (columns, principal) => columns.principal(principal),
  (columns, tenant) => columns.tenant(tenant),
  (columns, topic) => columns.topicOrWildcard(topic),
  (columns, action) => columns.action(action),
  (columns, expected) => columns.effect(expected),
];
/** Of a mismatch, what stands out: the column that says what was expected. */
const expectedField = 4;

/** Reads `matrix.csv`, as strictly as `policy.csv`. */
export async function parseMatrix(
  file: SourceFile,
  declared: ReadonlySet<string> | undefined,
): Promise<readonly MatrixRow[]> {
  const columns = new Columns(file.findings, declared);
  const seen = new Map<string, number>();
  const matrix: MatrixRow[] = [];
  const pace = new Pace();
  for (const row of readRows(file.text ?? "")) {
    if (file.findings.isFull) break;
    await pace.step();
    if (isTooLong(row, file.findings)) continue;
    if (isMatrixRow(row, columns) && !isRepeated(row, seen, file.findings)) matrix.push(toMatrixRow(row));
  }
  return matrix;
}

function isMatrixRow(row: Row, columns: Columns): boolean {
  return columns.check(row, "a line", matrixColumns, matrixChecks);
}

function toMatrixRow(row: Row): MatrixRow {
  const [principal, tenant, topic, action, expected] = row.fields.map((field) => field.text);
  return {
    line: row.line,
    principal: principal!,
    tenant: tenant!,
    topic: topic!,
    // The columns were checked before.
    action: action as MatrixRow["action"],
    expected: expected as Effect,
  };
}

/** One question to the policy, with every `*` spelled out. */
export interface MatrixCase {
  readonly principal: string;
  readonly tenant: string;
  readonly topic: string;
  readonly action: Action;
}

/**
 * Asks the policy everything that the matrix states; what comes out otherwise is an error at the row that states it.
 * @throws Error when the matcher cannot be evaluated
 */
export async function runMatrix(
  matrix: readonly MatrixRow[],
  policy: CompiledPolicy,
  findings: Findings,
): Promise<void> {
  const casesIn = spelledOutIn(matrix, policy);
  const pace = new Pace();
  for (const row of matrix) {
    let [failure, failures] = ["", 0];
    for (const tenant of tenantsOf(row, policy)) {
      await pace.step();
      // Of thousands of tenants most have no rule for a principal of another one: no need to ask of each of their topics.
      if (row.expected === "deny" && !policy.mayAllow(row.principal, row.action, tenant)) continue;
      for (const { principal, topic, action } of casesIn(row, tenant)) {
        await pace.step();
        const { allowed, rule, reason } = policy.evaluate(principal, action, tenant, topic);
        if (allowed === (row.expected === "allow")) continue;
        const why = rule === undefined ? `: ${reason}` : ` by ${rule.place}`;
        const got = `${allowed ? "allow" : "deny"}${why}`;
        if (failures++ === 0)
          failure = `${principal} ${action} ${tenant}/${topic}: expected ${row.expected}, got ${got}`;
      }
    }
    const more = failures > 1 ? ` (and ${failures - 1} more of this line)` : "";
    if (failures > 0) findings.error({ line: row.line, field: expectedField }, `${failure}${more}`);
    if (findings.isFull) return;
  }
}

/** Gives every case of a row of this matrix. */
export function spelledOut(
  matrix: readonly MatrixRow[],
  policy: CompiledPolicy,
): (row: MatrixRow) => Generator<MatrixCase, void, undefined> {
  const casesIn = spelledOutIn(matrix, policy);
  return function* (row) {
    for (const tenant of tenantsOf(row, policy)) yield* casesIn(row, tenant);
  };
}

function tenantsOf({ tenant }: MatrixRow, policy: CompiledPolicy): readonly string[] {
  return tenant === wildcard ? policy.tenants : [tenant];
}

/** The same, of one of the tenants that the row is about. */
function spelledOutIn(
  matrix: readonly MatrixRow[],
  policy: CompiledPolicy,
): (row: MatrixRow, tenant: string) => Generator<MatrixCase, void, undefined> {
  const stated = new StatedTopics(matrix);
  // Of one tenant at a time: there can be as many names for every tenant as there are tenants.
  let known: { tenant: string; topics: readonly string[] } | undefined;
  const topicsOf = (tenant: string): readonly string[] => {
    if (known?.tenant !== tenant)
      known = { tenant, topics: topicsWorthAsking(policy.patternsOf(tenant), stated.of(tenant)) };
    return known.topics;
  };
  return function* (row, tenant) {
    for (const topic of row.topic === wildcard ? withinReach(topicsOf(tenant), row.expected) : [row.topic]) {
      for (const action of row.action === wildcard ? actions : [row.action]) {
        yield { principal: row.principal, tenant, topic, action };
      }
    }
  };
}

/** The topics that a matrix names, by what stands in its tenant column. */
class StatedTopics {
  readonly #columns = new Map<string, Set<string>>();

  constructor(matrix: readonly MatrixRow[]) {
    for (const { tenant, topic } of matrix) entry(this.#columns, tenant, () => new Set<string>()).add(topic);
  }

  /** In rows for the tenant, and in those for every tenant. */
  of(tenant: string): Iterable<string> {
    return [tenant, wildcard].flatMap((column) => [...(this.#columns.get(column) ?? [])]);
  }
}

/**
 * What `*` in the topic column stands for: every name that the files speak of in this tenant, names under every prefix,
 * and one that nobody speaks of.
 */
function topicsWorthAsking(patterns: Iterable<string>, stated: Iterable<string>): readonly string[] {
  const named = new Set([...patterns, ...stated]);
  let unnamed = "unnamed";
  while (named.has(unnamed)) unnamed += "-";
  const underPrefixes = [...named].flatMap((name) => {
    const prefix = name.endsWith(wildcard) ? name.slice(0, -1) : name;
    return [prefix, `${prefix}${name === prefix ? "" : unnamed}`];
  });
  return [...new Set([...underPrefixes, unnamed])].filter(isRequestableTopic);
}

/** No pattern reaches a name that begins with `_`, so "everything" does not include it; "nothing" does. */
function withinReach(topics: readonly string[], expected: Effect): readonly string[] {
  return expected === "deny" ? topics : topics.filter((topic) => !topic.startsWith("_"));
}

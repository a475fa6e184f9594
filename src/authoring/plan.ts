import { basename } from "node:path";
import {
  type Action,
  type LoadedPolicy,
  loadPolicy,
  type PolicyBytes,
  PolicyFiles,
  type Rule,
  wildcard,
} from "../authz/index.js";
import { type Finding, UnusablePolicy } from "../errors.js";
import { isTopicName } from "../names.js";
import { type LineEdit, textAfter, unifiedDiff } from "./line-edits.js";
import type { FileChange } from "./replace-file.js";

/** What an edit would do, before anything is written. */
export interface EditPlan {
  /**
   * `change`: there is something to write. `nothing`: it is so already. `refused`: the file cannot be edited so that it becomes
   * so, and `says` has why.
   */
  readonly outcome: "change" | "nothing" | "refused";
  /** Whole sentences: what would be so, or why not. */
  readonly says: readonly string[];
  /** What may be not meant, as `policy check` would warn of it afterwards and does not now. */
  readonly warnings: readonly Finding[];
  /** As `diff -u` tells it; empty unless something is to change. */
  readonly diff: string;
  readonly change: FileChange | undefined;
  /** Short content hash of the four files as they were read. */
  readonly version: string;
}

export function planWithout(
  outcome: "nothing" | "refused",
  says: readonly string[],
  { files }: LoadedPolicy,
): EditPlan {
  return { outcome, says, warnings: [], diff: "", change: undefined, version: files.version };
}

/**
 * Reads a folder that is to be edited. Its matrix need not hold: who states first what is to become so edits afterwards.
 * @throws UnusablePolicy with every other mistake in the files
 */
export async function loadForEdit(directory: string): Promise<{ policy: LoadedPolicy; warnings: readonly Finding[] }> {
  const { policy, report } = await loadPolicy(await PolicyFiles.read(directory), () => Promise.resolve());
  if (policy !== undefined) return { policy, warnings: report.warnings };
  throw new UnusablePolicy(`the policy in ${directory} has mistakes: nothing was changed`, report.findings);
}

/** What is so after an edit, and whether that is what it was for. */
export interface Aftermath {
  readonly isAchieved: boolean;
  readonly says: readonly string[];
}

/**
 * The plan for these edits of `policy.csv`, checked whole.
 * @param judge looks at the policy as it would be
 * @throws UnusablePolicy with every mistake that the policy would have afterwards, the matrix included
 */
export async function planEdits(
  { policy, warnings }: Awaited<ReturnType<typeof loadForEdit>>,
  edits: readonly LineEdit[],
  judge: (after: LoadedPolicy) => Aftermath,
): Promise<EditPlan> {
  const { files } = policy;
  const { source, bytes } = files.files["policy.csv"];
  const after = textAfter(edits);
  const edited: PolicyBytes = { ...files.bytes, "policy.csv": Buffer.from(after) };
  const result = await loadPolicy(await PolicyFiles.of(files.source, edited));
  if (result.policy === undefined) {
    const findings = inWordsOfToday(result.report.findings, source, edits);
    throw new UnusablePolicy(
      `the policy could not be used with this change: nothing was changed${unlessWanted(findings)}`,
      findings,
    );
  }
  const { isAchieved, says } = judge(result.policy);
  if (!isAchieved) return planWithout("refused", says, policy);
  const known = new Set(warnings.map(({ problem }) => problem));
  return {
    outcome: "change",
    says,
    warnings: result.report.warnings.filter(({ problem }) => !known.has(problem)),
    diff: unifiedDiff(source, edits),
    change: { path: source, before: bytes!, after },
    version: files.version,
  };
}

/** Nobody has seen the edited file: its new lines go by what they say, and the others by their number as it is. */
function inWordsOfToday(findings: readonly Finding[], source: string, edits: readonly LineEdit[]): Finding[] {
  const lines: string[] = [];
  let number = 0;
  for (const { before, after } of edits) {
    if (before !== undefined) number += 1;
    if (after !== undefined) lines.push(before === undefined ? `the new line: ${after.trim()}` : `${source}:${number}`);
  }
  return findings.map((finding) => ({
    ...finding,
    problem: finding.problem.replace(
      /(?<=, got (?:allow|deny) by )(.*):(\d+)/,
      (place: string, file: string, line: string) => (file === source ? lines[Number(line) - 1]! : place),
    ),
  }));
}

/** Where the matrix alone is against it. */
function unlessWanted(findings: readonly Finding[]): string {
  const [first] = findings;
  const isStated = findings.every(({ source, line }) => basename(source) === "matrix.csv" && line !== undefined);
  if (first === undefined || !isStated) return "";
  return `. If that is what is wanted, change ${first.source}:${first.line} first:`;
}

/**
 * Whether the policy allows it, where that is one question: of one principal, about one topic. Casbin answers, whatever
 * matcher there is. Undefined where it is many.
 */
export function allowedBy({ compiled }: LoadedPolicy, { subject, tenant, pattern, action }: Rule): boolean | undefined {
  const isOne = subject.includes("/") && tenant !== wildcard && isTopicName(pattern) && action !== wildcard;
  return isOne ? compiled.evaluate(subject, action as Action, tenant, pattern).allowed : undefined;
}

/** `policy/policy.csv:7: p, role:writer, acme, orders, produce, allow` */
export function withPlace({ place, text }: Rule): string {
  return `${place}: ${text}`;
}

/** The first of them, and how many more there are. */
export function firstOf(items: readonly string[], most = 10): string[] {
  const more = items.length - most;
  return more > 0 ? [...items.slice(0, most), `and ${more} more`] : [...items];
}

import { assignmentAsWritten, type LoadedPolicy, Pace, type PolicyFileName } from "../authz/index.js";
import { type Cause, causesOf, type Origins } from "./diff-causes.js";
import { type Budget, type Comparison, effectsOn } from "./diff-effects.js";
import { ChangeGroups, type KeyedEffect, withKey } from "./diff-groups.js";
import { NamedTopics, type ToldChange } from "./diff-known.js";
import { compareModels } from "./diff-model.js";
import { affectedPairs, askedAs, tenantsOf } from "./diff-pairs.js";
import { type ChangedLine, differInTextAlone, type SettingChanges, settingChanges } from "./diff-settings.js";
import { Side } from "./diff-side.js";
import type { OwnedTopic } from "./known-topics.js";
import { ChangedLines } from "./text-changes.js";

/** What another policy would change, told by what comes of it. Plain values. */
export interface PolicyDiff extends SettingChanges {
  readonly oldVersion: string;
  readonly newVersion: string;
  /** Somebody gains something, or that cannot be ruled out. */
  readonly widens: boolean;
  /** Why not everything was looked at: then there may be gains and losses that are not among these. */
  readonly incomplete: string | undefined;
  /** Gains first. */
  readonly changes: readonly ToldChange[];
  /** Lines of `policy.csv` that came or went and made no difference to anybody; with an incomplete look, none. */
  readonly withoutEffect: readonly ChangedLine[];
  /** Files that differ in comments, order or spaces alone. */
  readonly textOnly: readonly PolicyFileName[];
  readonly counts: {
    /** Principals that gain something. */
    readonly gaining: number;
    /** Principals that lose something. */
    readonly losing: number;
    /** So many were looked at; a principal in a tenant is one. */
    readonly pairs: number;
    /** What Casbin was asked. */
    readonly decisions: number;
  };
}

export interface DiffOptions {
  /** Only what concerns topics of this tenant. Then the answer says nothing of any other. */
  readonly tenant?: string | undefined;
  /** Topics that exist: those among them that a pattern covers are named beside it. */
  readonly topics?: Iterable<OwnedTopic>;
  /** So much is asked at most; 2,000,000 take about half a minute. */
  readonly maxDecisions?: number;
  /** So many principals are looked at in a tenant, all tenants together. */
  readonly maxPairs?: number;
  readonly onProgress?: (done: { readonly pairs: number; readonly decisions: number }) => void;
  readonly signal?: AbortSignal;
}

const defaultMaxDecisions = 2_000_000;
const defaultMaxPairs = 1_000_000;

/**
 * Compares what two policies allow, and not what they say: every right that somebody has under one and not under the other,
 * decided by Casbin on both sides. Lets waiting calls run in between.
 *
 * @param older, newer need not pass their matrix
 * @throws Error when a matcher cannot be evaluated; the signal's reason when that is aborted
 */
export async function diffPolicies(
  older: LoadedPolicy,
  newer: LoadedPolicy,
  options: DiffOptions = {},
): Promise<PolicyDiff> {
  const { tenant } = options;
  const sides = { old: await Side.of(older), new: await Side.of(newer) };
  const lines = { old: await ChangedLines.between(older, newer), new: await ChangedLines.between(newer, older) };
  const models = compareModels(older, newer);
  const origins: Origins = { sides, lines, matcherChanged: models.matcherChanged };
  const work = new Work(options);
  const found = await compareAccess({ ...models, ...sides, budget: work }, origins, work, tenant);

  const named = await NamedTopics.of([older, newer], options.topics ?? []);
  const pace = new Pace();
  const changes: ToldChange[] = [];
  for (const change of found.changes) changes.push(await named.told(change, pace));
  const settings = await settingChanges(older, newer, tenant);
  const hasChangedLines = [lines.old, lines.new].some(({ rules, assignments }) => rules.size + assignments.size > 0);
  return {
    oldVersion: older.files.version,
    newVersion: newer.files.version,
    widens: found.gaining > 0 || work.exceeded !== undefined || settings.standings.some(({ widens }) => widens),
    incomplete: work.exceeded,
    changes,
    ...settings,
    withoutEffect: work.exceeded === undefined ? idleLines(origins, found.causes, tenant) : [],
    textOnly: tenant === undefined ? differInTextAlone(older, newer, settings, hasChangedLines) : [],
    counts: { gaining: found.gaining, losing: found.losing, pairs: work.pairs, decisions: work.decisions },
  };
}

interface FoundChanges {
  readonly changes: Awaited<ReturnType<ChangeGroups["all"]>>;
  readonly gaining: number;
  readonly losing: number;
  /** The places of all lines that made a difference. */
  readonly causes: ReadonlySet<string>;
}

async function compareAccess(
  comparison: Comparison,
  origins: Origins,
  work: Work,
  only: string | undefined,
): Promise<FoundChanges> {
  const sides = [comparison.old, comparison.new] as const;
  const tenants = tenantsOf(sides).filter((tenant) => only === undefined || tenant === only);
  const known = new Map<string, readonly KeyedEffect[]>();
  const groups = new ChangeGroups();
  const causes = new Set<string>();
  const pace = new Pace();
  const [gaining, losing] = [new Set<string>(), new Set<string>()];
  const pairs = affectedPairs(sides, [origins.lines.old, origins.lines.new], comparison.reach, tenants);
  for await (const pair of pairs) {
    if (!work.begin()) break;
    const { principal, tenant } = pair;
    const asked = askedAs(principal, sides);
    const key = comparison.isShared
      ? sides.map((side) => side.classOf(asked, tenant)).join("\n\n")
      : `${principal} ${tenant}`;
    let effects = known.get(key);
    if (effects === undefined) {
      const decided = await effectsOn(comparison, asked, tenant, pace);
      if (decided === undefined) break;
      effects = decided.map(withKey);
      if (comparison.isShared) known.set(key, effects);
    }
    for (const effect of effects) {
      const why = causesOf(origins, effect.rules, principal, tenant);
      groups.add(pair, effect, why);
      for (const cause of why) causes.add(placeOf(cause));
      (effect.change === "gain" ? gaining : losing).add(principal);
    }
  }
  return { changes: await groups.all(), gaining: gaining.size, losing: losing.size, causes };
}

/** Keeps to the bounds of a look that could otherwise take hours. */
class Work implements Budget {
  readonly #options: DiffOptions;
  decisions = 0;
  pairs = 0;
  exceeded: string | undefined;

  constructor(options: DiffOptions) {
    this.#options = options;
  }

  /** Another principal in a tenant. */
  begin(): boolean {
    const { maxPairs = defaultMaxPairs, signal, onProgress } = this.#options;
    signal?.throwIfAborted();
    onProgress?.({ pairs: this.pairs, decisions: this.decisions });
    if (this.pairs >= maxPairs) this.exceeded = `the rights of more than ${maxPairs} principals can have changed`;
    else this.pairs += 1;
    return this.exceeded === undefined;
  }

  spend(questions: number): boolean {
    const { maxDecisions = defaultMaxDecisions, signal } = this.#options;
    signal?.throwIfAborted();
    if (this.decisions + questions > maxDecisions) this.exceeded = `it takes more than ${maxDecisions} decisions`;
    else this.decisions += questions;
    return this.exceeded === undefined;
  }
}

function idleLines({ sides, lines }: Origins, causes: ReadonlySet<string>, only: string | undefined): ChangedLine[] {
  return (["old", "new"] as const).flatMap((side) => {
    const { source, rules, assignments } = lines[side];
    const all = [...rules, ...assignments].toSorted((one, other) => one.line - other.line);
    return all
      .filter(({ line, tenant }) => !causes.has(`${side} ${source}:${line}`) && (only === undefined || tenant === only))
      .map((row) => {
        const text = "member" in row ? assignmentAsWritten(row, sides[side].policy) : row.text;
        return { side, place: `${source}:${row.line}`, text };
      });
  });
}

function placeOf({ side, place }: Cause): string {
  return `${side ?? ""} ${place ?? ""}`;
}

import { mkdir, rename, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { OperatorError } from "../errors.js";
import { type TopicEnd, writeCheckpoint } from "../log/checkpoint.js";
import { CompactTarget, type TargetCommit } from "../log/compact-target.js";
import { DataDirectory, layout } from "../log/data-directory.js";
import { isMissing, syncDirectory } from "../log/durable-files.js";
import { Journal } from "../log/journal.js";
import { blockBytes } from "../log/journal-format.js";
import { type Manifest, manifestName, manifestSegment, writeManifest } from "../log/manifest.js";
import { indexPathOf, segmentFileName } from "../log/segment.js";
import { keepAside } from "./evidence.js";
import type { TopicName } from "./findings.js";
import {
  type PlanOptions,
  type RepairPlan,
  type Restart,
  isEmpty,
  lossesOf,
  planRepair,
  stepsOf,
} from "./repair-plan.js";
import type { Misplaced } from "./misplaced.js";
import { commitsOf } from "./runs.js";
import { asideName, formatProblem, requireDataDirectory, unused } from "./survey.js";
import type { Loss, Rewrite, TopicPlan } from "./topic-plan.js";

export interface RepairOptions extends PlanOptions {
  /** Without it, nothing is changed. */
  readonly yes: boolean;
  readonly now?: Date;
}

export interface RepairReport {
  /** True if there is, or was, something to do. */
  readonly isNeeded: boolean;
  readonly isDone: boolean;
  readonly steps: readonly { readonly path: string; readonly does: string }[];
  readonly losses: readonly { readonly topic: TopicName; readonly loss: Loss }[];
  readonly unknown: readonly string[];
  /** False if more records may be lost than `losses` tells. */
  readonly isLossKnown: boolean;
  readonly questions: readonly string[];
  /** What has to be moved back before anything can be said or done. */
  readonly misplaced: readonly Misplaced[];
  /** Where the files are that were replaced or removed, relative to the data directory. */
  readonly keptIn: string | undefined;
}

/**
 * Makes a stopped data directory serve again. Everything that is changed is kept aside first. It can be killed at any
 * moment: until it is over, no server starts on what is half done, and the next repair finishes.
 *
 * @throws OperatorError when a server has the directory, when a question is open, or when something has to be moved back first; nothing is changed then
 */
export async function repair(data: string, options: RepairOptions): Promise<RepairReport> {
  await requireDataDirectory(data);
  await formatProblem(data);
  await using directory = await unused(DataDirectory.openToRepair(data));
  const plan = await planRepair(data, options);
  const { unknown, isLossKnown, questions, misplaced } = plan;
  const report = {
    isNeeded: !isEmpty(plan),
    isDone: false,
    steps: stepsOf(data, plan),
    losses: lossesOf(data, plan),
    unknown,
    isLossKnown,
    questions,
    misplaced,
    keptIn: undefined,
  };
  if (!options.yes || !report.isNeeded) return report;
  if (misplaced.length > 0) {
    const findings = misplaced.map(({ path, problem }) => ({ source: path, problem }));
    throw new OperatorError("nothing was changed: something is not where it belongs", findings);
  }
  if (questions.length > 0) {
    const findings = questions.map((problem) => ({ source: "--name", problem }));
    throw new OperatorError("nothing was changed: some names have to be said first", findings);
  }
  const text = JSON.stringify(report, (_key, value: unknown) => (typeof value === "bigint" ? `${value}` : value), 2);
  const kept = await keepAside(data, changedFiles(data, plan), `${text}\n`, options.now ?? new Date());
  await carryOut(data, directory, plan);
  return { ...report, isDone: true, keptIn: relative(data, kept) };
}

/** Every file that the plan replaces or removes. */
function changedFiles(data: string, { topics, restart, format, clock }: RepairPlan): readonly string[] {
  const journal = join(data, layout.journal);
  return [
    ...(format ? [join(data, layout.format)] : []),
    ...(clock ? [join(data, layout.clock)] : []),
    ...topics.flatMap(({ directory, changesManifest, removed, rewrites }) => [
      ...(changesManifest || rewrites.length > 0 ? [join(directory, manifestName)] : []),
      ...removed,
      ...rewrites.map(({ base, generation }) => join(directory, segmentFileName(base, generation))),
    ]),
    ...(restart === undefined
      ? []
      : [
          join(journal, "checkpoint"),
          join(journal, asideName, "checkpoint"),
          ...restart.journal.files,
          ...restart.journal.rescues,
        ]),
  ];
}

async function carryOut(data: string, directory: DataDirectory, plan: RepairPlan): Promise<void> {
  const journal = join(data, layout.journal);
  if (plan.restart !== undefined) await putCheckpointAside(journal);
  const ends = new Map<string, TopicEnd>();
  for (const topic of plan.topics) {
    await carryOutTopic(topic);
    if (topic.end !== undefined && topic.end.next > 0n) ends.set(topic.name.topicId, topic.end);
  }
  if (plan.clock) await rm(join(data, layout.clock), { force: true });
  if (plan.format) await directory.markCurrent();
  if (plan.restart !== undefined) await beginAnew(journal, plan.restart, ends);
}

/** Without a checkpoint no server starts: from now on to the end of the repair. */
async function putCheckpointAside(journal: string): Promise<void> {
  const aside = join(journal, asideName);
  await mkdir(aside, { recursive: true, mode: 0o700 });
  const path = join(journal, "checkpoint");
  await rename(path, join(aside, "checkpoint")).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
  });
  await syncDirectory(aside);
  await syncDirectory(journal);
}

/** What is new is on disk before `topic.json` names it, and what is old goes only then. */
async function carryOutTopic({
  name,
  directory,
  manifest,
  changesManifest,
  rewrites,
  removed,
}: TopicPlan): Promise<void> {
  const sizes = new Map<bigint, number>();
  for (const rewrite of rewrites) sizes.set(rewrite.base, await write(directory, name.topicId, rewrite));
  if (changesManifest || rewrites.length > 0) {
    await writeManifest(directory, withSizes(manifest, sizes));
  }
  if (removed.length === 0) return;
  for (const path of removed) for (const each of [path, indexPathOf(path)]) await rm(each, { force: true });
  await syncDirectory(directory);
}

async function write(directory: string, topicId: string, { base, generation, runs }: Rewrite): Promise<number> {
  const path = join(directory, segmentFileName(base, generation));
  // What is there under that name may be kept aside as a link: it must not be written to.
  await rm(path, { force: true });
  const target = await CompactTarget.create(path);
  try {
    for (const run of runs) for await (const commits of inBatches(commitsOf(run))) await target.write(commits);
    await target.finish(topicId);
    return target.bytes;
  } catch (error) {
    await target.discard();
    throw error;
  }
}

async function* inBatches(commits: AsyncIterable<TargetCommit>): AsyncGenerator<TargetCommit[]> {
  let batch: TargetCommit[] = [];
  let bytes = 0;
  for await (const commit of commits) {
    batch.push(commit);
    bytes += commit.bytes.length;
    if (bytes < writeBytes) continue;
    yield batch;
    [batch, bytes] = [[], 0];
  }
  if (batch.length > 0) yield batch;
}

/** So much is written at a time. */
const writeBytes = 1024 * 1024;

function withSizes(manifest: Manifest, sizes: ReadonlyMap<bigint, number>): Manifest {
  const segments = manifest.segments.map((segment) => {
    const { base, generation = 0, sealed } = segment;
    const bytes = sizes.get(base);
    if (bytes === undefined || sealed === undefined) return segment;
    return manifestSegment(base, generation, { next: sealed.next, bytes });
  });
  return { ...manifest, segments };
}

/** Far behind every sequence that a group can have had of which nothing is left. */
const sequencesLeftOut = 1n << 20n;

/** An empty journal, and the checkpoint that says that the segments hold everything: the last step, and the one that counts. */
async function beginAnew(directory: string, { journal }: Restart, ends: ReadonlyMap<string, TopicEnd>): Promise<void> {
  const sequence = journal.highest + sequencesLeftOut;
  const fresh = await Journal.open(directory, sequence + 1n, { fileBytes: emptyJournalBytes, maxFiles: 2 });
  await fresh[Symbol.asyncDispose]();
  const place = { file: sequence + 1n, position: blockBytes };
  await writeCheckpoint(directory, { sequence, place, ends, rescues: new Map() });
  for (const path of journal.rescues) await rm(path, { force: true });
  await rm(join(directory, asideName), { recursive: true });
  await syncDirectory(directory);
}

/** A start makes files of its own size; this one is only to be there. */
const emptyJournalBytes = 16 * blockBytes;

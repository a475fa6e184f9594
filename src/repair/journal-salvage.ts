import { join } from "node:path";
import type { Checkpoint } from "../log/checkpoint.js";
import { layout } from "../log/data-directory.js";
import type { Sequence } from "../log/journal-format.js";
import { type ScannedJournalFile, journalFiles, scanJournalFile } from "./journal-scan.js";
import { rescueFiles, scanRescue } from "./rescue-scan.js";
import type { Run } from "./runs.js";

/** What can be had from the journal and the rescue files, damaged or not. */
export interface SalvagedJournal {
  readonly files: readonly string[];
  /** Paths of the rescue files. */
  readonly rescues: readonly string[];
  /** Commits that are as they were written, by topic. */
  readonly runs: ReadonlyMap<string, readonly Run[]>;
  /** Behind the highest offset that one of them, or the checkpoint, says was given, by topic. */
  readonly given: ReadonlyMap<string, bigint>;
  /** No group has a higher sequence, as far as anybody can tell. */
  readonly highest: Sequence;
}

/**
 * Reads every group that there is. Of one that is damaged, the commits count that are whole, if something later proves that
 * it had been durable; else nobody had been told about it, and none of it counts. What is in rescue files had been durable.
 *
 * @param checkpoint undefined if nobody can read it
 */
export async function salvageJournal(data: string, checkpoint: Checkpoint | undefined): Promise<SalvagedJournal> {
  const journal = join(data, layout.journal);
  const names = await journalFiles(journal);
  let highest = checkpoint?.sequence ?? 0n;
  for (const { first } of names) highest = max(highest, first - 1n);
  const durable = await highestDurable(names, highest);
  const runs = new Map<string, Run[]>();
  const given = new Map(checkpoint?.rescues);
  for (const { path, first } of names) {
    const file = await scanJournalFile(path, first);
    if (file === undefined) continue;
    for (const { header } of file.groups) highest = max(highest, header.isEnd ? header.sequence - 1n : header.sequence);
    take(file, durable, runs, given);
  }
  const rescues = await rescueFiles(journal);
  for (const { path, topicId } of rescues) await takeRescued(path, topicId, runs, given);
  return { files: names.map(pathOf), rescues: rescues.map(pathOf), runs, given, highest };
}

function pathOf({ path }: { readonly path: string }): string {
  return path;
}

/** The highest sequence that is known to have been on disk. */
async function highestDurable(names: Awaited<ReturnType<typeof journalFiles>>, atLeast: Sequence): Promise<Sequence> {
  let durable = atLeast;
  for (const { path, first } of names) {
    const file = await scanJournalFile(path, first);
    for (const { header } of file?.groups ?? []) durable = max(durable, header.durable);
  }
  return durable;
}

function take(
  { path, groups }: ScannedJournalFile,
  durable: Sequence,
  runs: Map<string, Run[]>,
  given: Map<string, bigint>,
): void {
  for (const group of groups) {
    if (!group.isIntact && group.header.sequence > durable) continue;
    for (const { topicId, header, isIntact, at, commit } of group.entries ?? []) {
      if (header === undefined) continue;
      const { base, last, timeMs } = header;
      given.set(topicId, max(given.get(topicId) ?? 0n, last + 1n));
      if (!isIntact) continue;
      add({ path, position: at, bytes: commit.length, base, last, timeMs, from: base }, topicId, runs);
    }
  }
}

async function takeRescued(
  path: string,
  topicId: string,
  runs: Map<string, Run[]>,
  given: Map<string, bigint>,
): Promise<void> {
  const rescue = await scanRescue(path, topicId);
  let next = max(given.get(topicId) ?? 0n, rescue?.header?.next ?? 0n);
  for (const part of rescue?.parts ?? []) {
    if (part.kind === "damage") continue;
    const { base, last, timeMs } = part.header;
    next = max(next, last + 1n);
    add({ path, position: part.at, bytes: part.commit.length, base, last, timeMs, from: base }, topicId, runs);
  }
  given.set(topicId, next);
}

function add(run: Run, topicId: string, runs: Map<string, Run[]>): void {
  const known = runs.get(topicId);
  if (known === undefined) runs.set(topicId, [run]);
  else known.push(run);
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

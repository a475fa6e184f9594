import { join } from "node:path";
import { layout } from "../log/data-directory.js";
import type { Sequence } from "../log/journal-format.js";
import { type ScannedJournalFile, journalFiles, scanJournalFile } from "./journal-scan.js";
import type { Run } from "./runs.js";

/** What can be had from the journal, damaged or not. */
export interface SalvagedJournal {
  readonly files: readonly string[];
  /** Commits that are as they were written, by topic. */
  readonly runs: ReadonlyMap<string, readonly Run[]>;
  /** Behind the highest offset that the journal says was given, by topic. */
  readonly given: ReadonlyMap<string, bigint>;
  /** No group has a higher sequence, as far as anybody can tell. */
  readonly highest: Sequence;
}

/**
 * Reads every group that there is. Of one that is damaged, the commits count that are whole, if something later proves that
 * it had been durable; else nobody had been told about it, and none of it counts.
 *
 * @param checkpointed the highest sequence that the segments are known to hold
 */
export async function salvageJournal(data: string, checkpointed: Sequence): Promise<SalvagedJournal> {
  const names = await journalFiles(join(data, layout.journal));
  let highest = checkpointed;
  for (const { first } of names) highest = max(highest, first - 1n);
  const durable = await highestDurable(names, highest);
  const runs = new Map<string, Run[]>();
  const given = new Map<string, bigint>();
  for (const { path, first } of names) {
    const file = await scanJournalFile(path, first);
    if (file === undefined) continue;
    for (const { header } of file.groups) highest = max(highest, header.isEnd ? header.sequence - 1n : header.sequence);
    take(file, durable, runs, given);
  }
  return { files: names.map(({ path }) => path), runs, given, highest };
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
      const known = runs.get(topicId);
      const run = { path, position: at, bytes: commit.length, base, last, timeMs, from: base };
      if (known === undefined) runs.set(topicId, [run]);
      else known.push(run);
    }
  }
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

import type { Cell, Disk, ModelDirectory, ModelFile } from "./disk.js";
import { type JournalCell, firstOf, headerOf, intactGroup, nameOf } from "./journal.js";
import type { Random } from "./random.js";
import { type Commit, type SegmentCell, commitAt } from "./records.js";
import { replay } from "./replay.js";
import type { Rules } from "./rules.js";
import type { ModelCheckpoint } from "./store.js";
import { segmentName } from "./topic.js";

/** What a disk may do to what is on it. The server is down, and nothing is in the cache alone. */
export function damage(disk: Disk, random: Random, rules: Rules): void {
  random.pick([damageGroup, damageLastGroup, loseJournalFile, damageSegment])!(disk, random, rules);
}

/** A group above the checkpoint behind which there is another. */
function damageGroup(disk: Disk, random: Random, rules: Rules): void {
  const { journal, groups } = groupsAbove(disk, rules);
  const victim = random.pick(groups.slice(0, -1));
  if (victim !== undefined)
    overwrite(journal.file(victim.name)!, victim.position + random.below(victim.cells), undefined);
}

/** The last group, of which a segment has a commit already: without that, it would look like a torn write. */
function damageLastGroup(disk: Disk, _random: Random, rules: Rules): void {
  const { journal, groups } = groupsAbove(disk, rules);
  const last = groups.at(-1);
  if (last === undefined) return;
  const topics = disk.root.directory("topics")!;
  const isProven = firstEntries(last.group.entries).some(({ topicId, segmentBase, position, commit }) => {
    const cells = topics.directory(topicId)?.file(segmentName(segmentBase, 0))?.cache ?? [];
    return commitAt(cells, position) === commit;
  });
  if (isProven) overwrite(journal.file(last.name)!, last.position, undefined);
}

/** A file with groups above the checkpoint, or the one that would get the next. */
function loseJournalFile(disk: Disk, random: Random): void {
  const journal = disk.root.directory("journal")!;
  const { sequence } = checkpointOf(journal);
  const above = journal.names.filter((name) => (firstOf(name) ?? 0) > sequence);
  const name = random.pick(above);
  if (name === undefined) return;
  journal.cache.delete(name);
  journal.disk.delete(name);
}

/** A commit of a segment reads as another. */
function damageSegment(disk: Disk, random: Random): void {
  const topic = disk.root.directory("topics")!;
  const directory = topic.directory(random.pick(topic.names) ?? "");
  const file = directory?.file(random.pick(directory.names.filter((name) => name.endsWith(".log"))) ?? "");
  if (file === undefined) return;
  const at = random.below(file.cache.length);
  const commit = commitAt(file.cache, at);
  if (commit === undefined) return;
  const records = commit.records.map((record) => ({ ...record }));
  const damaged: Commit = { ...commit, records, isDamaged: true };
  for (let part = 0; part < commit.cells; part++) {
    overwrite(file, at + part, { commit: damaged, part } satisfies SegmentCell);
  }
}

interface FoundGroup {
  readonly name: string;
  readonly position: number;
  readonly cells: number;
  readonly group: JournalCell["group"];
}

function groupsAbove(disk: Disk, rules: Rules): { journal: ModelDirectory; groups: FoundGroup[] } {
  const journal = disk.root.directory("journal")!;
  const { sequence, place } = checkpointOf(journal);
  const groups: FoundGroup[] = [];
  const replayed = replay(journal, sequence, place, rules);
  for (const name of journal.names) {
    const first = firstOf(name);
    if (first === undefined) continue;
    const file = journal.file(nameOf(first))!;
    const header = headerOf(file);
    for (let at = 1; header !== undefined && at < file.cache.length;) {
      const group = (file.cache[at] as JournalCell | undefined)?.group;
      if (group === undefined) break;
      const found = intactGroup(file, at, header, group.sequence, rules);
      if (found === undefined) break;
      const isAbove = group.sequence > sequence && group.sequence <= replayed.sequence;
      if (isAbove) groups.push({ name, position: at, cells: found.end - at, group });
      at = found.end;
    }
  }
  return { journal, groups: groups.sort((a, b) => a.group.sequence - b.group.sequence) };
}

/** Of each topic, the first. */
function firstEntries(entries: JournalCell["group"]["entries"]): JournalCell["group"]["entries"] {
  return entries.filter((entry, index) => entries.findIndex(({ topicId }) => topicId === entry.topicId) === index);
}

function checkpointOf(journal: ModelDirectory): ModelCheckpoint {
  return journal.file("checkpoint")!.cache[0] as ModelCheckpoint;
}

function overwrite(file: ModelFile, at: number, cell: Cell): void {
  file.cache[at] = cell;
  file.disk[at] = cell;
}

import { stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { OperatorError, WrongSettings } from "../errors.js";
import { type CommitHeader, commitHeaderBytes } from "../log/commit.js";
import { isMissing } from "../log/durable-files.js";
import { sequenceOfName } from "../log/journal-format.js";
import { type ProducerSection, decodeSection } from "../log/producer-section.js";
import { topicOfRescue } from "../log/rescue.js";
import { segmentFileName } from "../log/segment.js";
import { type ScannedGroup, scanJournalFile } from "./journal-scan.js";
import { scanRescue } from "./rescue-scan.js";
import { segmentOfName } from "./segment-names.js";
import { scanSegment } from "./segment-scan.js";
import { requireDataDirectory, survey } from "./survey.js";
import { type TopicFilter, selected } from "./topic-filter.js";

/** One line of a dump. */
export type DumpedPart = DumpedCommit | DumpedDamage | DumpedGroup | DumpedRescue;

export interface DumpedCommit {
  readonly type: "commit";
  readonly path: string;
  /** Of the commit, in bytes. */
  readonly position: number;
  readonly bytes: number;
  readonly header: CommitHeader;
  readonly isIntact: boolean;
  /** What it says of producers; undefined if it says nothing, or nothing that can be read. */
  readonly producers: ProducerSection | undefined;
  /** The records, as a serialised ConsumeResponse. */
  readonly frames: Buffer;
}

export interface DumpedDamage {
  readonly type: "damage";
  readonly path: string;
  readonly position: number;
  readonly bytes: number;
  /** The offset that belongs there. */
  readonly offset: bigint;
  readonly found: string;
}

/** A group of the journal; its commits follow. */
export interface DumpedGroup {
  readonly type: "group";
  readonly path: string;
  readonly position: number;
  readonly bytes: number;
  readonly sequence: bigint;
  readonly durable: bigint;
  /** True for the mark that says which file comes next: `sequence` is its first. */
  readonly isEnd: boolean;
  readonly isIntact: boolean;
  /** Undefined where damage keeps them from being told apart. */
  readonly commits: number | undefined;
}

/** What a rescue file says of itself; its commits follow. */
export interface DumpedRescue {
  readonly type: "rescue";
  readonly path: string;
  readonly position: 0;
  readonly bytes: number;
  readonly topicId: string;
  /** The offset behind the last record; undefined if its header is damaged. */
  readonly next: bigint | undefined;
  /** False if something in the file is not what was written. */
  readonly isIntact: boolean;
  /** Those that are whole. */
  readonly commits: number;
}

/** Everything in a segment, a journal file or a rescue file, in its order; of a segment from the commit with offset `from` on. */
export async function* dumpFile(path: string, from = 0n): AsyncGenerator<DumpedPart> {
  const segment = segmentOfName(basename(path));
  const first = sequenceOfName(basename(path));
  const rescued = topicOfRescue(basename(path));
  const found = await stat(path).catch((error: unknown) => {
    throw notAFile(path, isMissing(error) ? "there is no such file" : String(error));
  });
  if (!found.isFile()) throw notAFile(path, "it is no file");
  if (first !== undefined) yield* dumpJournal(path, first);
  else if (rescued !== undefined) yield* dumpRescue(path, rescued);
  else if (segment !== undefined && !segment.isIndex) yield* dumpSegment(path, segment, basename(dirname(path)), from);
  else
    throw notAFile(
      path,
      "its name is neither that of a segment, such as 00000000000000000000.log, nor of a journal file, nor of a rescue file",
    );
}

/** Everything in the segments of one topic, from the commit with offset `from` on. */
export async function* dumpTopic(data: string, filter: TopicFilter, from = 0n): AsyncGenerator<DumpedPart> {
  await requireDataDirectory(data);
  const { topics } = await survey(data);
  const chosen = selected(topics, filter);
  const [topic, other] = chosen;
  if (other !== undefined) {
    const tenants = chosen.map(({ name }) => name.tenant).join(", ");
    throw new OperatorError("there are several such topics", [{ source: "--tenant", problem: `one of ${tenants}` }]);
  }
  if (topic?.manifest === undefined) {
    const problem = `${topic?.problem ?? ""}: name a file instead`;
    throw new OperatorError("topic.json cannot be read", [{ source: "--topic", problem }]);
  }
  const { directory, name, manifest } = topic;
  for (const { base, generation = 0, sealed } of manifest.segments) {
    if (sealed !== undefined && sealed.next <= from) continue;
    const path = join(directory, segmentFileName(base, generation));
    const isThere = await stat(path).then(
      () => true,
      () => false,
    );
    // The segment that takes the next commit has no file before that.
    if (sealed !== undefined || isThere) yield* dumpSegment(path, { base, generation }, name.topicId, from);
  }
}

async function* dumpSegment(
  path: string,
  { base, generation }: { readonly base: bigint; readonly generation: number },
  topicId: string,
  from: bigint,
): AsyncGenerator<DumpedPart> {
  for await (const part of scanSegment({ path, topicId, base, generation, next: undefined, bytes: undefined })) {
    const { position } = part;
    if (part.kind === "damage") {
      const { end, offset, found } = part;
      if (offset >= from || end > position)
        yield { type: "damage", path, position, bytes: end - position, offset, found };
      continue;
    }
    const { header, bytes } = part;
    if (header.last < from) continue;
    yield dumpCommit(path, position, header, bytes, true);
  }
}

async function* dumpJournal(path: string, first: bigint): AsyncGenerator<DumpedPart> {
  const file = await scanJournalFile(path, first);
  if (file === undefined) return;
  if (file.problem !== undefined) {
    yield { type: "damage", path, position: 0, bytes: file.bytes, offset: 0n, found: file.problem };
  }
  for (const group of file.groups) yield* dumpGroup(path, group);
}

function* dumpGroup(path: string, { position, header, end, isIntact, entries }: ScannedGroup): Generator<DumpedPart> {
  const { sequence, durable, isEnd } = header;
  const commits = entries?.length;
  yield { type: "group", path, position, bytes: end - position, sequence, durable, isEnd, isIntact, commits };
  for (const entry of entries ?? []) {
    const bytes = entry.commit.length;
    if (entry.header === undefined) {
      yield { type: "damage", path, position: entry.at, bytes, offset: 0n, found: "no commit header" };
    } else yield dumpCommit(path, entry.at, entry.header, entry.commit, entry.isIntact);
  }
}

async function* dumpRescue(path: string, topicId: string): AsyncGenerator<DumpedPart> {
  const rescue = await scanRescue(path, topicId);
  if (rescue === undefined) return;
  const { bytes, header, isIntact, parts } = rescue;
  const commits = parts.filter(({ kind }) => kind === "commit").length;
  yield { type: "rescue", path, position: 0, bytes, topicId, next: header?.next, isIntact, commits };
  let offset = 0n;
  for (const part of parts) {
    if (part.kind === "damage") {
      const { position, end } = part;
      yield { type: "damage", path, position, bytes: end - position, offset, found: "no whole commit of the topic" };
      continue;
    }
    yield dumpCommit(path, part.at, part.header, part.commit, true);
    offset = part.header.last + 1n;
  }
}

function dumpCommit(
  path: string,
  position: number,
  header: CommitHeader,
  bytes: Buffer,
  isIntact: boolean,
): DumpedCommit {
  const section = bytes.subarray(commitHeaderBytes, header.headerBytes);
  const producers = section.length === 0 ? undefined : decodeSection(section);
  const frames = bytes.subarray(header.headerBytes);
  return { type: "commit", path, position, bytes: bytes.length, header, isIntact, producers, frames };
}

function notAFile(path: string, problem: string): OperatorError {
  return new WrongSettings("nothing to look into", [{ source: path, problem }]);
}

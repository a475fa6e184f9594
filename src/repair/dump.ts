import { stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { OperatorError, WrongSettings } from "../errors.js";
import type { CommitHeader } from "../log/commit.js";
import { isMissing } from "../log/durable-files.js";
import { sequenceOfName } from "../log/journal-format.js";
import { segmentFileName } from "../log/segment.js";
import { type ScannedGroup, scanJournalFile } from "./journal-scan.js";
import { segmentOfName } from "./segment-names.js";
import { scanSegment } from "./segment-scan.js";
import { requireDataDirectory, survey } from "./survey.js";
import { type TopicFilter, selected } from "./topic-filter.js";

/** One line of a dump. */
export type DumpedPart = DumpedCommit | DumpedDamage | DumpedGroup;

export interface DumpedCommit {
  readonly type: "commit";
  readonly path: string;
  /** Of the commit, in bytes. */
  readonly position: number;
  readonly bytes: number;
  readonly header: CommitHeader;
  readonly isIntact: boolean;
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

/** Everything in a segment or a journal file, in its order; of a segment from the commit with offset `from` on. */
export async function* dumpFile(path: string, from = 0n): AsyncGenerator<DumpedPart> {
  const segment = segmentOfName(basename(path));
  const first = sequenceOfName(basename(path));
  const found = await stat(path).catch((error: unknown) => {
    throw notAFile(path, isMissing(error) ? "there is no such file" : String(error));
  });
  if (!found.isFile()) throw notAFile(path, "it is no file");
  if (first !== undefined) yield* dumpJournal(path, first);
  else if (segment !== undefined && !segment.isIndex) yield* dumpSegment(path, segment, basename(dirname(path)), from);
  else
    throw notAFile(
      path,
      "its name is neither that of a segment, such as 00000000000000000000.log, nor of a journal file",
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
    const frames = bytes.subarray(header.headerBytes);
    yield { type: "commit", path, position, bytes: bytes.length, header, isIntact: true, frames };
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
      continue;
    }
    const frames = entry.commit.subarray(entry.header.headerBytes);
    yield { type: "commit", path, position: entry.at, bytes, header: entry.header, isIntact: entry.isIntact, frames };
  }
}

function notAFile(path: string, problem: string): OperatorError {
  return new WrongSettings("nothing to look into", [{ source: path, problem }]);
}

import { type FileHandle, lstat, mkdir, open, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { OperatorError } from "../errors.js";
import {
  type BackupFile,
  type BackupManifest,
  type BackupProgress,
  backupData,
  copyBytes,
  makeParent,
  syncTree,
  writeBackupManifest,
} from "./backup-files.js";
import { type CopiedJournal, copyJournal } from "./backup-journal.js";
import { copyPolicy } from "./backup-policy.js";
import { deletedName, isLeftover, topicDirectory } from "./catalog.js";
import { type Checkpoint, type TopicEnd, readCheckpoint, writeCheckpoint } from "./checkpoint.js";
import { layout, readFormat } from "./data-directory.js";
import { isMissing, syncDirectory } from "./durable-files.js";
import { type Manifest, manifestName, manifestSegment, readManifest, writeManifest } from "./manifest.js";
import { emptyEnd } from "./recovery.js";
import { readRescue, rescuePath } from "./rescue.js";
import { segmentFileName } from "./segment.js";
import { Unfinished, findUnfinished, inShell } from "./unfinished.js";

/** While files are taken away faster than they can be copied, a backup begins again with a later checkpoint. */
const mostRounds = 200;

export interface BackupOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: BackupProgress) => void;
}

/**
 * Copies a data directory, also while a server writes to it, as a crash at one moment after the call would have left it: all
 * that was acknowledged before is in it. Reads only. The copy is at `target` when it is whole, and not before.
 *
 * @throws OperatorError when `target` is there, or `source` is no data directory that this code reads
 */
export async function backUp(source: string, target: string, options: BackupOptions = {}): Promise<BackupManifest> {
  const partial = `${target}.partial`;
  if (await exists(target)) throw new OperatorError(`${target} is there already; nothing was changed`);
  await readFormat(source);
  if (`${resolve(target)}/`.startsWith(`${resolve(source)}/`)) {
    throw new OperatorError(`${target} is in the data directory itself; nothing was changed`);
  }
  await mkdir(partial, { mode: 0o700 }).catch((error: unknown) => {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    return refuseTaken(partial);
  });
  try {
    await using unfinished = await Unfinished.begin(partial, "backup.incomplete", resolve(source));
    const manifest = await new Backup(source, partial, options).run();
    await writeBackupManifest(partial, manifest);
    await syncTree(partial);
    await unfinished.finish();
    await rename(partial, target);
    await syncDirectory(dirname(resolve(target)));
    return manifest;
  } catch (error) {
    await rm(partial, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  }
}

/** @throws OperatorError that says who writes there, or what to do */
async function refuseTaken(partial: string): Promise<never> {
  const found = await findUnfinished(partial, "backup.incomplete");
  if (found === undefined) {
    throw new OperatorError(`${partial} is there, and is needed for the copy: move it away; nothing was changed`);
  }
  if (found.isUnderWay) {
    throw new OperatorError(`another backup is writing ${partial}: wait until it has ended; nothing was changed`);
  }
  throw new OperatorError(
    `${partial} is what a backup left that was cut short; nothing was changed. ` +
      `Nobody needs it: remove it with \`rm -r ${inShell(partial)}\`, then run the same again`,
  );
}

/** Files that the checkpoint needs went away while they were copied. */
class Overtaken extends Error {}

interface FoundTopic {
  readonly directory: string;
  readonly manifest: Manifest;
}

class Backup {
  readonly #source: string;
  readonly #data: string;
  readonly #options: BackupOptions;
  /** What is copied of segments, by path: what is below a checkpoint stays as it is. */
  readonly #copied = new Map<string, BackupFile>();
  #bytes = 0;

  constructor(source: string, partial: string, options: BackupOptions) {
    this.#source = source;
    this.#data = join(partial, backupData);
    this.#options = options;
  }

  async run(): Promise<BackupManifest> {
    for (let round = 1; ; round++) {
      this.#options.signal?.throwIfAborted();
      try {
        return await this.#copy();
      } catch (error) {
        if (!(error instanceof Overtaken)) throw error;
        if (round === mostRounds) {
          throw new OperatorError(`${this.#source} changes faster than it can be copied (${mostRounds} attempts)`);
        }
      }
    }
  }

  /**
   * First the checkpoint, then what names files, then the journal: so that the journal has everything that a manifest may speak
   * of, and the manifests name everything that the checkpoint needs. @throws Overtaken
   */
  async #copy(): Promise<BackupManifest> {
    const journalDirectory = join(this.#source, layout.journal);
    const checkpoint = await readCheckpoint(journalDirectory);
    const rescues = await readRescues(journalDirectory, checkpoint);
    const topics = await this.#topics();
    const journal = await copyJournal(journalDirectory, checkpoint);
    if (journal === undefined) throw new Overtaken();
    await this.#addNew(topics, journal, checkpoint);
    refuseTwins(topics);
    const needed = new Set<string>();
    for (const [topicId, topic] of topics) await this.#copySegments(topic, checkpoint.ends.get(topicId), needed);
    for (const path of this.#copied.keys()) if (!needed.has(path)) await this.#forget(path);
    return this.#finish(checkpoint, rescues, topics, journal);
  }

  /** Every topic that there is now, by its id. */
  async #topics(): Promise<Map<string, FoundTopic>> {
    const tenants = join(this.#source, layout.tenants);
    const topics = new Map<string, FoundTopic>();
    for (const tenant of await readdir(tenants)) {
      const parent = join(tenants, tenant, "topics");
      const names = await readdir(parent).catch((error: unknown) => {
        if (isMissing(error)) return [];
        throw error;
      });
      for (const name of names) {
        if (isLeftover(name)) continue;
        const directory = join(parent, name);
        const manifest = await manifestIn(directory);
        if (manifest !== undefined) topics.set(manifest.topicId, { directory, manifest });
      }
    }
    return topics;
  }

  /** Adds those that were created since, and of which the journal has records. All of them are in the journal. */
  async #addNew(topics: Map<string, FoundTopic>, journal: CopiedJournal, { ends }: Checkpoint): Promise<void> {
    if ([...journal.ends.keys()].every((topicId) => topics.has(topicId))) return;
    for (const [topicId, { directory, manifest }] of await this.#topics()) {
      const next = journal.ends.get(topicId);
      if (topics.has(topicId) || next === undefined || ends.has(topicId)) continue;
      const startOffset = manifest.startOffset < next ? manifest.startOffset : next;
      const begun = { ...manifest, startOffset, compactedTo: 0n, ageMark: undefined, segments: [{ base: 0n }] };
      topics.set(topicId, { directory, manifest: begun });
    }
  }

  /** Copies what the checkpoint says to be in a topic's segments. @throws Overtaken if it is not there any more */
  async #copySegments(
    { directory, manifest }: FoundTopic,
    end: TopicEnd = emptyEnd,
    needed: Set<string>,
  ): Promise<void> {
    for (const { base, generation, sealed } of segmentsBelow(manifest, end)) {
      const bytes = sealed?.bytes ?? end.position;
      if (bytes > 0) needed.add(await this.#copySegment(join(directory, segmentFileName(base, generation)), bytes));
    }
  }

  async #copySegment(from: string, bytes: number): Promise<string> {
    const path = relative(this.#source, from);
    if (this.#copied.get(path)?.bytes === bytes) return path;
    await this.#forget(path);
    const file = await openIfThere(from);
    if (file === undefined) throw new Overtaken();
    try {
      const { size } = await file.stat();
      if (size < bytes) throw new OperatorError(`${from} is damaged: it has ${size} bytes instead of ${bytes}`);
      await this.#copyFrom(file, bytes, path);
    } finally {
      await file.close();
    }
    return path;
  }

  async #copyFrom(file: FileHandle, bytes: number, path: string): Promise<void> {
    const target = join(this.#data, path);
    await makeParent(target);
    const sha256 = await copyBytes(file, bytes, target, this.#options.signal);
    this.#copied.set(path, { path, bytes, sha256 });
    this.#bytes += bytes;
    this.#options.onProgress?.({ files: this.#copied.size, bytes: this.#bytes, fraction: undefined });
  }

  async #forget(path: string): Promise<void> {
    this.#copied.delete(path);
    await rm(join(this.#data, path), { force: true });
  }

  /** Writes all that is small. */
  async #finish(
    checkpoint: Checkpoint,
    rescues: ReadonlyMap<string, Buffer>,
    topics: ReadonlyMap<string, FoundTopic>,
    journal: CopiedJournal,
  ): Promise<BackupManifest> {
    const journalDirectory = join(this.#data, layout.journal);
    await mkdir(journalDirectory, { recursive: true, mode: 0o700 });
    await writeCheckpoint(journalDirectory, checkpoint);
    const written = [`${layout.journal}/checkpoint`];
    for (const [topicId, bytes] of rescues) {
      const path = rescuePath(journalDirectory, topicId);
      await writeFile(path, bytes, { mode: 0o600, flush: true });
      // What is damaged here was damaged where it came from.
      await readRescue(journalDirectory, topicId, checkpoint.rescues.get(topicId)!);
      written.push(relative(this.#data, path));
    }
    for (const { name, bytes, fileBytes } of journal.files) {
      await writeSparse(join(journalDirectory, name), bytes, fileBytes);
      written.push(`${layout.journal}/${name}`);
    }
    for (const { directory, manifest } of topics.values()) {
      const path = relative(this.#source, directory);
      const own = join(this.#data, path);
      await mkdir(own, { recursive: true, mode: 0o700 });
      const end = checkpoint.ends.get(manifest.topicId) ?? emptyEnd;
      await writeManifest(own, { ...manifest, segments: segmentsBelow(manifest, end) });
      written.push(`${path}/${manifestName}`);
    }
    for (const name of [layout.clock, layout.format]) {
      const bytes = await readFile(join(this.#source, name)).catch((error: unknown) => {
        if (isMissing(error) && name === layout.clock) return undefined;
        throw error;
      });
      if (bytes === undefined) continue;
      await writeFile(join(this.#data, name), bytes, { mode: 0o600, flush: true });
      written.push(name);
    }
    written.push(...(await copyPolicy(this.#source, this.#data)));
    const files = [...this.#copied.values()];
    for (const path of written) files.push(await described(this.#data, path));
    const directories = gone(checkpoint, topics, journal);
    return { format: "aclog-backup", version: 1, createdMs: Date.now(), topics: topics.size, files, directories };
  }
}

/** What could not be brought to segments, by topic. Read before the journal, so that it has nothing that the copy of that lacks. */
async function readRescues(journalDirectory: string, { rescues }: Checkpoint): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (const topicId of rescues.keys()) {
    const bytes = await readFile(rescuePath(journalDirectory, topicId)).catch((error: unknown) => {
      if (isMissing(error)) throw new Overtaken();
      throw error;
    });
    found.set(topicId, bytes);
  }
  return found;
}

/** What a manifest says of segments that the checkpoint reaches into, as recovery takes it. */
function segmentsBelow({ segments }: Manifest, end: TopicEnd): Manifest["segments"] {
  const below = segments.filter(({ base }) => base < end.segmentBase);
  return [...below, manifestSegment(end.segmentBase, 0, undefined)];
}

/** Places for topics that were deleted meanwhile, so that a start knows that they were: the checkpoint or the journal names them. */
function gone(
  checkpoint: Checkpoint,
  topics: ReadonlyMap<string, FoundTopic>,
  journal: CopiedJournal,
): readonly string[] {
  const named = new Set([...checkpoint.ends.keys(), ...journal.ends.keys()]);
  return [...named]
    .filter((topicId) => !topics.has(topicId))
    .map((topicId) => `${layout.tenants}/_system/topics/${deletedName(topicId)}`);
}

/** One may have been deleted, and another created under its name, while they were looked at. @throws Overtaken */
function refuseTwins(topics: ReadonlyMap<string, FoundTopic>): void {
  const names = new Set([...topics.values()].map(({ manifest: { tenant, topic } }) => `${tenant}/${topic}`));
  if (names.size < topics.size) throw new Overtaken();
}

/** Undefined if the topic is deleted meanwhile. */
async function manifestIn(directory: string): Promise<Manifest | undefined> {
  try {
    const manifest = await readManifest(directory);
    if (topicDirectory(join(directory, "../../.."), manifest) === directory) return manifest;
    throw new OperatorError(`${directory} says that it is topic ${manifest.topicId} of ${manifest.tenant}`);
  } catch (error) {
    if (await exists(directory)) throw error;
    return undefined;
  }
}

async function described(data: string, path: string): Promise<BackupFile> {
  const file = await open(join(data, path), "r");
  try {
    const { size } = await file.stat();
    return { path, bytes: size, sha256: await copyBytes(file, size, undefined) };
  } finally {
    await file.close();
  }
}

async function writeSparse(path: string, bytes: Buffer, fileBytes: number): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await file.writeFile(bytes);
    await file.truncate(fileBytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  return open(path, "r").catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: unknown) => {
      if (isMissing(error)) return false;
      throw error;
    },
  );
}

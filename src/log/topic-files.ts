import { unlink } from "node:fs/promises";
import { join } from "node:path";
import type { TopicEnd } from "./checkpoint.js";
import { isMissing, syncDirectory } from "./durable-files.js";
import { FileWork } from "./file-work.js";
import { type Manifest, type ProducersMark, manifestSegment, readManifest, writeManifest } from "./manifest.js";
import type { Gatherer } from "./gatherer.js";
import type { OpenFiles } from "./open-files.js";
import type { Rescue } from "./rescue.js";
import { type SealedSegment, Segment, indexPathOf, segmentFileName } from "./segment.js";

/** One for all: most topics never have anything under way. */
const nothing: Promise<unknown> = Promise.resolve();

/** What a manifest says beside names and segments: all of it changes durably or not at all. */
export type TopicState = Pick<Manifest, "settings" | "startOffset" | "compactedTo" | "ageMark" | "producers">;

/**
 * What one topic has on disk: its segments, and the `topic.json` that names them. Every change of `topic.json` goes
 * through here, one after the other, so that none puts back what another has replaced.
 */
export class TopicFiles {
  readonly directory: string;
  readonly identity: Pick<Manifest, "tenant" | "topic" | "topicId" | "createdMs">;
  readonly #open: OpenFiles;
  readonly #work = new FileWork();
  #state: TopicState;
  #segments: Segment[];
  /** Base of the last segment that was synced and is in `topic.json`; -1 if there is none. */
  #syncedBase: bigint;
  #changing = nothing;
  #rescue: Rescue | undefined;
  /** Of the last segment that was begun without a commit: no commit of it says what was known of producers before. */
  #producers: ProducersMark | undefined;

  /** @param position bytes in the active segment */
  constructor(open: OpenFiles, directory: string, manifest: Manifest, position: number) {
    const { tenant, topic, topicId, createdMs, settings, segments } = manifest;
    const { startOffset, compactedTo, ageMark, producers } = manifest;
    this.directory = directory;
    this.identity = { tenant, topic, topicId, createdMs };
    this.#open = open;
    this.#state = { settings, startOffset, compactedTo, ageMark, producers };
    this.#segments = segments.map(
      ({ base, generation, sealed }) =>
        new Segment(open, directory, topicId, base, { bytes: sealed?.bytes ?? position, sealed, generation }),
    );
    this.#syncedBase = segments.at(-1)?.base ?? -1n;
  }

  /** What `topic.json` says at the moment, durably. */
  get state(): TopicState {
    return this.#state;
  }

  /**
   * In offset order; the last one is active. It grows at its end; when segments are removed or replaced, another array
   * takes its place: who finds a file missing sees by that whether it was maintenance or damage.
   */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  /**
   * Seals the active segment, if there is one, and begins the next. The end of the sealed one may not be written yet.
   *
   * @param producers what is known of them, where no commit of the new segment is going to say it
   */
  roll(base: bigint, sealedBytes: number, producers?: ProducersMark): void {
    this.#producers = producers;
    this.#segments.at(-1)?.seal({ next: base, bytes: sealedBytes });
    this.#segments.push(new Segment(this.#open, this.directory, this.identity.topicId, base, undefined));
  }

  /** What is not in the segments, because they could not be written; it is all behind them. */
  get rescue(): Rescue | undefined {
    return this.#rescue;
  }

  /** Gathers what a rescue file has from `offset` on. @throws RecordCorrupt */
  async readRescue(rescue: Rescue, offset: bigint, gatherer: Gatherer): Promise<void> {
    await rescue.read(this.#open, offset, gatherer);
  }

  /**
   * Goes back to what was checkpointed: what is behind it in the segments counts no more, and is read from the rescue file.
   * That one may take the place of an earlier one, with more.
   */
  async fallBack({ segmentBase, position }: TopicEnd, rescue: Rescue): Promise<void> {
    if (this.#rescue !== undefined) await this.#open.forget(rescue.path);
    const left = this.#segments.filter(({ base }) => base >= segmentBase);
    if (this.#rescue === undefined) {
      const found = { bytes: position, sealed: undefined };
      const active = new Segment(this.#open, this.directory, this.identity.topicId, segmentBase, found);
      this.#segments = [...this.#segments.filter(({ base }) => base < segmentBase), active];
    }
    this.#rescue = rescue;
    for (const { path } of left) await this.#forget(path);
  }

  /** Runs work on the files beside other work. Once they are gone, does nothing and gives undefined. */
  work<T>(task: () => Promise<T>): Promise<T | undefined> {
    return this.#work.run(task);
  }

  /** Resolves when nobody works on the files. */
  idle(): Promise<void> {
    return this.#work.idle();
  }

  /** Syncs everything that was written, with all that is needed to find it again. */
  async sync(): Promise<void> {
    await this.#work.run(async () => {
      // Segments that begin while this runs are for the next time, which begins with the last one of this.
      const unsynced = this.#segments.filter(({ base }) => base >= this.#syncedBase);
      for (const segment of unsynced) await segment.sync();
      const newFiles = unsynced.filter((segment) => segment.isNewFile && segment.written > 0);
      if (newFiles.length > 0) await syncDirectory(this.directory);
      for (const segment of newFiles) segment.isNewFile = false;
      const last = unsynced.at(-1);
      if (last === undefined || last.base === this.#syncedBase) return;
      await this.#replaceManifest({ change: ({ producers }) => ({ producers: this.#producersAt(last, producers) }) });
      this.#syncedBase = last.base;
    });
  }

  /** Durably makes the changes that `change` gives, if any, in the order of the calls; the rest stays as it is. */
  async change(change: (now: TopicState) => Partial<TopicState> | undefined): Promise<void> {
    await this.#work.run(() => this.#replaceManifest({ change }));
  }

  /**
   * Durably takes sealed segments out of the list, or puts others in their places, and only then removes their files. A
   * reader that is in one of them finishes, or looks again.
   *
   * @returns why files could not be removed that count no more, if so; the next start tries again
   */
  async replaceSegments(replaced: ReadonlyMap<Segment, Segment | undefined>): Promise<unknown> {
    return this.#work.run(async () => {
      await this.#replaceManifest({ replaced });
      let problem: unknown;
      for (const { path } of replaced.keys()) await this.#remove(path).catch((error: unknown) => (problem ??= error));
      return problem;
    });
  }

  /** Where a sealed segment is to be written anew. */
  nextGenerationPath({ base, generation }: Segment): string {
    return join(this.directory, segmentFileName(base, generation + 1));
  }

  /** The segment that was written anew there, of so many bytes, to take the place of `segment`. */
  nextGeneration(segment: Segment & SealedSegment, bytes: number): Segment {
    const { base, generation, sealed } = segment;
    const found = { bytes, sealed: { next: sealed.next, bytes }, generation: generation + 1 };
    return new Segment(this.#open, this.directory, this.identity.topicId, base, found);
  }

  /** Removes a segment that could not take another's place; false if it is the one that `topic.json` names. */
  async discard({ base, generation, path }: Segment): Promise<boolean> {
    const { segments } = await readManifest(this.directory);
    if (segments.some((named) => named.base === base && named.generation === generation)) return false;
    await this.#remove(path);
    return true;
  }

  /** Runs `remove`, which takes the directory away, when nobody works on the files any more. If it fails, all goes on. */
  async end(remove: () => Promise<void>): Promise<void> {
    await this.#work.end(remove);
    for (const { path } of this.#segments) await this.#forget(path);
    if (this.#rescue !== undefined) await this.#open.forget(this.#rescue.path);
  }

  /** What is to be kept of producers beside the commits of the segment. */
  #producersAt({ base }: Segment, known: ProducersMark | undefined): ProducersMark | undefined {
    if (this.#producers?.from === base) return this.#producers;
    // The first commits of a segment that another was sealed for say all of it again.
    return known !== undefined && known.from < base ? { from: known.from } : known;
  }

  #replaceManifest(by: {
    change?: (now: TopicState) => Partial<TopicState> | undefined;
    replaced?: ReadonlyMap<Segment, Segment | undefined>;
  }): Promise<void> {
    const done = this.#changing.then(async () => {
      const changes = by.change?.(this.#state);
      if (by.change !== undefined && changes === undefined) return;
      const state = { ...this.#state, ...changes };
      const segments = withReplaced(this.#segments, by.replaced).map(({ base, generation, sealed }) =>
        manifestSegment(base, generation, sealed),
      );
      await writeManifest(this.directory, { ...this.identity, ...state, segments });
      this.#state = state;
      // Once more, since segments may have begun meanwhile.
      if (by.replaced !== undefined) this.#segments = withReplaced(this.#segments, by.replaced);
    });
    this.#changing = done.catch(() => undefined);
    return done;
  }

  async #forget(segmentPath: string): Promise<void> {
    await this.#open.forget(segmentPath);
    await this.#open.forget(indexPathOf(segmentPath));
  }

  async #remove(segmentPath: string): Promise<void> {
    for (const path of [segmentPath, indexPathOf(segmentPath)]) {
      await this.#open.forget(path);
      await unlink(path).catch((error: unknown) => {
        if (!isMissing(error)) throw error;
      });
    }
  }
}

function withReplaced(
  segments: readonly Segment[],
  replaced: ReadonlyMap<Segment, Segment | undefined> = new Map(),
): Segment[] {
  return segments
    .map((segment) => (replaced.has(segment) ? replaced.get(segment) : segment))
    .filter((segment) => segment !== undefined);
}

import type { Disk, ModelDirectory, ModelFile, Steps } from "./disk.js";
import { DiskFailed } from "./disk.js";
import type { Commit } from "./records.js";
import type { Rules } from "./rules.js";

export const journalFileCells = 12;
export const mostJournalFiles = 3;

export interface Entry {
  readonly topicId: string;
  readonly segmentBase: number;
  readonly position: number;
  readonly commit: Commit;
  /** A client may choose bytes that look like a group. */
  readonly forged?: Group | undefined;
}

export interface Group {
  readonly isEnd: boolean;
  readonly sequence: number;
  readonly durable: number;
  readonly nonce: number;
  readonly entries: readonly Entry[];
}

export interface Place {
  readonly file: number;
  readonly position: number;
}

/** A cell behind the first of a journal file. */
export interface JournalCell {
  readonly group: Group;
  /** 0 is the group's header, the others are its entries' commits. */
  readonly part: number;
  /** What the cell's bytes would be taken for if a group began with them. */
  readonly looksLike?: Group | undefined;
}

interface FileHeader {
  readonly nonce: number;
}

export const nameOf = (first: number): string => `${first}.wal`;
export const firstOf = (name: string): number | undefined =>
  name.endsWith(".wal") ? Number(name.slice(0, -4)) : undefined;

export function cellsOfGroup(group: Group): JournalCell[] {
  const cells: JournalCell[] = [{ group, part: 0 }];
  for (const { commit, forged } of group.entries) {
    for (let cell = 0; cell < commit.cells; cell++) cells.push({ group, part: cells.length, looksLike: forged });
  }
  return cells;
}

/** The group whose header is at `at`, of this very file; its other cells are not looked at. */
export function headerAt(file: ModelFile, at: number, { nonce }: FileHeader, rules: Rules): Group | undefined {
  const cell = file.cache[at] as JournalCell | undefined;
  const group = cell?.part === 0 ? cell.group : cell?.looksLike;
  return group !== undefined && (group.nonce === nonce || !rules.nonceInHeader) ? group : undefined;
}

export function headerOf(file: ModelFile): FileHeader | undefined {
  return file.cache[0] as FileHeader | undefined;
}

/** The group that is at `at` with all that belongs to it. */
export function intactGroup(
  file: ModelFile,
  at: number,
  header: FileHeader,
  expected: number,
  rules: Rules,
): { group: Group; entries: readonly Entry[]; end: number } | undefined {
  const group = headerAt(file, at, header, rules);
  if (group === undefined || group.isEnd || group.sequence !== expected) return undefined;
  const isForged = (file.cache[at] as JournalCell).group !== group;
  if (isForged) return { group, entries: group.entries, end: at + 1 };
  const entries: Entry[] = [];
  let end = at + 1;
  for (const entry of group.entries) {
    let isWhole = true;
    for (let cell = 0; cell < entry.commit.cells; cell++, end++) {
      const found = file.cache[end] as JournalCell | undefined;
      isWhole &&= found?.group === group && found.part === end - at;
    }
    if (isWhole) entries.push(entry);
    else if (rules.groupChecksum) return undefined;
  }
  return { group, entries, end };
}

/** Writes groups, as journal.ts does. */
export class ModelJournal {
  readonly files: { readonly first: number; readonly name: string }[] = [];
  readonly #disk: Disk;
  readonly #directory: ModelDirectory;
  readonly #rules: Rules;
  readonly #nonces: () => number;
  readonly #spares: { readonly name: string; readonly file: ModelFile; readonly nonce: number }[] = [];
  #spareNumber = 0;
  #file: ModelFile | undefined;
  #nonce = 0;
  #position = 1;
  #next: number;
  hasFailed = false;

  constructor(disk: Disk, directory: ModelDirectory, next: number, rules: Rules, nonces: () => number) {
    this.#disk = disk;
    this.#directory = directory;
    this.#next = next;
    this.#rules = rules;
    this.#nonces = nonces;
  }

  /** Begins a new file, and removes those before it: the checkpoint covers them. */
  *open(): Steps {
    const { names } = this.#directory;
    const [left, ...others] = names.filter((name) => name.startsWith("spare-"));
    for (const name of others) this.#disk.remove(this.#directory, name);
    if (left !== undefined && left !== "spare-0") this.#disk.rename(this.#directory, left, "spare-0");
    yield* this.rotate(this.#next);
    for (const name of names) {
      const first = firstOf(name);
      if (first === undefined || first === this.#next) continue;
      yield;
      this.#disk.remove(this.#directory, name);
    }
    if (this.#rules.replayedFilesGone) yield* this.#disk.syncDirectory(this.#directory);
  }

  get durable(): number {
    return this.#next - 1;
  }

  get place(): Place {
    return { file: this.files.at(-1)!.first, position: this.#position };
  }

  get nextSequence(): number {
    return this.#next;
  }

  fits(cells: number): boolean {
    return this.#position + cells <= journalFileCells - 1;
  }

  needsRelease(cells: number): boolean {
    return !this.fits(cells) && this.files.length >= mostJournalFiles;
  }

  *append(entries: readonly Entry[]): Steps<number> {
    const sequence = this.#next;
    const group: Group = { isEnd: false, sequence, durable: sequence - 1, nonce: this.#nonce, entries };
    const cells = cellsOfGroup(group);
    const file = this.#file!;
    yield* this.#disk.write(file, this.#position, cells);
    // The name would be given too early.
    if (!this.#rules.nameAfterDurable && !this.fits(cells.length + 3)) yield* this.#rotateEarly(sequence + 1);
    const goOn = (): void => {
      this.#next = sequence + 1;
      if (file === this.#file) this.#position += cells.length;
    };
    try {
      if (this.#rules.syncBeforeAnswer) yield* this.#sync(file);
    } catch (error) {
      if (!this.#rules.journalFailureIsFinal) goOn();
      throw error;
    }
    goOn();
    return sequence;
  }

  /** Goes on in a new file, whose first group is `next`. */
  *rotate(next: number): Steps {
    const spare = this.#spares.shift() ?? (yield* this.#prepare(this.#newSpareName()));
    const name = nameOf(next);
    yield;
    this.#disk.rename(this.#directory, spare.name, name);
    if (this.#rules.journalNameSynced) yield* this.#disk.syncDirectory(this.#directory);
    if (this.#file !== undefined && this.#rules.endMark) {
      const end: Group = { isEnd: true, sequence: next, durable: next - 1, nonce: this.#nonce, entries: [] };
      yield* this.#disk.write(this.#file, this.#position, [{ group: end, part: 0 }]);
      yield* this.#disk.sync(this.#file);
    }
    this.#file = spare.file;
    this.#nonce = spare.nonce;
    this.#position = 1;
    this.files.push({ first: next, name });
  }

  /** Lets the files that hold nothing above the checkpoint be used again. */
  *release(checkpoint: number): Steps {
    const isFree = (): boolean =>
      this.files.length > 1 && (!this.#rules.recycleOnlyBelowCheckpoint || this.files[1]!.first <= checkpoint + 1);
    while (isFree()) {
      const { name } = this.files.shift()!;
      yield;
      if (this.#spares.length >= 2) this.#disk.remove(this.#directory, name);
      else {
        const spare = this.#newSpareName();
        this.#disk.rename(this.#directory, name, spare);
        if (this.#rules.oldNameGone) yield* this.#disk.syncDirectory(this.#directory);
        this.#spares.push(yield* this.#prepare(spare));
      }
    }
  }

  *#sync(file: ModelFile): Steps {
    try {
      yield* this.#disk.sync(file);
    } catch (error) {
      if (!(error instanceof DiskFailed) || this.#rules.neverRetryFailedSync) throw error;
      yield* this.#disk.sync(file);
    }
  }

  *#rotateEarly(next: number): Steps {
    const before = this.#file!;
    yield* this.rotate(next);
    yield* this.#sync(before);
  }

  *#prepare(name: string): Steps<{ name: string; file: ModelFile; nonce: number }> {
    const nonce = this.#nonces();
    yield;
    const file = this.#disk.open(this.#directory, name);
    yield* this.#disk.write(file, 0, [{ nonce }]);
    if (this.#rules.spareSyncedBeforeName) yield* this.#disk.sync(file);
    return { name, file, nonce };
  }

  #newSpareName(): string {
    return `spare-${this.#spareNumber++}`;
  }
}

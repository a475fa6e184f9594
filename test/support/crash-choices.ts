import { type CrashChoice, type CrashDisk, type FileChoice, sectorBytes } from "./crash-disk.js";
import type { BytesStep, Inode, NameStep } from "./disk-steps.js";
import type { Random } from "./random.js";

/** A choice, and what it is called. */
export interface NamedChoice extends CrashChoice {
  readonly what: string;
}

interface PendingFile {
  readonly inode: Inode;
  readonly changes: readonly BytesStep[];
  readonly sizes: readonly number[];
}

type Files = ReadonlyMap<Inode, FileChoice>;

/** Of so few names, every subset is tried. */
const fewNames = 4;

/**
 * What a crash right now may leave: nothing and all of what was not synced; each name and each file alone, and all but it;
 * each file torn in every way; and mixtures of all that.
 *
 * @param most how many besides nothing and all; where there are more, these are drawn
 */
export function choicesOf(disk: CrashDisk, random: Random, most: number): NamedChoice[] {
  const names = disk.pendingNames();
  const files = disk.pendingFiles();
  const allNames = new Set(names);
  const noNames = new Set<NameStep>();
  const allFiles: Files = new Map();
  const noFiles: Files = new Map(files.map(({ inode }) => [inode, after(0)]));
  const ends = [
    { what: "nothing", names: noNames, files: noFiles },
    { what: "all", names: allNames, files: allFiles },
  ];
  if (most === 0) return ends;
  const others: NamedChoice[] = [
    { what: "all names and no bytes", names: allNames, files: noFiles },
    { what: "all bytes and no names", names: noNames, files: allFiles },
  ];
  for (const chosen of subsets(names)) {
    const what = `names ${[...chosen].map(({ kind, name }) => `${kind} ${name}`).join(", ")}`;
    others.push({ what, names: chosen, files: allFiles }, { what: `${what}, no bytes`, names: chosen, files: noFiles });
  }
  for (const file of files) {
    const { inode } = file;
    others.push({
      what: `file ${inode} alone`,
      names: allNames,
      files: new Map([...noFiles].filter(([other]) => other !== inode)),
    });
    for (const [what, choice] of waysToTear(file, random)) {
      others.push({ what: `file ${inode} ${what}`, names: allNames, files: new Map([[inode, choice]]) });
      others.push({
        what: `file ${inode} ${what} alone`,
        names: allNames,
        files: new Map([...noFiles, [inode, choice]]),
      });
    }
  }
  if (others.length <= 2) return ends;
  const mixtures = Array.from({ length: Math.ceil(most / 4) }, () => mixture(names, files, random));
  return [...ends, ...random.some(others, most - mixtures.length), ...mixtures];
}

/** Names that may be there without the others: those of one file come in order. */
function subsets(names: readonly NameStep[]): ReadonlySet<NameStep>[] {
  if (names.length <= fewNames) {
    return Array.from({ length: 2 ** names.length }, (_, bits) =>
      inOrder(
        names,
        names.filter((_name, index) => (bits >> index) % 2 === 1),
      ),
    );
  }
  return names.flatMap((one) => [inOrder(names, [one]), without(names, one)]);
}

/** These, and what each file was called before. */
function inOrder(names: readonly NameStep[], chosen: readonly NameStep[]): ReadonlySet<NameStep> {
  return new Set(
    names.filter((step, index) =>
      chosen.some((one) => one === step || (one.inode === step.inode && names.indexOf(one) > index)),
    ),
  );
}

/** All but this one, and what the same file was called later. */
function without(names: readonly NameStep[], missing: NameStep): ReadonlySet<NameStep> {
  const at = names.indexOf(missing);
  return new Set(names.filter((step, index) => index < at || step.inode !== missing.inode));
}

/** Seen by every sector, and by the size. */
function after(changes: number): FileChoice {
  return { size: changes, changesOf: () => changes };
}

function waysToTear({ changes, sizes }: PendingFile, random: Random): [string, FileChoice][] {
  const all = changes.length;
  const ways: [string, FileChoice][] = [];
  for (let done = 0; done < all; done++) ways.push([`after ${done} of ${all} changes`, after(done)]);
  if (sizes[all]! > sizes[0]!) {
    ways.push(["with its size and no bytes", { size: all, changesOf: () => 0 }]);
    ways.push(["with its bytes and the old size", { size: 0, changesOf: () => all }]);
  }
  const touched = touchedSectors(changes);
  for (const sector of random.some(touched, 8)) {
    ways.push([`up to sector ${sector}`, { size: all, changesOf: (at) => (at < sector ? all : 0) }]);
    ways.push([`from sector ${sector} on`, { size: all, changesOf: (at) => (at < sector ? 0 : all) }]);
    ways.push([`without sector ${sector}`, { size: all, changesOf: (at) => (at === sector ? 0 : all) }]);
    ways.push([`with sector ${sector} alone`, { size: all, changesOf: (at) => (at === sector ? all : 0) }]);
  }
  const pages = [...new Set(touched.map((sector) => Math.floor(sector / 8)))];
  for (const page of random.some(pages, 4)) {
    const isIn = (sector: number): boolean => Math.floor(sector / 8) === page;
    ways.push([`without page ${page}`, { size: all, changesOf: (at) => (isIn(at) ? 0 : all) }]);
    ways.push([`with page ${page} alone`, { size: all, changesOf: (at) => (isIn(at) ? all : 0) }]);
  }
  return ways;
}

function touchedSectors(changes: readonly BytesStep[]): number[] {
  const touched = new Set<number>();
  for (const { bytes, position } of changes) {
    if (bytes === undefined) continue;
    const end = position + bytes.length;
    for (let at = Math.floor(position / sectorBytes); at * sectorBytes < end; at++) touched.add(at);
  }
  return [...touched];
}

/** Each name or not, each file torn in some way, or not. */
function mixture(names: readonly NameStep[], files: readonly PendingFile[], random: Random): NamedChoice {
  const likely = random.next();
  const chosen = names.filter(() => random.next() < likely);
  const torn = new Map<Inode, FileChoice>();
  for (const file of files) {
    const way = random.below(4);
    if (way === 0) torn.set(file.inode, after(0));
    if (way === 1) torn.set(file.inode, scattered(file, random));
    if (way === 2) torn.set(file.inode, random.pick(waysToTear(file, random))[1]);
  }
  return { what: "a mixture", names: inOrder(names, chosen), files: torn };
}

/** Each sector, or each page, after another number of changes. */
function scattered({ changes }: PendingFile, random: Random): FileChoice {
  const perUnit = random.isTrue() ? 1 : 8;
  const seen = new Map<number, number>();
  const changesOf = (sector: number): number => {
    const unit = Math.floor(sector / perUnit);
    const known = seen.get(unit) ?? random.below(changes.length + 1);
    seen.set(unit, known);
    return known;
  };
  return { size: random.below(changes.length + 1), changesOf };
}

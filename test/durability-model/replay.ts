import type { ModelDirectory, ModelFile } from "./disk.js";
import {
  type Entry,
  type Place,
  firstOf,
  headerAt,
  headerOf,
  intactGroup,
  journalFileCells,
  nameOf,
} from "./journal.js";
import type { Rules } from "./rules.js";

/** A start that refuses, and has changed nothing. */
export class Refused extends Error {}

export interface Replayed {
  readonly sequence: number;
  readonly place: Place;
  readonly groups: { readonly sequence: number; readonly entries: readonly Entry[] }[];
  /** The file and the place of the last group, if nothing behind it says that it had been durable. */
  readonly inDoubt: { readonly file: ModelFile; readonly from: number; readonly to: number } | undefined;
}

/** What the journal holds above the checkpoint, as replay.ts finds it. @throws Refused */
export function replay(journal: ModelDirectory, checkpoint: number, place: Place, rules: Rules): Replayed {
  const firsts = journal.names
    .map(firstOf)
    .filter((first) => first !== undefined)
    .filter((first) => first > checkpoint || first === place.file)
    .sort((a, b) => a - b);
  if (firsts[1] === checkpoint + 1) firsts.shift();
  const groups: Replayed["groups"] = [];
  let next = checkpoint + 1;
  let end = place;
  let inDoubt: Replayed["inDoubt"];
  if (firsts[0] === undefined || (firsts[0] !== place.file && firsts[0] !== next)) {
    throw new Refused(`the file that holds group ${next} is missing`);
  }
  let position = firsts[0] === place.file ? place.position : 1;
  for (const [index, first] of firsts.entries()) {
    const file = journal.file(nameOf(first))!;
    const header = headerOf(file);
    if (header === undefined) throw new Refused(`the header of ${nameOf(first)} is damaged`);
    inDoubt = undefined;
    for (;;) {
      const found = intactGroup(file, position, header, next, rules);
      if (found === undefined) break;
      groups.push({ sequence: next, entries: found.entries });
      inDoubt = { file, from: position, to: found.end };
      position = found.end;
      end = { file: first, position };
      next++;
    }
    const following = firsts[index + 1];
    if (following === undefined) {
      const mark = headerAt(file, position, header, rules);
      if (mark?.isEnd === true && mark.sequence === next) throw new Refused(`the file ${nameOf(next)} is missing`);
      for (let at = position; at < journalFileCells && rules.durableInHeader; at++) {
        const later = headerAt(file, at, header, rules);
        if (later !== undefined && later.durable >= next) throw new Refused(`group ${next} is damaged`);
      }
    } else if (following !== next) {
      if (rules.nameVouches) throw new Refused(`group ${next} is damaged, ${nameOf(following)} proves it`);
      break;
    }
    position = 1;
  }
  return { sequence: next - 1, place: end, groups, inDoubt };
}

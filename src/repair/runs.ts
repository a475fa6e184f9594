import { open } from "node:fs/promises";
import { isIntact, readCommitHeader } from "../log/commit.js";
import type { TargetCommit } from "../log/compact-target.js";
import { FileWindow } from "./file-window.js";
import type { OffsetSpan } from "./findings.js";
import type { DamagedBytes, SoundCommit } from "./segment-scan.js";

/** Sound commits that follow one another in a file without a gap. */
export interface Run {
  readonly path: string;
  readonly position: number;
  readonly bytes: number;
  readonly base: bigint;
  readonly last: bigint;
  /** Of the last commit. */
  readonly timeMs: number;
  /** Commits that begin before this offset are left out: another file has them. */
  readonly from: bigint;
}

/** A file as runs of what is sound, and what is damaged between them. */
export interface SortedOut {
  readonly runs: readonly Run[];
  readonly damages: readonly DamagedBytes[];
}

export async function sortOut(
  path: string,
  parts: AsyncIterable<SoundCommit | DamagedBytes>,
  onCommit: (commit: SoundCommit) => void = () => undefined,
): Promise<SortedOut> {
  const runs: Run[] = [];
  const damages: DamagedBytes[] = [];
  for await (const part of parts) {
    if (part.kind === "damage") {
      damages.push(part);
      continue;
    }
    onCommit(part);
    const { position, bytes, header } = part;
    const { base, last, timeMs } = header;
    const run = runs.at(-1);
    const follows = run !== undefined && run.position + run.bytes === position && run.last + 1n === base;
    if (follows) runs[runs.length - 1] = { ...run, bytes: run.bytes + bytes.length, last, timeMs };
    else runs.push({ path, position, bytes: bytes.length, base, last, timeMs, from: base });
  }
  return { runs, damages };
}

/** In offset order, each offset once; of two that have it, the longer. */
export function merged(runs: readonly Run[]): Run[] {
  const chosen: Run[] = [];
  let cursor = 0n;
  for (const run of [...runs].sort(byOffset)) {
    if (run.last < cursor) continue;
    chosen.push(run.base < cursor ? { ...run, from: cursor } : run);
    cursor = run.last + 1n;
  }
  return chosen;
}

function byOffset(a: Run, b: Run): number {
  if (a.base !== b.base) return a.base < b.base ? -1 : 1;
  return a.last === b.last ? 0 : a.last > b.last ? -1 : 1;
}

/** What of `[from, to)` none of the runs has; these are in offset order. */
export function gaps(runs: readonly Run[], { from, to }: OffsetSpan): OffsetSpan[] {
  const found: OffsetSpan[] = [];
  let cursor = from;
  for (const { base, last } of runs) {
    if (last < cursor) continue;
    if (base >= to) break;
    if (base > cursor) found.push({ from: cursor, to: base });
    cursor = last + 1n;
  }
  if (cursor < to) found.push({ from: cursor, to });
  return found;
}

/** The commits of a run, read once more. @throws Error when they are not what they were a moment ago */
export async function* commitsOf(run: Run): AsyncGenerator<TargetCommit> {
  const file = await open(run.path, "r");
  try {
    const end = run.position + run.bytes;
    const window = new FileWindow(file, end);
    for (let position = run.position; position < end;) {
      const header = readCommitHeader(await window.at(position, headerRoom), 0);
      const bytes = await window.at(position, header === undefined ? 0 : header.headerBytes + header.framesBytes);
      if (header === undefined || !isIntact(bytes, 0, header)) {
        throw new Error(`${run.path}: byte ${position} could be read once, and not once more`);
      }
      if (header.base >= run.from) yield { base: header.base, timeMs: header.timeMs, bytes };
      position += bytes.length;
    }
  } finally {
    await file.close();
  }
}

const headerRoom = 64 * 1024;

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The calls that are counted, in the order of their counts. */
export const kinds = [
  "open",
  "read",
  "write",
  "sync",
  "rename",
  "truncate",
  "unlink",
  "close",
  "mkdir",
  "rmdir",
] as const;
export type Kind = (typeof kinds)[number];

/** Where the words of the shim's state are, in bytes (`struct state` of shim.c). */
export const words = {
  generation: 0,
  reached: 8,
  counts: 16,
  injected: 16 + 8 * kinds.length,
  retried: 24 + 8 * kinds.length,
  open: 32 + 8 * kinds.length,
  lifted: 40 + 8 * kinds.length,
  rule: 48 + 8 * kinds.length,
  hit: 48 + 8 * kinds.length + 256,
} as const;

/** What the shim says of itself, also of a process that it has killed. */
export interface ShimState {
  /** Calls that the rule was about. */
  readonly reached: number;
  readonly counts: Readonly<Record<Kind, number>>;
  /** How many of them failed, were cut short, or ended the process. */
  readonly injected: number;
  /** Syncs of a journal file or a segment after one had failed, and writes to such a journal file. */
  readonly retried: number;
  /** The first call that failed, as in `sync of journal /journal/00000000000000000001.wal`; empty: none. */
  readonly hit: string;
}

export async function readState(path: string): Promise<ShimState> {
  const bytes = await readFile(path);
  const word = (at: number): number => Number(bytes.readBigUInt64LE(at));
  const counts = Object.fromEntries(kinds.map((kind, index) => [kind, word(words.counts + 8 * index)]));
  return {
    reached: word(words.reached),
    counts: counts as Record<Kind, number>,
    injected: word(words.injected),
    retried: word(words.retried),
    hit: bytes.toString("utf8", words.hit, bytes.indexOf(0, words.hit)),
  };
}

/** Compiles the shim into `directory`, and gives the path of the library. @throws with what there is to do without a compiler */
export async function compileShim(directory: string): Promise<string> {
  const library = join(directory, "faults.so");
  const source = fileURLToPath(new URL("shim.c", import.meta.url));
  const flags = ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o", library, source, "-ldl", "-lpthread"];
  for (const compiler of ["cc", "gcc"]) {
    try {
      await promisify(execFile)(compiler, flags);
      return library;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  throw new Error(
    "there is no C compiler, and system calls are failed by a small C library: run test/faults/install.sh",
  );
}

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { type PolicyFileName, PolicyFiles, policyFileNames } from "../authz/index.js";
import type { Finding } from "../errors.js";
import { findWriters } from "./writers.js";

/** A line that says that nothing comes behind it. A file that had it must have it again. */
const endMarker = Buffer.from("# end\n");
const newline = 0x0a;

/** The files of a folder, read twice and the same both times. */
export interface FoundFiles {
  readonly files: PolicyFiles;
  /** Changes with every file that is written, replaced or taken away. */
  readonly state: string;
  /** Why they may be changing at this moment: they must not be used then, and may be looked at again. */
  readonly doubts: readonly Finding[];
}

/**
 * Reads the policy files of a folder, twice, and says what speaks against their being whole: a file that changed meanwhile,
 * or that another process has open for writing.
 */
export async function readFolder(directory: string): Promise<FoundFiles> {
  const before = await statesOf(directory);
  const first = await PolicyFiles.read(directory);
  const writers = await findWriters(policyFileNames.map((name) => join(directory, name)));
  const files = await PolicyFiles.read(directory);
  const after = await statesOf(directory);
  const doubts = policyFileNames.flatMap((name): Finding[] => {
    const source = join(directory, name);
    const writer = writers.get(source);
    if (writer !== undefined) return [{ source, problem: `process ${writer} has it open for writing` }];
    const isSame = before.get(name) === after.get(name) && hasSameBytes(first, files, name);
    return isSame ? [] : [{ source, problem: "it changed while it was read" }];
  });
  return { files, state: textOf(after), doubts };
}

/** What changes with every file of the folder that is written, replaced or taken away. Nothing is opened. */
export async function stateOf(directory: string): Promise<string> {
  return textOf(await statesOf(directory));
}

/**
 * Notes as a mistake where a file seems to be cut short.
 * @param marked the files that have to end with a line `# end`
 */
export function refuseCutFiles({ files }: PolicyFiles, marked: readonly string[]): void {
  for (const name of policyFileNames) {
    const { bytes, findings } = files[name];
    if (bytes === undefined) continue;
    if (bytes.length === 0) findings.error({}, "the file is empty: one that is to say nothing has a comment in it");
    else if (bytes.at(-1) !== newline) findings.error({}, "the last line does not end: the file may be cut short");
    else if (marked.includes(name) && !hasEndMarker(bytes))
      findings.error({}, "the last line is not # end, which it is in the version in force: the file may be cut short");
  }
}

/** The files whose last line is `# end`. */
export function markedFiles({ files }: PolicyFiles): readonly PolicyFileName[] {
  return policyFileNames.filter((name) => {
    const { bytes } = files[name];
    return bytes !== undefined && hasEndMarker(bytes);
  });
}

export function hasSameBytes(one: PolicyFiles, other: PolicyFiles, name: PolicyFileName): boolean {
  const [left, right] = [one.files[name].bytes, other.files[name].bytes];
  return left === undefined || right === undefined ? left === right : left.equals(right);
}

function hasEndMarker(bytes: Buffer): boolean {
  if (!bytes.subarray(-endMarker.length).equals(endMarker)) return false;
  return bytes.length === endMarker.length || bytes.at(-endMarker.length - 1) === newline;
}

async function statesOf(directory: string): Promise<ReadonlyMap<PolicyFileName, string>> {
  const states = policyFileNames.map(async (name) => [name, await fileState(join(directory, name))] as const);
  return new Map(await Promise.all(states));
}

async function fileState(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : "unknown";
  }
}

function textOf(states: ReadonlyMap<PolicyFileName, string>): string {
  return [...states.values()].join("\n");
}

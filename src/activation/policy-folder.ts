import { stat } from "node:fs/promises";
import { join } from "node:path";
import { type PolicyFileName, PolicyFiles, policyFileNames } from "../authz/index.js";
import type { Finding } from "../errors.js";
import { findWriters } from "./writers.js";

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

export function hasSameBytes(one: PolicyFiles, other: PolicyFiles, name: PolicyFileName): boolean {
  const [left, right] = [one.files[name].bytes, other.files[name].bytes];
  return left === undefined || right === undefined ? left === right : left.equals(right);
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

import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { OperatorError } from "../errors.js";
import { layout } from "./data-directory.js";
import { isMissing } from "./durable-files.js";

const historyName = "history.json";
/** What is not whole yet. */
const incomplete = ".tmp";
const mostRounds = 20;

/**
 * Copies the versions of the policy as they are kept at one moment, whatever comes and goes meanwhile.
 *
 * @returns what was written, from the data directory on; nothing where there has never been a policy
 */
export async function copyPolicy(source: string, target: string): Promise<readonly string[]> {
  for (let round = 1; round <= mostRounds; round++) {
    const history = await historyIn(source);
    if (history === undefined) return [];
    const copied = await copyVersions(source, target);
    const path = join(layout.policy, historyName);
    // Every version that it names was there all the time, then.
    if (copied !== undefined && (await historyIn(source))?.equals(history) === true) {
      await writeFile(join(target, path), history, { mode: 0o600, flush: true });
      return [...copied, path];
    }
    await rm(join(target, layout.policy), { recursive: true, force: true });
  }
  throw new OperatorError(`the policy in ${source} changes faster than it can be copied (${mostRounds} attempts)`);
}

/** Undefined if one went away meanwhile. */
async function copyVersions(source: string, target: string): Promise<readonly string[] | undefined> {
  const copied: string[] = [];
  const versions = join(layout.policy, "versions");
  await mkdir(join(target, versions), { recursive: true, mode: 0o700 });
  try {
    for (const version of await readdir(join(source, versions))) {
      if (version.endsWith(incomplete)) continue;
      for (const name of await readdir(join(source, versions, version))) {
        const path = join(versions, version, name);
        const bytes = await readFile(join(source, path));
        await mkdir(join(target, dirname(path)), { recursive: true, mode: 0o700 });
        await writeFile(join(target, path), bytes, { mode: 0o600, flush: true });
        copied.push(path);
      }
    }
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  return copied;
}

async function historyIn(directory: string): Promise<Buffer | undefined> {
  return readFile(join(directory, layout.policy, historyName)).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
}

import { readdirSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { isExhausted, isSystemError } from "../log/durable-files.js";
import { manifestName } from "../log/manifest.js";
import type { Misplaced } from "./misplaced.js";
import { segmentOfName } from "./segment-names.js";
import type { Survey } from "./survey.js";

/**
 * What stands where a directory or a file has to be, and is something else, or cannot be looked at. Nothing is mended around it:
 * what belongs there may be whole, and was moved, or is where nobody may look at the moment.
 */
export function unusableIn(data: string, { topics, lostTenants }: Pick<Survey, "topics" | "lostTenants">): Misplaced[] {
  const unusable = lostTenants.map(({ path, problem }) => ({ path, problem: `it cannot be read: ${problem}` }));
  for (const { directory, files } of topics) {
    const problem = noDirectory(directory);
    if (problem !== undefined) unusable.push({ path: directory, problem });
    for (const file of files.filter((name) => name === manifestName || segmentOfName(name) !== undefined)) {
      const path = join(directory, file);
      const notFile = noFile(path);
      if (notFile !== undefined) unusable.push({ path, problem: notFile });
    }
  }
  const then = "put what belongs there back, or take it away if that is lost, first";
  return unusable.map(({ path, problem }) => ({ path: relative(data, path), problem: `${problem}: ${then}` }));
}

/** Why what stands there cannot be read as a file, if so. It is not opened: a pipe would wait for whoever writes to it. */
export function noFile(path: string): string | undefined {
  try {
    return statSync(path).isFile() ? undefined : "it is no file";
  } catch (error) {
    return `it cannot be read: ${problemOf(error)}`;
  }
}

function noDirectory(path: string): string | undefined {
  try {
    readdirSync(path);
    return undefined;
  } catch (error) {
    return `it cannot be read: ${problemOf(error)}`;
  }
}

/** What the system said, without the path. @throws the error itself if it is none of a file's */
function problemOf(error: unknown): string {
  if (!isSystemError(error) || isExhausted(error)) throw error;
  return (error as Error).message.replace(/, .*$/s, "");
}

import { readFile } from "node:fs/promises";
import { OperatorError } from "../errors.js";
import { NotAFile, requireFile } from "../read-file.js";

/**
 * All of a file of the folder.
 * @throws OperatorError for what is none, such as a pipe, which would keep the run waiting; the system's error
 */
export async function readPart(path: string): Promise<Buffer> {
  try {
    await requireFile(path);
  } catch (error) {
    if (!(error instanceof NotAFile)) throw error;
    const problem = `${path} ${error.message}: put the right one there, or move it away`;
    throw new OperatorError(problem, [], { cause: error });
  }
  return readFile(path);
}

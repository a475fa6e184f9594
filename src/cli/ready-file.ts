/** The file that says that the server serves, for whoever started it. */
import { access, constants, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { OperatorError } from "../errors.js";
import { whyUnwritable } from "./unwritable.js";

/** @throws OperatorError when it could not be written; nothing is made */
export async function checkReadyFile(path: string): Promise<void> {
  const isDirectory = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (isDirectory) throw unusable(path, Object.assign(new Error("a directory"), { code: "EISDIR" }));
  await access(dirname(path), constants.W_OK).catch((error: unknown) => {
    throw unusable(path, error);
  });
}

/** It appears whole or not at all: a reader who waits for it must not see half of it. */
export async function writeReadyFile(
  path: string,
  content: { readonly address: string; readonly adminAddress: string; readonly pid: number },
): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, `${JSON.stringify(content)}\n`);
    await rename(temporary, path);
  } catch (error) {
    throw unusable(path, error);
  }
}

export async function removeReadyFile(path: string): Promise<void> {
  await rm(path, { force: true });
}

function unusable(path: string, error: unknown): OperatorError {
  const problem = `cannot write --ready-file ${path}: ${whyUnwritable(error)}; name a file in a folder that is there`;
  return new OperatorError(problem, [], { cause: error });
}

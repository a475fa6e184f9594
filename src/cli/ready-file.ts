/** The file that says that the server serves, for whoever started it. */
import { rename, rm, writeFile } from "node:fs/promises";

/** It appears whole or not at all: a reader who waits for it must not see half of it. */
export async function writeReadyFile(
  path: string,
  content: { readonly address: string; readonly adminAddress: string; readonly pid: number },
): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, `${JSON.stringify(content)}\n`);
  await rename(temporary, path);
}

export async function removeReadyFile(path: string): Promise<void> {
  await rm(path, { force: true });
}

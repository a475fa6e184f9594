import { open, readFile, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type PolicyFileName, PolicyFiles, policyFileNames } from "../authz/index.js";
import { PolicyVersionDamaged } from "../policy-errors.js";
import { isMissing, syncDirectory } from "../log/durable-files.js";
import { makeDirectory } from "../make-directory.js";
import type { HistoryEntry } from "./history.js";

/** What a folder is called until it is whole. */
const incomplete = ".tmp";

/** The files of every version that can come into force again: a folder for each, named by what is in it. */
export class KeptVersions {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async open(directory: string): Promise<KeptVersions> {
    await makeDirectory(directory, 0o700);
    return new KeptVersions(directory);
  }

  /** Keeps a version durably. What was kept of it already is replaced where it is damaged. */
  async keep(files: PolicyFiles): Promise<void> {
    const { version, sha256, bytes } = files;
    if (await this.#isSound(version, sha256)) return;
    const path = join(this.#directory, version);
    const partial = `${path}${incomplete}`;
    await rm(partial, { recursive: true, force: true });
    await makeDirectory(partial, 0o700);
    const writing = Object.entries(bytes).map(([name, content]) => writeDurably(join(partial, name), content));
    await Promise.all(writing);
    await syncDirectory(partial);
    await rm(path, { recursive: true, force: true });
    await rename(partial, path);
    await syncDirectory(this.#directory);
  }

  /**
   * What is kept of a version, checked.
   * @param source how the findings of `loadPolicy` name where it is from
   * @throws PolicyVersionDamaged when it is not what was kept
   */
  async read({ version, sha256 }: Pick<HistoryEntry, "version" | "sha256">, source: string): Promise<PolicyFiles> {
    const directory = join(this.#directory, version);
    const bytes: Partial<Record<PolicyFileName, Buffer>> = {};
    for (const name of policyFileNames) {
      try {
        bytes[name] = await readFile(join(directory, name));
      } catch (error) {
        const problem = isMissing(error) ? `${name} is missing` : `${name} cannot be read`;
        throw new PolicyVersionDamaged(version, directory, problem);
      }
    }
    const files = await PolicyFiles.of(source, bytes);
    if (files.sha256 !== sha256) throw new PolicyVersionDamaged(version, directory, "its checksum is another");
    return files;
  }

  /** Removes every version but these, and what a crash left. */
  async removeAllBut(entries: readonly HistoryEntry[]): Promise<void> {
    const kept = new Set(entries.map(({ version }) => version));
    for (const name of await readdir(this.#directory)) {
      if (!kept.has(name)) await rm(join(this.#directory, name), { recursive: true, force: true });
    }
  }

  async #isSound(version: string, sha256: string): Promise<boolean> {
    return this.read({ version, sha256 }, "").then(
      () => true,
      (error: unknown) => {
        if (error instanceof PolicyVersionDamaged) return false;
        throw error;
      },
    );
  }
}

async function writeDurably(path: string, bytes: Buffer): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

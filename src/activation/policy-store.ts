import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { PolicyFiles } from "../authz/index.js";
import { OperatorError } from "../errors.js";
import { PolicyVersionUnknown } from "../policy-errors.js";
import { layout } from "../log/data-directory.js";
import { syncDirectory } from "../log/durable-files.js";
import { makeDirectory } from "../make-directory.js";
import {
  type History,
  type HistoryEntry,
  type PendingChange,
  readHistory,
  withEntry,
  writeHistory,
} from "./history.js";
import { KeptVersions } from "./kept-versions.js";

const historyName = "history.json";
const versionsName = "versions";

/** `DATA/policy`: the history, and the files of every version in it. All that it says to be done is durable. */
export class PolicyStore {
  readonly #historyPath: string;
  readonly #versions: KeptVersions;
  #history: History;

  private constructor(historyPath: string, versions: KeptVersions, history: History) {
    this.#historyPath = historyPath;
    this.#versions = versions;
    this.#history = history;
  }

  /** Whether a data directory has ever had a policy. */
  static async isThere(dataDir: string): Promise<boolean> {
    return stat(join(dataDir, layout.policy, historyName)).then(
      () => true,
      () => false,
    );
  }

  /** @throws OperatorError when the history is damaged */
  static async open(dataDir: string): Promise<PolicyStore> {
    const directory = join(dataDir, layout.policy);
    await makeDirectory(directory, 0o700);
    const historyPath = join(directory, historyName);
    const history = await readHistory(historyPath);
    const versions = await KeptVersions.open(join(directory, versionsName));
    // A crash may have made them and not come so far.
    for (const each of [directory, dataDir]) await syncDirectory(each);
    await versions.removeAllBut([
      ...history.entries,
      ...(history.pending === undefined ? [] : [history.pending.entry]),
    ]);
    return new PolicyStore(historyPath, versions, history);
  }

  /** Newest first. */
  get entries(): readonly HistoryEntry[] {
    return this.#history.entries;
  }

  /** Undefined before the first one. */
  get inForce(): HistoryEntry | undefined {
    return this.#history.entries[0];
  }

  /** What the policy files are being replaced by. */
  get pending(): PendingChange | undefined {
    return this.#history.pending;
  }

  /** @throws OperatorError when the short hash is that of another policy that is kept */
  async keep(files: PolicyFiles): Promise<void> {
    const other = this.entries.find(({ version, sha256 }) => version === files.version && sha256 !== files.sha256);
    if (other !== undefined)
      throw new OperatorError(`another policy than the one that is kept as ${other.version} has the same short hash`);
    await this.#versions.keep(files);
  }

  /**
   * The files of a version in the history, checked.
   * @param source how findings name where they are from
   * @throws PolicyVersionUnknown, PolicyVersionDamaged
   */
  async read(version: string, source: string): Promise<PolicyFiles> {
    const entry = this.entries.find((each) => each.version === version);
    if (entry === undefined) throw new PolicyVersionUnknown(version);
    return this.#versions.read(entry, source);
  }

  /** The files of a change under way. @throws PolicyVersionDamaged */
  async readPending({ entry }: PendingChange): Promise<PolicyFiles> {
    return this.#versions.read(entry, "");
  }

  /** Says that the policy files are about to be replaced by those of a version that is kept, or that they are to be put back. */
  async begin(pending: PendingChange): Promise<void> {
    await this.#write({ entries: this.entries, pending });
  }

  /** Says that nothing is under way any more. */
  async abandon(): Promise<void> {
    if (this.pending !== undefined) await this.#write({ entries: this.entries, pending: undefined });
  }

  /** Says that a version that is kept is in force, and that nothing is under way. */
  async commit(entry: HistoryEntry): Promise<void> {
    const isNew = entry.sha256 !== this.inForce?.sha256;
    const entries = isNew ? withEntry(this.entries, entry) : this.entries;
    await this.#write({ entries, pending: undefined });
    // What is in the way now is in the way at the next start too.
    await this.#versions.removeAllBut(entries).catch(() => undefined);
  }

  async #write(history: History): Promise<void> {
    await writeHistory(this.#historyPath, history);
    this.#history = history;
  }
}

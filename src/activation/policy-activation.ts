import {
  type Authorizer,
  CasbinAuthorizer,
  type LoadedPolicy,
  type PolicyBytes,
  PolicyFiles,
  type PolicyReport,
  loadPolicy,
  whyUnusable,
} from "../authz/index.js";
import { OperatorError } from "../errors.js";
import { PolicyFilesEdited, PolicyMoved, PolicyRefused } from "../policy-errors.js";
import { isSystemError } from "../log/durable-files.js";
import { Changes } from "./changes.js";
import { EditLocks } from "./edit-locks.js";
import { refuseEdited } from "./edited-files.js";
import { FolderWatch } from "./folder-watch.js";
import type { HistoryEntry, PolicyVersion } from "./history.js";
import { asRefusal, entryOf, load, unusable } from "./loading.js";
import { finishPending, replaceFiles } from "./pending-change.js";
import { type FoundFiles, readFolder, stateOf } from "./policy-folder.js";
import { PolicyStore } from "./policy-store.js";
import { RefusedChanges } from "./refused-changes.js";
import { Replacement } from "./replacement.js";
import type { ActivateOptions, ActivationOptions, PolicyStatus } from "./terms.js";

/** Whoever changed the files, as the history names him. */
const filesAuthor = "files";

/** How long policy files must not have changed before a running server takes them. */
const defaultSettleMs = 2_000;
const defaultPollMs = 500;

/**
 * The policy in force, always a whole one. Another comes into force when it has been read, built and tried in full, and kept
 * on disk; when that resolves, nothing that it forbids is written any more or handed over to be sent. One change at a time.
 */
export class PolicyActivation implements AsyncDisposable {
  readonly #options: ActivationOptions;
  readonly #store: PolicyStore;
  readonly #authorizer: CasbinAuthorizer;
  readonly #watch: FolderWatch;
  #filesVersion: string;
  readonly #refused: RefusedChanges;
  readonly #changes: Changes;
  #validation: Promise<unknown> = Promise.resolve();

  private constructor(options: ActivationOptions, store: PolicyStore, authorizer: CasbinAuthorizer, found: FoundFiles) {
    const { policyDir, observer, settleMs = defaultSettleMs, pollMs = defaultPollMs } = options;
    this.#options = options;
    this.#changes = new Changes(options.settled);
    this.#refused = new RefusedChanges(options);
    this.#store = store;
    this.#authorizer = authorizer;
    this.#filesVersion = found.files.version;
    // What was in doubt is looked at again, though it may not change any more.
    const state = found.doubts.length > 0 ? "" : found.state;
    const take = async (settled: string): Promise<boolean> => {
      const outcome = await this.#changes.inTurn(() => this.#reload({ isAsked: false, settled }));
      return outcome !== "in doubt";
    };
    this.#watch = new FolderWatch(policyDir, state, { settleMs, pollMs }, take, observer.onProblem);
  }

  /**
   * A server that has never had a policy cannot do without good files; that is found out before anything is made on disk.
   * @throws OperatorError with every mistake in them
   */
  static async refuseFirstStart({
    policyDir,
    dataDir,
  }: Pick<ActivationOptions, "policyDir" | "dataDir">): Promise<void> {
    if (await PolicyStore.isThere(dataDir)) return;
    const { files } = await readFolder(policyDir);
    const { policy, report } = await load(files);
    if (policy === undefined) throw new OperatorError(whyUnusable(files), report.findings);
  }

  /**
   * Begins with the files, if they are good; else with the version that was in force last, and says so.
   *
   * @throws OperatorError when neither can be used
   */
  static async open(options: ActivationOptions): Promise<PolicyActivation> {
    const { policyDir, dataDir, observer } = options;
    const store = await PolicyStore.open(dataDir);
    const stuck = await finishPending(store, policyDir).catch(asRefusal);
    const found = await readFolder(policyDir);
    const inForce = store.inForce;
    const { policy, report } = await load(found.files, inForce?.endings);
    const findings = [...stuck, ...found.doubts, ...report.findings];
    if (policy !== undefined && findings.length === 0) {
      await store.keep(policy.files);
      if (policy.files.sha256 !== inForce?.sha256)
        await store.commit(entryOf(policy.files, "start", filesAuthor, inForce));
      return new PolicyActivation(options, store, new CasbinAuthorizer(policy.compiled, observer), found);
    }
    if (inForce === undefined) throw new OperatorError(whyUnusable(found.files), findings);
    const kept = await load(await store.read(inForce.version, policyDir).catch(asRefusal));
    if (kept.policy === undefined) {
      const problem = `the policy in ${policyDir} cannot be used, nor can version ${inForce.version}, which was in force`;
      throw new OperatorError(problem, [...findings, ...kept.report.findings]);
    }
    const activation = new PolicyActivation(
      options,
      store,
      new CasbinAuthorizer(kept.policy.compiled, observer),
      found,
    );
    activation.#refused.note(findings, { isAsked: true, atStart: true, inForce: inForce.version });
    return activation;
  }

  /** Decides by what is in force. */
  get authorizer(): Authorizer {
    return this.#authorizer;
  }

  status(): PolicyStatus {
    return { active: this.#inForce, filesVersion: this.#filesVersion, ...this.#refused.status };
  }

  /** Newest first. Every version in it is kept. */
  history(): readonly PolicyVersion[] {
    return this.#store.entries;
  }

  /** What is in force, read and built once more: it is not kept in memory for this. Its matrix is not tried again. */
  active(): Promise<LoadedPolicy> {
    return this.#load(this.#inForce.version, this.#options.policyDir);
  }

  /**
   * A version that is kept. Its matrix, which passed when it came into force, is not tried again.
   * @throws PolicyVersionUnknown, PolicyVersionDamaged
   * @throws PolicyRefused when this aclog finds mistakes in it
   */
  load(version: string): Promise<LoadedPolicy> {
    return this.#load(version, `version ${version}`);
  }

  /** Reads, builds and tries a policy, and changes nothing. One at a time: each takes as much memory as the one in force. */
  validate(bytes: PolicyBytes): Promise<PolicyReport> {
    const result = this.#validation.then(async () => (await load(await PolicyFiles.of("", bytes))).report);
    this.#validation = result.catch(() => undefined);
    return result;
  }

  /**
   * Puts a policy in force and its files in the places of those in the policy folder. Must not be called by what `settled`
   * waits for.
   *
   * @throws PolicyMoved when another version is in force than the one that it was made from
   * @throws PolicyRefused with every mistake
   * @throws PolicyFilesEdited, PolicyFilesUnwritable when the files must not or cannot be replaced
   * @throws AggregateError when it is in force, but not every open call could be judged again
   */
  async activate(bytes: PolicyBytes, options: ActivateOptions): Promise<PolicyVersion> {
    return this.#changes.inTurnUntilSettled(async () => {
      this.#refuseMoved(options);
      return this.#replace(await PolicyFiles.of(this.#options.policyDir, bytes), "activate", options);
    });
  }

  /** The same with a version that is kept. @throws PolicyVersionUnknown, PolicyVersionDamaged, and what `activate` does */
  async rollback(version: string, options: ActivateOptions): Promise<PolicyVersion> {
    return this.#changes.inTurnUntilSettled(async () => {
      this.#refuseMoved(options);
      return this.#replace(await this.#store.read(version, this.#options.policyDir), "rollback", options);
    });
  }

  /**
   * Reads the files, at once, and puts them in force.
   * @throws OperatorError when they have mistakes, or may be being written; what was in force stays
   * @throws AggregateError as `activate` does
   */
  async reload(): Promise<{ readonly changed: boolean; readonly version: string }> {
    return this.#changes.inTurnUntilSettled(async () => {
      const outcome = await this.#reload({ isAsked: true });
      if (outcome === "changed" || outcome === "unchanged")
        return { changed: outcome === "changed", version: this.#inForce.version };
      throw unusable(this.#options.policyDir, this.#refused.findings, this.#inForce.version);
    });
  }

  /** Takes no more changes, and resolves when the one under way is done. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watch[Symbol.asyncDispose]();
    await this.#changes[Symbol.asyncDispose]();
  }

  get #inForce(): HistoryEntry {
    return this.#store.inForce!;
  }

  #refuseMoved({ basedOn }: Pick<ActivateOptions, "basedOn">): void {
    if (basedOn !== this.#inForce.version) throw new PolicyMoved(basedOn, this.#inForce.version);
  }

  async #load(version: string, source: string): Promise<LoadedPolicy> {
    const { policy, report } = await loadPolicy(await this.#store.read(version, source), () => Promise.resolve());
    if (policy === undefined) throw new PolicyRefused(version, this.#refused.withoutFolders(report.findings));
    return policy;
  }

  /** @param settled what the files have been for a while; undefined: they are read at once */
  async #reload({
    isAsked,
    settled,
  }: {
    readonly isAsked: boolean;
    readonly settled?: string;
  }): Promise<"changed" | "unchanged" | "refused" | "in doubt"> {
    const { policyDir, dataDir, observer } = this.#options;
    const stuck = await finishPending(this.#store, policyDir);
    const inForce = this.#inForce.version;
    const { files, state, doubts } = await readFolder(policyDir);
    if (settled !== undefined && state !== settled) return "in doubt";
    this.#filesVersion = files.version;
    const isInForce = files.sha256 === this.#inForce.sha256;
    if (stuck.length === 0 && isInForce && this.#authorizer.version === files.version) {
      this.#refused.clear();
      if (isAsked) observer.onUnchanged(this.#inForce);
      return "unchanged";
    }
    if (stuck.length + doubts.length > 0) {
      this.#refused.note([...stuck, ...doubts], { isAsked, inForce });
      return "in doubt";
    }
    const { policy, report } = await load(files, this.#inForce.endings);
    if (policy === undefined) {
      this.#refused.note(report.findings, { isAsked, inForce });
      return "refused";
    }
    // A change that was cut short, and is finished now, is in the history already.
    const entry = isInForce ? this.#inForce : entryOf(files, "files", filesAuthor, this.#inForce);
    try {
      await this.#store.keep(files);
      await this.#store.commit(entry);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      const problem = `the policy cannot be kept: ${(error as Error).message}`;
      this.#refused.note([{ source: dataDir, problem }], { isAsked, inForce });
      return "in doubt";
    }
    this.#swap(policy, entry);
    return "changed";
  }

  async #replace(
    files: PolicyFiles,
    how: "activate" | "rollback",
    { basedOn, author, judgeAgain, overwrite = false }: ActivateOptions,
  ): Promise<PolicyVersion> {
    const { policyDir } = this.#options;
    const { policy, report } = await load(files);
    if (policy === undefined) throw new PolicyRefused(report.version, this.#refused.withoutFolders(report.findings));
    if (this.#store.pending !== undefined) await this.#reload({ isAsked: true });
    this.#refuseMoved({ basedOn });
    const found = await readFolder(policyDir);
    if (!overwrite) await refuseEdited(this.#store, found, files);
    const replacement = await Replacement.prepare(policyDir, found.files, files);
    const isSame = files.sha256 === this.#inForce.sha256;
    const entry = isSame ? this.#inForce : entryOf(files, how, author, this.#inForce);
    try {
      judgeAgain?.();
      await this.#store.keep(files);
      await using locks = await EditLocks.take(policyDir, replacement.names);
      if (!overwrite && locks.heldByOthers.length > 0) {
        throw new PolicyFilesEdited(locks.heldByOthers, this.#inForce.version);
      }
      // What was written while these were prepared.
      if (!overwrite && (await stateOf(policyDir)) !== found.state)
        await refuseEdited(this.#store, await readFolder(policyDir), files);
      await replaceFiles(this.#store, policyDir, replacement, found.files, { entry, overwrite });
    } finally {
      await replacement.abandon();
    }
    this.#filesVersion = files.version;
    if (isSame) this.#refused.clear();
    else this.#swap(policy, entry);
    return entry;
  }

  /** What the entry says is on disk already. */
  #swap(policy: LoadedPolicy, entry: HistoryEntry): void {
    this.#refused.clear();
    const { observer } = this.#options;
    try {
      this.#authorizer.activate(policy.compiled);
    } catch (error) {
      observer.onProblem(error);
      throw error;
    } finally {
      observer.onActivated(entry);
    }
  }
}

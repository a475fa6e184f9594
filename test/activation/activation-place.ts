import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type PolicyVersion, PolicyActivation, type RefusedFiles } from "../../src/activation/index.js";
import { type PolicyBytes, policyFileNames } from "../../src/authz/index.js";
import { ask, exampleModel, outcome, PolicyFolder } from "../authz/policy-folder.js";

/** What lets `acme/billing` produce to these topics, and states so. */
export function policyOf(...topics: readonly string[]): Record<(typeof policyFileNames)[number], string> {
  return {
    "model.conf": exampleModel,
    "tenants.yaml": "tenants:\n  acme: {}\n  globex: {}\n",
    "policy.csv": topics.map((topic) => `p, acme/billing, acme, ${topic}, produce, allow\n`).join("") + "# rules\n",
    "matrix.csv": topics.map((topic) => `acme/billing, acme, ${topic}, produce, allow\n`).join("") + "# cases\n",
  };
}

export function bytesOf(texts: Readonly<Record<string, string>>): PolicyBytes {
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, Buffer.from(text)]));
}

/** A policy folder and a data directory, and what an activation over them told. */
export class ActivationPlace implements AsyncDisposable {
  readonly folder: PolicyFolder;
  readonly dataDir: string;
  readonly activated: PolicyVersion[] = [];
  readonly refused: RefusedFiles[] = [];
  readonly problems: unknown[] = [];
  readonly #told = new EventTarget();
  #open: PolicyActivation | undefined;

  private constructor(folder: PolicyFolder, dataDir: string) {
    this.folder = folder;
    this.dataDir = dataDir;
  }

  static async create(...topics: readonly string[]): Promise<ActivationPlace> {
    const dataDir = await mkdtemp(join(tmpdir(), "aclog-activation-"));
    return new ActivationPlace(await PolicyFolder.create(policyOf(...topics)), dataDir);
  }

  /** Opens it, after closing the one before as a stop in good order does. */
  async open({ settleMs = 60_000, pollMs = 20, settled = () => Promise.resolve() } = {}): Promise<PolicyActivation> {
    await this.#open?.[Symbol.asyncDispose]();
    this.#open = await PolicyActivation.open({
      policyDir: this.folder.path,
      dataDir: this.dataDir,
      settleMs,
      pollMs,
      settled,
      observer: {
        onDenied: () => undefined,
        onActivated: (version) => this.#tell(() => this.activated.push(version)),
        onUnchanged: () => undefined,
        onRefused: (refused) => this.#tell(() => this.refused.push(refused)),
        onProblem: (error) => this.#tell(() => this.problems.push(error)),
      },
    });
    return this.#open;
  }

  /** Resolves when it is so, which is looked at whenever something was told. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise((resolve) => this.#told.addEventListener("told", resolve, { once: true }));
  }

  /** What the files say, by name. */
  async texts(): Promise<Record<string, string>> {
    const names = await readdir(this.folder.path);
    const read = names.map(async (name) => [name, await readFile(join(this.folder.path, name), "utf8")] as const);
    return Object.fromEntries(await Promise.all(read));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open?.[Symbol.asyncDispose]();
    await this.folder[Symbol.asyncDispose]();
    await rm(this.dataDir, { recursive: true });
  }

  #tell(note: () => void): void {
    note();
    this.#told.dispatchEvent(new Event("told"));
  }
}

/** To which of the topics `acme/billing` may produce. */
export function allowed(activation: PolicyActivation, ...topics: readonly string[]): readonly string[] {
  return topics.filter(
    (topic) => outcome(activation.authorizer, ask("acme/billing", "produce", "acme", topic)) === "allow",
  );
}

import { basename, join } from "node:path";
import type { Finding } from "../errors.js";
import type { ActivationObserver } from "./observer.js";
import type { ActivationOptions, PolicyStatus } from "./terms.js";

interface Occasion {
  /** Somebody asked for the files to be read, and has to hear of it again. */
  readonly isAsked: boolean;
  readonly atStart?: boolean;
  /** The version that stays in force. */
  readonly inForce: string;
}

/** Why the files are not what is in force: told to the observer once for each distinct problem, and kept until it is over. */
export class RefusedChanges {
  readonly #observer: ActivationObserver;
  readonly #folders: readonly string[];
  #refused: { readonly findings: readonly Finding[]; readonly ms: number } | undefined;

  constructor({ observer, policyDir, dataDir }: Pick<ActivationOptions, "observer" | "policyDir" | "dataDir">) {
    this.#observer = observer;
    this.#folders = [policyDir, dataDir];
  }

  /** As an administrator of the machine finds them: with folders. */
  get findings(): readonly Finding[] {
    return this.#refused?.findings ?? [];
  }

  /** For those who ask from elsewhere. */
  get status(): Pick<PolicyStatus, "refused" | "refusedMs"> {
    const refused = this.#refused;
    return { refused: this.withoutFolders(this.findings), ...(refused && { refusedMs: refused.ms }) };
  }

  note(findings: readonly Finding[], { isAsked, atStart = false, inForce }: Occasion): void {
    const isKnown = JSON.stringify(findings) === JSON.stringify(this.#refused?.findings);
    if (!isKnown) this.#refused = { findings, ms: Date.now() };
    if (isAsked || !isKnown) this.#observer.onRefused({ findings, inForce, atStart });
  }

  clear(): void {
    this.#refused = undefined;
  }

  /** The same with the names of the files alone, also where one finding speaks of another file. */
  withoutFolders(findings: readonly Finding[]): Finding[] {
    return findings.map(({ source, problem, ...place }) => ({
      source: this.#folders.includes(source) ? "policy" : basename(source),
      ...place,
      problem: this.#folders.reduce((text, folder) => text.replaceAll(join(folder, "/"), ""), problem),
    }));
  }
}

import type { Finding } from "../errors.js";
import type { PolicyVersion } from "./history.js";
import type { ActivationObserver } from "./observer.js";

export interface ActivationOptions {
  /** Where administrators keep the files. */
  readonly policyDir: string;
  /** The data directory: this process has it to itself, except for `refuseFirstStart`. */
  readonly dataDir: string;
  readonly observer: ActivationObserver;
  /** Resolves when all that the policy before had let in is done, such as batches on their way to the disk. */
  readonly settled: () => Promise<void>;
  readonly settleMs?: number;
  readonly pollMs?: number;
}

export interface ActivateOptions {
  /** The version that the change was made from. */
  readonly basedOn: string;
  /** Who asks, as in `ops/root`. */
  readonly author: string;
  /** Asked before anything is changed, since the request may have waited for others. @throws what then refuses it */
  readonly judgeAgain?: () => void;
  /** Replaces the files also where they are not those in force: what somebody is editing there is lost. */
  readonly overwrite?: boolean;
}

/** What is in force, and what of the files is not. */
export interface PolicyStatus {
  readonly active: PolicyVersion;
  /** Of the files, as they were read last. Another version than the active one was refused. */
  readonly filesVersion: string;
  /** Why the files are not what is in force; with the names of the files alone. Empty: they are. */
  readonly refused: readonly Finding[];
  /** Since when they are refused, in milliseconds since 1970. */
  readonly refusedMs?: number;
}

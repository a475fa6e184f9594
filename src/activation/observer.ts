import type { DecisionObserver } from "../authz/index.js";
import type { Finding } from "../errors.js";
import type { PolicyVersion } from "./history.js";

/** Policy files that did not come into force. */
export interface RefusedFiles {
  /** As an administrator finds them: with the folder that he named. */
  readonly findings: readonly Finding[];
  /** The version that stays in force. */
  readonly inForce: string;
  /** The server started with what it had kept. */
  readonly atStart: boolean;
}

/** Told of what becomes of policies. What these throw ends what they are told of. */
export interface ActivationObserver extends DecisionObserver {
  /** Of every change, when it is in force and open calls are being judged again. */
  readonly onActivated: (version: PolicyVersion) => void;
  /** Of every reading again that was asked for and found nothing new. */
  readonly onUnchanged: (version: PolicyVersion) => void;
  /** Once for each distinct problem, and each time that somebody asked for the files to be read. */
  readonly onRefused: (refused: RefusedFiles) => void;
  /** Files that could not be looked at, or a version that could not be kept: it is tried again. */
  readonly onProblem: (error: unknown) => void;
}

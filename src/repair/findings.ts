import { relative } from "node:path";
import { OperatorError } from "../errors.js";

/** What can be wrong with a data directory, in words for whoever runs it. */

/**
 * How much a finding matters: `damage` is lost or wrong bytes, or what keeps a server from starting; a `warning` costs
 * nothing that was stored, such as a wrong index; a `note` says what was not judged, or what a start is going to do.
 */
export type Severity = "damage" | "warning" | "note";

/** Which file it is about; programs may branch on it. */
export type FindingKind =
  | "FORMAT"
  | "CLOCK"
  | "CHECKPOINT"
  | "JOURNAL"
  | "JOURNAL_GROUP"
  | "RESCUE"
  | "TOPIC_DIRECTORY"
  | "TOPIC_JSON"
  | "SEGMENT"
  | "INDEX"
  | "LEFTOVER"
  | "UNFINISHED_REPAIR"
  | "NOT_JUDGED";

/** Whose file it is. */
export interface TopicName {
  readonly topicId: string;
  readonly tenant: string;
  /** Undefined where nobody can tell. */
  readonly topic: string | undefined;
}

/** Offsets `[from, to)`. */
export interface OffsetSpan {
  readonly from: bigint;
  readonly to: bigint;
}

export interface DirectoryFinding {
  readonly kind: FindingKind;
  readonly severity: Severity;
  /** Relative to the data directory. */
  readonly path: string;
  /** In bytes; undefined if it is about the whole file. */
  readonly position?: number | undefined;
  readonly topic?: TopicName | undefined;
  /** The first offset that it concerns. */
  readonly offset?: bigint | undefined;
  readonly found: string;
  readonly expected: string;
  /** What to do about it. */
  readonly next: string;
}

/** What can be done, where there is more than one finding that it is said of. */
export const advice = {
  repair: "stop the server, then: aclog log repair shows what can be saved; or restore a backup",
  reindex: "nothing is lost; aclog log reindex writes it anew",
  start: "nothing; the next start sees to it",
  restore: "restore it from a backup; aclog log repair shows what can be done without one",
} as const;

/** `acme/orders`, or the id where the name is not known. */
export function formatTopic({ tenant, topic, topicId }: TopicName): string {
  return topic === undefined ? `${tenant}/? (${topicId})` : `${tenant}/${topic}`;
}

/** `offset 7`, `offsets 7 to 9`; for an empty span `no offset`. */
export function formatSpan({ from, to }: OffsetSpan): string {
  if (to <= from) return "no offset";
  return to === from + 1n ? `offset ${from}` : `offsets ${from} to ${to - 1n}`;
}

/** What two findings have in common if they say the same of the same place. */
export function keyOf(finding: DirectoryFinding): string {
  const { kind, severity, path, position, found, expected } = finding;
  return JSON.stringify([kind, severity, path, position, found, expected]);
}

/** What the system said of a file. @throws the error itself if it is none of the system's */
export function unreadable(data: string, kind: FindingKind, thrown: unknown, topic?: TopicName): DirectoryFinding {
  // A start puts it into words of its own.
  const error = thrown instanceof OperatorError && thrown.cause !== undefined ? thrown.cause : thrown;
  if (!(error instanceof Error && "syscall" in error && "code" in error)) throw error;
  const path = "path" in error && typeof error.path === "string" ? relative(data, error.path) : "";
  const found = `it cannot be read: ${String(error.code)}`;
  const next = "look at the disk, and at who may read the file; then verify again";
  return { kind, severity: "damage", path, topic, found, expected: "a file that can be read", next };
}

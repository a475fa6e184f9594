import type { MaintenanceProblem } from "./maintenance.js";
import type { ReclaimOptions } from "./reclaim.js";
import type { FailedTopic, RecoveryReport } from "./recovery.js";
import type { ClockJump } from "./retention-clock.js";
import type { SegmentSizes } from "./segment-size.js";
import type { StoreObserver } from "./store-observer.js";

/** Sizes of the file engine. The defaults are for production; tests make everything small. */
export interface FileStoreOptions extends SegmentSizes, ReclaimOptions {
  /** Size of a journal file, in bytes; at least 8 MiB, so that the largest request fits. */
  readonly journalFileBytes: number;
  /** How many journal files may hold what is not in a checkpoint yet. */
  readonly journalFiles: number;
  /** Segments and indexes that are open at a time. */
  readonly openFiles: number;
  /** Memory for what is durable in the journal and not in its segment yet, in bytes. */
  readonly pendingBytes: number;
}

const mebibyte = 1024 * 1024;

export const defaultFileStoreOptions: FileStoreOptions = {
  journalFileBytes: 32 * mebibyte,
  journalFiles: 4,
  segmentBytes: 256 * mebibyte,
  compactedSegmentBytes: 16 * mebibyte,
  openFiles: 2048,
  pendingBytes: 32 * mebibyte,
  reclaimBytes: mebibyte,
  compactionKeyBytes: 64 * mebibyte,
};

/** What the store tells its owner. */
export interface FileStoreEvents {
  onRecovered(report: RecoveryReport): void;
  /** Called once: nothing is acknowledged from now on. */
  onFailure(error: unknown): void;
  /** Called once for each topic that takes nothing until the next start, because its files could not be written. */
  onTopicFailure(failed: FailedTopic): void;
  /** The wall clock jumped, now or while the server was down. Records age as if it had not. */
  onClockJump(jump: ClockJump): void;
  /** Space could not be given back, or not be found out whether it could. */
  onMaintenanceProblem(problem: MaintenanceProblem): void;
  readonly observer?: StoreObserver;
}

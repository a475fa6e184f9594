/** The log: a narrow port, and the file engine behind it. */
export { type BackupOptions, backUp } from "./backup.js";
export { type BackupManifest, type BackupProgress, bytesOf } from "./backup-files.js";
export { type BackupFinding, type BackupReport, examineBackup } from "./backup-verify.js";
export { type Clock, systemClock } from "./clock.js";
export { isDiskFull } from "./durable-files.js";
export { FileStore } from "./file-store.js";
export { type FileStoreEvents, type FileStoreOptions, defaultFileStoreOptions } from "./file-store-options.js";
export { MemoryStore, type MemoryStoreOptions, defaultMemoryStoreOptions } from "./memory-store.js";
export type {
  AppendOptions,
  Appended,
  BatchProducer,
  CommitLog,
  LogStore,
  OffsetRange,
  PendingAppend,
  ReadLimits,
  RecordFrames,
  TopicSettings,
  Usage,
} from "./port.js";
export { defaultTopicSettings } from "./port.js";
export type { FailedTopic, RecoveryReport } from "./recovery.js";
export type { ClockJump } from "./retention-clock.js";
export { restoreBackup } from "./restore.js";
export type { StoreObserver } from "./store-observer.js";
export type { RecordBatch } from "../wire/records.js";

/** The log: a narrow port, and the file engine behind it. */
export { FileStore, type FileStoreEvents, type FileStoreOptions, defaultFileStoreOptions } from "./file-store.js";
export type {
  AppendOptions,
  Appended,
  CommitLog,
  LogStore,
  OffsetRange,
  PendingAppend,
  ReadLimits,
  RecordFrames,
} from "./port.js";
export type { RecoveryReport } from "./recovery.js";
export { splitFrames } from "./split-frames.js";
export type { RecordBatch } from "../wire/records.js";

/** Copies of a data directory, for the command line: none of it needs a server. */
export {
  type BackupFinding,
  type BackupManifest,
  type BackupProgress,
  type BackupReport,
  backUp,
  bytesOf,
  examineBackup,
  restoreBackup,
} from "../log/index.js";

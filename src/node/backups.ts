/** Copies of a data directory, for the command line: none of it needs a server. */
export {
  type BackupManifest,
  type BackupProgress,
  backUp,
  bytesOf,
  restoreBackup,
  verifyBackup,
} from "../log/index.js";

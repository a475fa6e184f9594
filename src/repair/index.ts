/** A data directory from outside: what is wrong with it, what is in it, and how to make it serve again. */
export { type DirectoryFinding, type FindingKind, type Severity, formatSpan, formatTopic } from "./findings.js";
export { type RepairOptions, type RepairReport, repair } from "./repair.js";
export type { Counts, OnProgress } from "./tally.js";
export { type VerifyOptions, type VerifyReport, verify } from "./verify.js";
export { type DumpedCommit, type DumpedPart, dumpFile, dumpTopic } from "./dump.js";
export { type ReindexReport, reindex } from "./reindex.js";

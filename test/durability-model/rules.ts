/** A rule of the log: what it says, and where the code follows it. */
interface Rule {
  /** The first history, by its seed, that goes wrong without it; where it is not, those behind it are tried. */
  readonly broken: number;
  readonly says: string;
  readonly where: string;
}

/**
 * Every rule that keeps what was acknowledged, each of them a step that can be left out, or two that can be done the other
 * way round. With all of them no history may lose anything; without any single one, some history does.
 *
 * A rule is missing here on purpose: that recovery cuts what is behind the last promised commit. As long as the others hold,
 * segments never get anything but what the journal has durably, and there is nothing to be cut.
 */
export const rules = {
  syncBeforeAnswer: {
    says: "a group is answered after its sync",
    where: "journal.ts: append(); group-commit.ts: #commit()",
    broken: 1,
  },
  syncBeforePublish: {
    says: "readers and segments get a group after its sync",
    where: "group-commit.ts: #commit(), #publish()",
    broken: 2,
  },
  batchInOneGroup: { says: "all commits of a batch are in one group", where: "group-commit.ts: #take()", broken: 2 },
  groupChecksum: { says: "a group counts whole or not at all", where: "replay.ts: intactGroup()", broken: 10 },
  nonceInHeader: {
    says: "a group counts only with its file's nonce",
    where: "journal-format.ts: decodeGroupHeader()",
    broken: 13,
  },
  durableInHeader: {
    says: "a later group says what had been durable before it",
    where: "journal-format.ts: sealGroup(); replay.ts: laterGroup()",
    broken: 550,
  },
  nameVouches: {
    says: "a later file's name says that all before it had been durable",
    where: "replay.ts: replay(), following !== next",
    broken: 66,
  },
  endMark: {
    says: "the end mark says that there is a next file",
    where: "journal.ts: #rotate(); replay.ts: replay()",
    broken: 27,
  },
  nameAfterDurable: {
    says: "a file gets its name after everything before it is durable",
    where: "group-commit.ts: #commit(), makeRoom() before append()",
    broken: 1,
  },
  spareSyncedBeforeName: {
    says: "a journal file's header is on disk before it gets its name",
    where: "journal.ts: prepareSpare()",
    broken: 4,
  },
  journalNameSynced: {
    says: "a journal file's name is on disk before its first group",
    where: "journal.ts: #rotate()",
    broken: 4,
  },
  journalFailureIsFinal: {
    says: "after a failed write or sync of the journal nothing is acknowledged",
    where: "journal.ts: append(), fail()",
    broken: 14,
  },
  neverRetryFailedSync: {
    says: "a failed sync of the journal is not tried again",
    where: "journal.ts: append()",
    broken: 56,
  },
  flushBeforeCheckpoint: {
    says: "a checkpoint comes after all that it speaks of is written",
    where: "checkpointer.ts: #run()",
    broken: 1,
  },
  segmentSyncBeforeCheckpoint: {
    says: "a checkpoint comes after the segments are synced",
    where: "checkpointer.ts: #run(); topic-files.ts: sync()",
    broken: 2,
  },
  segmentNameSynced: {
    says: "a checkpoint comes after the names of new segments are on disk",
    where: "topic-files.ts: sync()",
    broken: 4,
  },
  manifestBeforeCheckpoint: {
    says: "a new segment is in topic.json before the checkpoint that needs it",
    where: "topic-files.ts: sync()",
    broken: 1,
  },
  neverRetrySegmentSync: {
    says: "after a failed sync of a segment nothing counts as synced by another one",
    where: "open-files.ts: sync()",
    broken: 24,
  },
  dirtyFileStaysOpen: {
    says: "a file is synced before it is closed, so that an error is told to who wrote it",
    where: "open-files.ts",
    broken: 24,
  },
  endsOfOneMoment: {
    says: "a checkpoint's ends are exactly what the groups up to its sequence make",
    where: "checkpointer.ts: #run()",
    broken: 2,
  },
  checkpointFileSynced: {
    says: "a checkpoint's bytes are on disk before it takes the place of the one before",
    where: "durable-files.ts: replaceFile()",
    broken: 4,
  },
  checkpointNameSynced: {
    says: "a checkpoint's name is on disk before journal files are used again",
    where: "durable-files.ts: replaceFile()",
    broken: 78,
  },
  checkpointBeforeRecycle: {
    says: "journal files are used again after the checkpoint",
    where: "checkpointer.ts: #run(), release()",
    broken: 2,
  },
  recycleOnlyBelowCheckpoint: {
    says: "only journal files that hold nothing above the checkpoint are used again",
    where: "journal.ts: release()",
    broken: 42,
  },
  oldNameGone: {
    says: "a journal file that is used again has lost its old name on disk before it loses its header",
    where: "journal.ts: release()",
    broken: 1828,
  },
  replayedFilesGone: {
    says: "files that were replayed are gone from disk before the new one gets a group: they cannot vouch for it",
    where: "journal.ts: open()",
    broken: 3267,
  },
  judgeBeforeWriting: {
    says: "recovery judges all of the journal before it writes anything",
    where: "recovery.ts: recover(), the first replay",
    broken: 56,
  },
  lastGroupMadeDurable: {
    says: "recovery makes the last group durable before segments get it: a kill may have come before its sync",
    where: "recovery.ts: recover(), confirmGroup()",
    broken: 56,
  },
  rewriteOnReplay: {
    says: "recovery writes what is above the checkpoint again and never compares it",
    where: "recovering-topic.ts: write()",
    broken: 108,
  },
  recoverySyncsSegments: { says: "recovery syncs what it writes", where: "recovering-topic.ts: #durably()", broken: 2 },
  recoverySyncsNames: {
    says: "recovery syncs the names of segments before its checkpoint",
    where: "recovering-topic.ts: finish()",
    broken: 4,
  },
  checkpointAfterRecovery: {
    says: "a checkpoint ends recovery before its journal files are removed",
    where: "recovery.ts: recover(); journal.ts: open()",
    broken: 9,
  },
  segmentProves: {
    says: "a commit behind all that the journal has proves that the journal has lost it",
    where: "recovering-topic.ts: checkBeyond()",
    broken: 16,
  },
  commitChecksum: { says: "a commit is checked on every read", where: "segment-read.ts: readFrom()", broken: 1 },
  manifestSynced: {
    says: "topic.json is on disk before the topic's directory gets its name",
    where: "creation.ts: create()",
    broken: 2,
  },
  topicNameSynced: {
    says: "a topic's directory is on disk before its first commit",
    where: "creation.ts: create()",
    broken: 1,
  },
  foundTopicSynced: {
    says: "a topic that recovery finds is on disk before its first commit: a kill may have come before its sync",
    where: "found-names.ts",
    broken: 249,
  },
  retireBeforeDeletion: {
    says: "all that a topic admitted is answered before it is deleted",
    where: "topic-log.ts: retire()",
    broken: 8,
  },
  noDeletionAfterFailure: {
    says: "a topic is not deleted once the journal has failed, which may hold records of it that were refused",
    where: "deletion.ts: delete()",
    broken: 1733,
  },
  discardByName: {
    says: "what could not be created loses its name on disk before its files go",
    where: "creation.ts: create()",
    broken: 1462,
  },
  renameBeforeNameIsFree: {
    says: "a deletion is on disk before it is answered and the name is free",
    where: "deletion.ts: delete()",
    broken: 4,
  },
  removalAfterCheckpoint: {
    says: "a deleted topic's files go after the checkpoint that does not mention it",
    where: "checkpointer.ts: drop(); deletion.ts",
    broken: 7,
  },
  leftoversAfterSync: {
    says: "a deletion that recovery finds is on disk before its checkpoint leaves the topic out, and before its files go",
    where: "found-names.ts",
    broken: 784,
  },
  startOffsetBeforeRemoval: {
    says: "a raised start is on disk before a segment is removed",
    where: "topic-files.ts: change(), replaceSegments()",
    broken: 1,
  },
  maintainOnlyBelowCheckpoint: {
    says: "only sealed segments below the checkpoint are removed or written anew",
    where: "reclaim.ts: sealedOf()",
    broken: 28,
  },
  generationSyncedBeforeManifest: {
    says: "a segment written anew is on disk before topic.json names it",
    where: "compact-target.ts: finish()",
    broken: 15,
  },
  manifestBeforeRemoval: {
    says: "topic.json names the new generation on disk before the old one is removed",
    where: "topic-files.ts: replaceSegments()",
    broken: 32,
  },
  namedGenerationStays: {
    says: "a generation that topic.json names, though replacing it has failed, is not removed or written over",
    where: "topic-files.ts: discard(); reclaim.ts: #rewrite()",
    broken: 8450,
  },
  orphansAfterSync: {
    says: "what recovery removes of old generations goes after topic.json's name is on disk",
    where: "found-names.ts",
    broken: 11154,
  },
} satisfies Record<string, Rule>;

export type RuleName = keyof typeof rules;
export type Rules = Readonly<Record<RuleName, boolean>>;

export const ruleNames = Object.keys(rules) as RuleName[];

/** All rules but those. */
export function allBut(...names: readonly RuleName[]): Rules {
  return Object.fromEntries(ruleNames.map((name) => [name, !names.includes(name)])) as Rules;
}

/** Records as the model has them: nothing but who they are and where they belong. */

export interface Batch {
  readonly topicId: string;
  readonly records: readonly ModelRecord[];
}

export interface ModelRecord {
  readonly batch: Batch;
  /** Of records with the same one, compaction keeps the last; 0 is no key. */
  readonly key: number;
  readonly offset: number;
}

export interface Commit {
  readonly topicId: string;
  readonly base: number;
  readonly last: number;
  readonly records: readonly ModelRecord[];
  /** What it takes in the journal and in its segment. */
  readonly cells: number;
  /** True for what a damaged commit would be read as if nobody checked it. */
  readonly isDamaged?: boolean;
}

/** One cell of a segment. */
export interface SegmentCell {
  readonly commit: Commit;
  readonly part: number;
}

export function cellsOf(commit: Commit): SegmentCell[] {
  return Array.from({ length: commit.cells }, (_, part) => ({ commit, part }));
}

/** The whole commit that begins at `at`; undefined if there is none. */
export function commitAt(cells: readonly unknown[], at: number): Commit | undefined {
  const first = cells[at] as SegmentCell | undefined;
  if (first?.part !== 0) return undefined;
  const { commit } = first;
  for (let part = 1; part < commit.cells; part++) {
    if ((cells[at + part] as SegmentCell | undefined)?.commit !== commit) return undefined;
  }
  return commit;
}

/** Where a topic's log ends. */
export interface End {
  readonly next: number;
  readonly base: number;
  readonly position: number;
}

export const emptyEnd: End = { next: 0, base: 0, position: 0 };

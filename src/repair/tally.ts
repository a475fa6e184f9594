/** What was read so far, and whom to tell. */
export interface Counts {
  topics: number;
  segments: number;
  commits: number;
  records: number;
  bytes: number;
  journalGroups: number;
}

/** How far work is: of `ofBytes` bytes in all, which may be undefined before that is known. */
export type OnProgress = (done: Readonly<Counts>, ofBytes: number | undefined) => void;

export class Tally {
  readonly counts: Counts = { topics: 0, segments: 0, commits: 0, records: 0, bytes: 0, journalGroups: 0 };
  ofBytes: number | undefined;
  readonly #onProgress: OnProgress;

  constructor(onProgress: OnProgress = () => undefined) {
    this.#onProgress = onProgress;
  }

  commit(records: number, bytes: number): void {
    this.counts.commits++;
    this.counts.records += records;
    this.counts.bytes += bytes;
    this.#onProgress(this.counts, this.ofBytes);
  }
}

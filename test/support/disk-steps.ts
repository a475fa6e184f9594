/** Identifies a file or a directory, whatever it is called: names come and go, and are renamed. */
export type Inode = number;

/** What a process did to a disk, as far as a crash may show it. */
export type DiskStep = NameStep | BytesStep | SyncStep;

/** A change of one directory. Noted when it is done. */
export type NameStep =
  | {
      readonly kind: "create";
      readonly directory: Inode;
      readonly name: string;
      readonly inode: Inode;
      readonly isDirectory: boolean;
    }
  | {
      readonly kind: "rename";
      readonly directory: Inode;
      readonly from: string;
      readonly name: string;
      readonly inode: Inode;
    }
  | { readonly kind: "remove"; readonly directory: Inode; readonly name: string; readonly inode: Inode };

/** A change of one file. Noted when it begins: from then on it may be on the disk, all of it or a part. */
export interface BytesStep {
  readonly kind: "bytes";
  readonly inode: Inode;
  /** Undefined: the file is cut, or extended, to `position`. */
  readonly bytes: Buffer | undefined;
  readonly position: number;
  /** How many steps had been noted when it was over. */
  endedAt: number;
}

/** A sync that is over. */
export interface SyncStep {
  readonly kind: "sync";
  readonly inode: Inode;
  /** How many steps had been noted when it began: what was over by then is on the disk. */
  readonly begunAt: number;
}

/** Everything that was done to one directory of a disk, in order. */
export interface Recording<Told> {
  readonly steps: readonly DiskStep[];
  /** For each step, what callers had been told when it was noted; one more for the end. */
  readonly told: readonly Told[];
}

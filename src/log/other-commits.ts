import { closeSync, openSync, readSync } from "node:fs";
import { open } from "node:fs/promises";
import { commitHeaderBytes, commitMark, readCommitHeader } from "./commit.js";
import { readUpTo } from "./durable-files.js";

/** So much is searched at a time. */
const windowBytes = 1024 * 1024;

/**
 * What a segment's file begins with, if that shows it to be another one; undefined if it is empty, or damaged there. On this
 * thread: a start asks it of every topic that it is about to write to, and nobody is served yet who would have to wait.
 */
export function otherBeginning(path: string, topicId: string, base: bigint): string | undefined {
  const bytes = Buffer.alloc(commitHeaderBytes);
  const file = openSync(path, "r");
  try {
    const header = readCommitHeader(bytes.subarray(0, readSync(file, bytes, 0, bytes.length, 0)), 0);
    if (header === undefined) return undefined;
    if (header.topicId !== topicId) return "a commit of another topic";
    return header.base === base ? undefined : `a commit with offset ${header.base} instead of ${base}`;
  } finally {
    closeSync(file);
  }
}

/**
 * Where in a segment's file, from `position` on, the header of a commit is that was written once; undefined if there is none.
 * The one that would follow, with offset `next`, may be there and cut short: it is passed over.
 */
export async function findCommit(
  path: string,
  position: number,
  topicId: string,
  next: bigint,
): Promise<number | undefined> {
  const file = await open(path, "r");
  try {
    const first = readCommitHeader(await readUpTo(file, position, commitHeaderBytes), 0);
    const isNext = first?.topicId === topicId && first.base === next;
    let from = position + (isNext ? first.headerBytes + first.framesBytes : 0);
    for (;;) {
      const bytes = await readUpTo(file, from, windowBytes);
      for (let at = bytes.indexOf(commitMark); at >= 0; at = bytes.indexOf(commitMark, at + 1)) {
        if (readCommitHeader(bytes, at) !== undefined) return from + at;
      }
      if (bytes.length < windowBytes) return undefined;
      from += windowBytes - commitHeaderBytes + 1;
    }
  } finally {
    await file.close();
  }
}

import type { FileHandle } from "node:fs/promises";
import { readUpTo } from "../log/durable-files.js";

/** So much is read at a time, at least. */
const windowBytes = 1024 * 1024;

/** A file that is read from its beginning to its end, in large parts, and now and then a little further back. */
export class FileWindow {
  readonly #file: FileHandle;
  readonly #end: number;
  #start = 0;
  #bytes: Buffer = Buffer.alloc(0);

  /** @param end nothing is read from there on */
  constructor(file: FileHandle, end: number) {
    this.#file = file;
    this.#end = end;
  }

  /** Up to `length` bytes at `position`; fewer only at the end. They stay as they are until somebody lets go of them. */
  async at(position: number, length: number): Promise<Buffer> {
    const wanted = Math.max(0, Math.min(length, this.#end - position));
    const isHere = position >= this.#start && position + wanted <= this.#start + this.#bytes.length;
    if (!isHere) {
      const most = Math.min(Math.max(wanted, windowBytes), Math.max(0, this.#end - position));
      this.#bytes = await readUpTo(this.#file, position, most);
      this.#start = position;
    }
    return this.#bytes.subarray(position - this.#start, position - this.#start + wanted);
  }
}

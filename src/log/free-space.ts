import { statfs } from "node:fs/promises";

const maxAgeMs = 250;

/** How much room the disk has, looked at often enough that a full disk is met before a write meets it. */
export class FreeSpace {
  readonly #path: string;
  readonly #reserveBytes: number;
  #freeBytes = 0;
  /** What was taken since the last look: a quarter of a second is long enough to fill a small disk. */
  #takenBytes = 0;
  #lookedAt = 0;
  #looking = false;
  #timer: NodeJS.Timeout | undefined;

  private constructor(path: string, reserveBytes: number) {
    this.#path = path;
    this.#reserveBytes = reserveBytes;
  }

  /** @param reserveBytes what must stay free for the journal, so that what was acknowledged can reach its segments */
  static async open(path: string, reserveBytes: number): Promise<FreeSpace> {
    const space = new FreeSpace(path, reserveBytes);
    await space.#look();
    return space;
  }

  /** True if `bytes` more can be taken. Costs no system call: the answer is at most a quarter of a second old. */
  hasRoomFor(bytes: number): boolean {
    if (Date.now() - this.#lookedAt > maxAgeMs) void this.#look();
    return this.#isRoomFor(bytes);
  }

  /** Notes bytes that are going to be written. */
  take(bytes: number): void {
    this.#takenBytes += bytes;
  }

  /** A write met a full disk: nothing is taken until a look says otherwise, which comes by itself. */
  reportFull(): void {
    this.#freeBytes = 0;
    this.#lookAgain();
  }

  #isRoomFor(bytes: number): boolean {
    return this.#freeBytes - this.#takenBytes - bytes > this.#reserveBytes;
  }

  /** Otherwise it would take a caller, refused for what is over, to find out. */
  #lookAgain(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#look();
    }, maxAgeMs).unref();
  }

  async #look(): Promise<void> {
    // Two at a time would both count the same bytes as seen.
    if (this.#looking) return;
    this.#looking = true;
    const seenBytes = this.#takenBytes;
    try {
      const { bavail, bsize } = await statfs(this.#path);
      this.#freeBytes = bavail * bsize;
    } catch {
      // Not to know is no reason to take more.
      this.#freeBytes = 0;
    } finally {
      this.#takenBytes -= seenBytes;
      this.#lookedAt = Date.now();
      this.#looking = false;
      if (!this.#isRoomFor(0)) this.#lookAgain();
    }
  }
}

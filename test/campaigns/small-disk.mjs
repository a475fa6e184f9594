/** A file system that can be made full, in memory. Needs root. */
import { mkdir, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./place.mjs";

export class SmallDisk {
  /** Where it is mounted. */
  path;
  #fillers = 0;

  constructor(path) {
    this.path = path;
  }

  static async mount(path, bytes) {
    await mkdir(path, { recursive: true });
    await run("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "aclog", path]);
    return new SmallDisk(path);
  }

  async freeBytes() {
    const { bavail, bsize } = await statfs(this.path);
    return bavail * bsize;
  }

  /** Somebody else takes all but `freeBytes`, also what others give back meanwhile. */
  async fill(freeBytes) {
    for (let tries = 0; tries < 20; tries++) {
      const left = (await this.freeBytes()) - freeBytes;
      if (left < 4096) return;
      // What does not fit any more takes nothing.
      await run("fallocate", ["-l", `${left}`, this.#filler(this.#fillers++)]).catch(() => undefined);
    }
  }

  /** Makes room again. */
  async clear() {
    for (let filler = 0; filler < this.#fillers; filler++) await rm(this.#filler(filler), { force: true });
    this.#fillers = 0;
  }

  async unmount() {
    await run("umount", [this.path]);
  }

  #filler(number) {
    return join(this.path, `filler-${number}`);
  }
}

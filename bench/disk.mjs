/** What the disk does by itself: a 4 KiB write at the end of a file of zeros, and an fdatasync, one after the other. */
import { open } from "node:fs/promises";
import { join } from "node:path";
import { distribution } from "./report.mjs";

const fileBytes = 32 * 1024 * 1024;

export async function syncRow(directory, seconds) {
  const path = join(directory, "raw");
  const file = await open(path, "w");
  try {
    await file.writeFile(Buffer.alloc(fileBytes));
    await file.sync();
    const block = Buffer.alloc(4096, 1);
    const times = [];
    const until = performance.now() + seconds * 1000;
    for (let at = 0; performance.now() < until; at = (at + block.length) % fileBytes) {
      const started = performance.now();
      await file.write(block, 0, block.length, at);
      await file.datasync();
      times.push(performance.now() - started);
    }
    return { perSecond: Math.round(times.length / seconds), milliseconds: distribution(times) };
  } finally {
    await file.close();
  }
}

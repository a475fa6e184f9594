/** What the disk does by itself: a 4 KiB write into a file of zeros, and an fdatasync, one after the other. */
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { distribution } from "../statistics.mjs";

const fileBytes = 32 * 1024 * 1024;

async function openDisk({ directory }) {
  const file = await open(join(directory, "raw"), "w+");
  await file.writeFile(Buffer.alloc(fileBytes));
  await file.sync();
  const block = Buffer.alloc(4096, 1);
  return {
    async run(_kind, _way, { seconds }) {
      const times = [];
      const started = performance.now();
      const until = started + seconds * 1000;
      for (let at = 0; performance.now() < until; at = (at + block.length) % fileBytes) {
        const began = performance.now();
        await file.write(block, 0, block.length, at);
        await file.datasync();
        times.push(performance.now() - began);
      }
      return { records: times.length, seconds: (performance.now() - started) / 1000, ...distribution(times) };
    },
    createTopic: () => undefined,
    discard: () => undefined,
    close: () => file.close(),
  };
}

const way = { name: "4 KiB and an fdatasync", open: openDisk };

export const disk = {
  name: "the disk alone",
  kind: "disk",
  durable: "fdatasync",
  fsyncs: true,
  secured: "–",
  ways: { produce: [way], tail: [way] },
  version: async () => "",
  async start({ directory }) {
    await mkdir(directory, { recursive: true });
    return { directory, settings: {}, stop: async () => undefined };
  },
};

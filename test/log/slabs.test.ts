import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { writeAllFully } from "../../src/log/durable-files.js";
import { type Slab, Slabs } from "../../src/log/slabs.js";
import { temporaryDirectory } from "../support/log-harness.js";

const mebibyte = 1024 * 1024;

interface Group {
  readonly slab: Slab;
  readonly start: number;
  readonly end: number;
  readonly mark: number;
  commits: number;
  isLent: boolean;
}

describe("the memory of groups", () => {
  const steps = fc.array(
    fc.record({ what: fc.constantFrom("build", "build", "release", "lend"), size: fc.integer({ min: 1, max: 300 }) }),
    { maxLength: 200 },
  );

  test("is never written while a commit in it is pending, and never again once some of it is lent", () => {
    fc.assert(
      fc.property(steps, fc.boolean(), (all, inOrder) => {
        const slabs = new Slabs(200);
        const groups: Group[] = [];
        for (const [mark, { what, size }] of all.entries()) {
          const chosen = groups.filter(({ commits }) => commits > 0).at(inOrder ? 0 : -1);
          if (what === "build") {
            const slab = slabs.withRoomFor(size);
            const start = slab.filled;
            expect(slab.bytes.length - start).toBeGreaterThanOrEqual(size);
            slab.bytes.fill(mark, start, start + size);
            slab.filled = start + size;
            slab.hold();
            slab.hold();
            groups.push({ slab, start, end: slab.filled, mark, commits: 2, isLent: false });
          } else if (chosen !== undefined && what === "lend") {
            chosen.slab.lend();
            chosen.isLent = true;
          } else if (chosen !== undefined) {
            chosen.commits--;
            chosen.slab.release();
          }
          for (const group of groups.filter(({ commits, isLent }) => commits > 0 || isLent)) {
            const bytes = group.slab.bytes.subarray(group.start, group.end);
            expect(bytes.every((byte) => byte === group.mark)).toBe(true);
          }
        }
        for (const group of groups) for (; group.commits > 0; group.commits--) group.slab.release();
        expect(slabs.usedBytes).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  test("counts what cannot be used again yet, and is used again then", () => {
    const slabs = new Slabs(mebibyte);
    const seen = new Set<Buffer>();
    for (let round = 0; round < 10; round++) {
      const held: Slab[] = [];
      for (let group = 0; group < 4; group++) {
        const slab = slabs.withRoomFor(600_000);
        seen.add(slab.bytes);
        slab.filled += 600_000;
        slab.hold();
        held.push(slab);
        // The one that is being filled does not count.
        expect(slabs.usedBytes).toBe(group * mebibyte);
      }
      for (const slab of held) slab.release();
      expect(slabs.usedBytes).toBe(0);
    }
    expect(seen.size).toBe(4);
  });
});

describe("several pieces", () => {
  test("are all written, in their order, however little the disk takes at a time", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "file");
    await using file = await open(path, "w+");
    const most = { bytes: Infinity };
    const writev = file.writev.bind(file);
    file.writev = (async (pieces: readonly Uint8Array[], position?: number) => {
      const whole = Buffer.concat(pieces);
      return writev([whole.subarray(0, Math.min(whole.length, most.bytes))], position);
    }) as typeof file.writev;
    const pieces = [1, 0, 5, 300, 2].map((length, index) => Buffer.alloc(length, index + 1));
    const whole = Buffer.concat(pieces);
    for (most.bytes of [1, 5, 6, 7, 306, Infinity]) {
      await file.truncate(0);
      expect(await writeAllFully(file, pieces, 3)).toBe(whole.length);
      expect((await readFile(path)).subarray(3).equals(whole)).toBe(true);
    }
  });
});

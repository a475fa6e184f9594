import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { defaultTopicSettings } from "../../src/log/port.js";
import { CrashDisk, materialise } from "../support/crash-disk.js";
import { type Life, goOn } from "../support/crash-lives.js";
import { CrashSurvey, type Told } from "../support/crash-survey.js";
import type { DiskStep } from "../support/disk-steps.js";
import { nobodyWasTold, recordLife, tenants } from "../support/recorded-life.js";
import { Random } from "../support/random.js";
import type { RecordedDisk } from "../support/recorded-disk.js";

const real = vi.hoisted(() => ({ disk: undefined as RecordedDisk | undefined }));
vi.mock("node:fs/promises", async (importOriginal) => {
  const { RecordedDisk: Recorded } = await import("../support/recorded-disk.js");
  real.disk ??= new Recorded();
  return real.disk.wrap(await importOriginal());
});
vi.mock("node:fs", async (importOriginal) => {
  const { RecordedDisk: Recorded } = await import("../support/recorded-disk.js");
  real.disk ??= new Recorded();
  return real.disk.wrapSync(await importOriginal());
});

const options = { segmentBytes: 2048, compactedSegmentBytes: 2048, reclaimBytes: 200, journalFileBytes: 48 * 1024 };
const compacting = { ...defaultTopicSettings, compact: true };
const base = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

const renames = (name: RegExp) => (step: DiskStep) => step.kind === "rename" && name.test(step.name);
/** What it replaces is removed as soon as it is synced. */
const replacesSegments = (step: DiskStep, index: number, steps: readonly DiskStep[]): boolean =>
  renames(/^topic\.json$/)(step) &&
  steps.slice(index + 1, index + 3).some((next) => next.kind === "remove" && next.name.endsWith(".log"));
const writesGroup = (step: DiskStep): boolean =>
  step.kind === "bytes" && step.bytes?.toString("latin1", 0, 4) === "GRP1";

/** The process is killed right behind the last step of that kind, before it is synced. */
const kills: readonly [string, Life, (step: DiskStep, index: number, steps: readonly DiskStep[]) => boolean][] = [
  ["the first start is over", async () => undefined, renames(/^format\.json$/)],
  ["a topic has its name", (caller) => caller.create("orders"), renames(/^[0-9a-f]{32}$/)],
  [
    "a topic is renamed to be deleted",
    async (caller) => {
      await caller.create("orders");
      await caller.append("orders", 4);
      await caller.delete("orders");
    },
    renames(/\.deleted$/),
  ],
  [
    "segments before the start are not named any more",
    async (caller) => {
      await caller.create("orders");
      await caller.append("orders", 12);
      await caller.maintain();
      await caller.trim("orders", 50n);
      await caller.maintain();
    },
    replacesSegments,
  ],
  [
    "a compacted segment takes the place of another",
    async (caller) => {
      await caller.create("orders", compacting);
      await caller.append("orders", 15);
      await caller.maintain();
    },
    replacesSegments,
  ],
  [
    "the last group is written",
    async (caller) => {
      await caller.create("orders");
      await caller.append("orders", 4);
    },
    writesGroup,
  ],
];

for (const [what, life, isLast] of kills) {
  test(`a power cut, at any step of the start behind a kill just when ${what}, takes nothing that anybody was told`, async () => {
    const directory = await mkdtemp(join(base, "aclog-crash-twice-"));
    const root = join(directory, "live");
    const extent = { most: 12, ofSteps: 0.5, ofBytes: 0, ofStarts: 0 };
    const survey = new CrashSurvey(directory, options, tenants, extent);
    const record = async (disk: CrashDisk, told: Told, act: Life) => {
      materialise(disk.state({ names: new Set(disk.pendingNames()), files: new Map() }), root);
      const recording = await recordLife(real.disk!, options, root, disk.copy(), told, act);
      await rm(root, { recursive: true });
      return recording;
    };
    try {
      const disk = new CrashDisk();
      const { steps, told } = await record(disk, nobodyWasTold(), life);
      const last = steps.findLastIndex(isLast);
      expect(last).toBeGreaterThan(0);
      for (const [index, step] of steps.slice(0, last + 1).entries()) disk.apply(step, index);
      const started = await record(disk, told[last + 1]!, goOn);
      await survey.survey(what, disk.copy(), started, new Random(1));
      expect(survey.violations.slice(0, 2)).toEqual([]);
      expect(survey.figures.distinct).toBeGreaterThan(10);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
}

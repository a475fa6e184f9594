import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { CrashDisk, materialise } from "../support/crash-disk.js";
import { choicesOf } from "../support/crash-choices.js";
import { type Life, goOn, lives } from "../support/crash-lives.js";
import { CrashSurvey, type SurveyFigures, type Told } from "../support/crash-survey.js";
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

/** `make crash-states`: so many distinct states, instead of some at each step of each life. */
const wanted = Number(process.env["ACLOG_CRASH_STATES"] ?? 0);
const seed = Number(process.env["ACLOG_CRASH_SEED"] ?? (wanted > 0 ? Date.now() % 1_000_000 : 1));
const isLong = wanted > 0;

/** The short form looks at each step that changes names or syncs something, as the long one does, and at some of the others. */
const extent = isLong
  ? { most: 24, ofSteps: 1, ofBytes: 1, ofStarts: 1 }
  : { most: 2, ofSteps: 0.1, ofBytes: 0.05, ofStarts: 0.3 };

const options = { segmentBytes: 2048, compactedSegmentBytes: 2048, reclaimBytes: 200, journalFileBytes: 48 * 1024 };
/** In memory where that can be: what a disk does with a sync is not asked here. */
const base = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** A crash that is not the last one, and what callers had been told by then. */
interface Crash {
  readonly disk: CrashDisk;
  readonly told: Told;
}

/** One life, every crash that may end it, and of some of those crashes, every one that may end the next start. */
async function surveyLife(survey: CrashSurvey, directory: string, name: string, life: Life, round: number) {
  const random = new Random(seed + round);
  const root = join(directory, "live");
  const surveyed = async (what: string, begin: CrashDisk, before: Told, act: Life, crashes: number) => {
    materialise(begin.state({ names: new Set(begin.pendingNames()), files: new Map() }), root);
    const recording = await recordLife(real.disk!, options, root, begin.copy(), before, act);
    await rm(root, { recursive: true });
    const chosen = new Set(Array.from({ length: crashes }, () => random.below(recording.steps.length)));
    const found: Crash[] = [];
    await survey.survey(what, begin.copy(), recording, random, (index, told, disk) => {
      if (chosen.has(index)) found.push({ disk: disk.copy(), told });
    });
    return found;
  };
  const what = `seed ${seed}, round ${round}, ${name}`;
  const crashes = await surveyed(what, new CrashDisk(), nobodyWasTold(), life, isLong ? 4 : 1);
  for (const [index, crash] of crashes.entries()) {
    // A kill leaves what was not synced as it was: the next start finds it, and a power cut may still take it away.
    let { disk } = crash;
    if (random.isTrue()) {
      const after = join(directory, "after-power-cut");
      materialise(disk.state(random.pick(choicesOf(disk, random, 8))), after);
      disk = CrashDisk.of(after);
      await rm(after, { recursive: true });
    }
    await surveyed(`${what}, then start ${index}`, disk, crash.told, goOn, 0);
    if (survey.violations.length > 0) return;
  }
}

function say(figures: SurveyFigures): void {
  const { worstRecoveryMs, ...counts } = figures;
  const text = Object.entries(counts).map(([what, count]) => `${what} ${count}`);
  process.stdout.write(
    `crash states: ${text.join(", ")}, worst recovery ${Math.round(worstRecoveryMs)} ms, seed ${seed}\n`,
  );
}

test(
  "whatever a crash leaves of what was not synced, at any step of any life, holds what callers were told",
  async () => {
    const directory = await mkdtemp(join(base, "aclog-crash-states-"));
    const survey = new CrashSurvey(directory, options, tenants, extent, (figures) => {
      if (isLong && figures.distinct % 1000 === 0) say(figures);
    });
    try {
      for (let round = 0; round === 0 || survey.figures.distinct < wanted; round++) {
        for (const [name, life] of lives) {
          if (isLong && survey.figures.distinct >= wanted) break;
          await surveyLife(survey, directory, name, life, round);
          expect(survey.violations.slice(0, 3)).toEqual([]);
        }
      }
    } finally {
      say(survey.figures);
      await rm(directory, { recursive: true });
    }
    const { distinct, acked, found, lost, altered, duplicated, refused } = survey.figures;
    expect({ found, lost, altered, duplicated, refused }).toEqual({
      found: acked,
      lost: 0,
      altered: 0,
      duplicated: 0,
      refused: 0,
    });
    expect(distinct).toBeGreaterThan(isLong ? wanted - 1 : 1000);
  },
  isLong ? 7_200_000 : 400_000,
);

import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ClockJump, RetentionClock } from "../../src/log/retention-clock.js";
import { temporaryDirectory } from "../support/log-harness.js";
import { ManualClock } from "../support/manual-clock.js";

const minute = 60_000;
const day = 86_400_000;
const year = 365 * day;

/** A clock that can be stopped and started again, as the server is. */
async function rig(directory: string, clock = new ManualClock()) {
  const jumps: ClockJump[] = [];
  const path = join(directory, "clock.json");
  let isNew = true;
  const start = async (): Promise<RetentionClock> => {
    const retention = await RetentionClock.open(path, clock, isNew, (jump) => jumps.push(jump));
    await retention.start();
    isNew = false;
    return retention;
  };
  return {
    clock,
    jumps,
    path,
    retention: await start(),
    /** Ends it as a kill does: nothing more is written down. What was, is what the file has. */
    async killAndStart(): Promise<void> {
      const saved = await readFile(path);
      await this.retention[Symbol.asyncDispose]();
      await writeFile(path, saved);
      this.retention = await start();
    },
    async closeAndStart(meanwhile: () => void = () => undefined): Promise<void> {
      await this.retention[Symbol.asyncDispose]();
      meanwhile();
      this.retention = await start();
    },
    /** Somebody sets the clock; resolves when that is written down, unless it is too little to be. */
    async jump(byMs: number): Promise<void> {
      clock.jump(byMs);
      this.retention.observe();
      // What else was on its way to the file, such as how far time had come, may be there before it.
      const aheadMs = clock.wallMs() - this.retention.nowMs;
      const isWritten = async (): Promise<boolean> => {
        const { epochs } = JSON.parse(await readFile(path, "utf8")) as { epochs: { aheadMs: number }[] };
        return Math.abs(epochs.at(-1)!.aheadMs - aheadMs) <= 1000;
      };
      while (Math.abs(byMs) > 2000 && !(await isWritten())) await turn();
    },
    isOld(timeMs: number, ageMs: number): boolean {
      return timeMs <= this.retention.cutoff(ageMs);
    },
    async [Symbol.asyncDispose]() {
      await this.retention[Symbol.asyncDispose]();
    },
  };
}

describe("the retention clock", () => {
  test("without jumps says exactly how old a record is", async () => {
    await using directory = await temporaryDirectory();
    await using it = await rig(directory.path);
    const written = it.clock.wallMs();
    it.clock.advance(10 * minute - 1);
    expect(it.isOld(written, 10 * minute)).toBe(false);
    it.clock.advance(1);
    expect(it.isOld(written, 10 * minute)).toBe(true);
    expect(it.isOld(written + 1, 10 * minute)).toBe(false);
    expect(it.jumps).toEqual([]);
  });

  for (const [what, byMs] of [
    ["ten years forward", 10 * year],
    ["ten days back", -10 * day],
    ["an hour forward", 60 * minute],
    ["two seconds back", -2000],
  ] as const) {
    test(`a jump of ${what} makes nothing old, and is told once`, async () => {
      await using directory = await temporaryDirectory();
      await using it = await rig(directory.path);
      const before = it.clock.wallMs();
      it.clock.advance(minute);
      it.retention.observe();
      it.clock.jump(byMs);
      for (let second = 0; second < 60; second++) {
        it.retention.observe();
        it.clock.advance(1000);
      }
      expect(it.isOld(before, 3 * minute)).toBe(false);
      expect(it.jumps).toEqual([{ byMs, wallMs: before + minute + byMs }]);
      // What is written behind it ages as it should, and so does what was written before it, as soon as no time that the
      // clock showed after it can have been meant.
      const after = it.clock.wallMs();
      it.clock.advance(3 * minute - 1);
      expect(it.isOld(after, 3 * minute)).toBe(false);
      it.clock.advance(1);
      expect(it.isOld(after, 3 * minute)).toBe(true);
      if (byMs > 0) expect(it.isOld(before, 5 * minute)).toBe(true);
      it.clock.advance(Math.max(0, -byMs));
      expect(it.isOld(before, 5 * minute)).toBe(true);
    });

    test(`a jump of ${what} between two runs on the same machine makes nothing old, and is told once`, async () => {
      await using directory = await temporaryDirectory();
      await using it = await rig(directory.path);
      const before = it.clock.wallMs();
      await it.closeAndStart(() => {
        it.clock.advance(minute);
        it.clock.jump(byMs);
      });
      await it.closeAndStart();
      expect(it.jumps).toHaveLength(1);
      expect(it.jumps[0]!.byMs).toBe(byMs);
      expect(it.isOld(before, minute + 1)).toBe(false);
      it.clock.advance(Math.max(0, -byMs));
      // The minute between the runs counts: the machine was up.
      expect(it.isOld(before, minute)).toBe(true);
    });
  }

  test("a step back of some milliseconds right behind a jump of ten days back makes what is written then no ten days old", async () => {
    await using directory = await temporaryDirectory();
    await using it = await rig(directory.path);
    await it.jump(-10 * day);
    // Too little to be a jump.
    await it.jump(-2);
    const written = it.clock.wallMs();
    expect(it.isOld(written, minute)).toBe(false);
    it.clock.advance(minute);
    expect(it.isOld(written, minute)).toBe(true);
    expect(it.isOld(written, minute + 2 * 1000)).toBe(false);
  });

  test("time that the machine was off makes nothing old; a wall clock that then is years ahead, or behind, is told", async () => {
    await using directory = await temporaryDirectory();
    await using it = await rig(directory.path);
    const before = it.clock.wallMs();
    await it.closeAndStart(() => it.clock.reboot(60 * minute));
    expect(it.jumps).toEqual([]);
    expect(it.isOld(before, minute)).toBe(false);
    it.clock.advance(minute);
    expect(it.isOld(before, minute)).toBe(true);
    await it.closeAndStart(() => it.clock.reboot(10 * year));
    expect(it.jumps.map(({ byMs }) => byMs)).toEqual([10 * year]);
    await it.closeAndStart(() => it.clock.reboot(-10 * year));
    expect(it.jumps.map(({ byMs }) => byMs)).toEqual([10 * year, -10 * year]);
    expect(it.isOld(it.clock.wallMs(), minute)).toBe(false);
  });

  test("where it cannot be known whether the machine was off, time between two runs does not count", async () => {
    await using directory = await temporaryDirectory();
    const clock = new ManualClock();
    clock.bootId = undefined;
    await using it = await rig(directory.path, clock);
    const before = clock.wallMs();
    await it.closeAndStart(() => clock.advance(60 * minute));
    expect(it.isOld(before, minute)).toBe(false);
  });

  test("a kill loses nothing of the time that passed", async () => {
    await using directory = await temporaryDirectory();
    await using it = await rig(directory.path);
    const before = it.clock.wallMs();
    for (let kill = 1; kill <= 5; kill++) {
      it.clock.advance(10 * minute);
      await it.killAndStart();
      expect(it.isOld(before, kill * 10 * minute)).toBe(true);
      expect(it.isOld(before, kill * 10 * minute + 1)).toBe(false);
    }
    expect(it.jumps).toEqual([]);
  });

  test("a file that is missing makes all records age from now on", async () => {
    await using directory = await temporaryDirectory();
    const clock = new ManualClock();
    const before = clock.wallMs() - year;
    await using retention = await RetentionClock.open(
      join(directory.path, "clock.json"),
      clock,
      false,
      () => undefined,
    );
    expect(before <= retention.cutoff(minute)).toBe(false);
    clock.advance(minute);
    expect(before <= retention.cutoff(minute)).toBe(true);
    expect(clock.wallMs() <= retention.cutoff(minute)).toBe(false);
  });

  test("a file that is damaged or of another version is refused, and stays as it is", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "clock.json");
    const good = { version: 1, uptimeMs: 1, livedMs: 1, epochs: [{ fromWallMs: 0, aheadMs: 0 }] };
    const bad = [
      "",
      "{",
      "null",
      "[]",
      JSON.stringify({ ...good, version: 2 }),
      JSON.stringify({ ...good, epochs: [] }),
      JSON.stringify({ ...good, livedMs: "1" }),
    ];
    for (const text of bad) {
      await writeFile(path, text);
      const opened = RetentionClock.open(path, new ManualClock(), false, () => undefined);
      await expect(opened).rejects.toMatchObject({ name: "OperatorError" });
      expect(await readFile(path, "utf8")).toBe(text);
    }
  });

  test("keeps its file small, however often the clock jumps", async () => {
    await using directory = await temporaryDirectory();
    await using it = await rig(directory.path);
    const before = it.clock.wallMs();
    for (let jump = 0; jump < 1000; jump++) {
      it.clock.jump(jump % 2 === 0 ? minute : -minute);
      it.clock.advance(1000);
      it.retention.observe();
    }
    await it.closeAndStart();
    expect((await stat(it.path)).size).toBeLessThan(20_000);
    expect(it.isOld(before, 1000 * 1000 + 1)).toBe(false);
    it.clock.advance(10 * minute);
    expect(it.isOld(before, 1000 * 1000 + 1)).toBe(true);
  });

  test("never makes a record older than it is, whatever clocks and machine do", async () => {
    const anyStep = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant("advance"), by: fc.integer({ min: 0, max: 3 * day }) }) },
      { weight: 6, arbitrary: fc.record({ kind: fc.constant("write"), by: fc.constant(0) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("jump"), by: fc.integer({ min: -year, max: year }) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("reboot"), by: fc.integer({ min: -day, max: 9 * day }) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart"), by: fc.integer({ min: 0, max: day }) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("kill"), by: fc.constant(0) }) },
    );
    // Steps of less than a second go unnoticed, one way and the other, and again when a kill forgets one that was not.
    const tolerance = 4001;
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 60 }), async (steps) => {
        await using directory = await temporaryDirectory();
        await using it = await rig(directory.path);
        /** Time that really passed, machine off included. */
        let realMs = 0;
        let jumped = false;
        let last = 0;
        const records: { timeMs: number; realMs: number; livedMs: number }[] = [];
        for (const { kind, by } of steps) {
          if (kind === "advance") {
            it.clock.advance(by);
            realMs += by;
          } else if (kind === "jump") {
            await it.jump(by);
            jumped = true;
          } else if (kind === "reboot") {
            await it.closeAndStart(() => it.clock.reboot(by));
            realMs += Math.max(0, by);
            jumped = true;
          } else if (kind === "restart") {
            await it.closeAndStart(() => it.clock.advance(by));
            realMs += by;
          } else if (kind === "kill") await it.killAndStart();
          else {
            // As a topic does it: never back in time.
            last = Math.max(last, it.clock.wallMs());
            records.push({ timeMs: last, realMs, livedMs: it.retention.nowMs });
          }
          it.retention.observe();
          for (const record of records) {
            const age = realMs - record.realMs;
            expect(it.isOld(record.timeMs, age + tolerance), "not older than it is").toBe(false);
            if (!jumped && age > 0) expect(it.isOld(record.timeMs, age), "as old as it is").toBe(true);
          }
        }
        // In the end everything grows old.
        it.clock.advance(3 * year * steps.length);
        for (const record of records) expect(it.isOld(record.timeMs, day)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});

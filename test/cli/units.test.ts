import assert from "node:assert/strict";
import { test } from "vitest";
import {
  exactDuration,
  exactSize,
  grouped,
  orNone,
  parseDuration,
  parseSize,
  parseTime,
  roughDuration,
  roughSize,
} from "../../src/cli/units.js";

const durations = [
  ["1ms", 1],
  ["90s", 90_000],
  ["15m", 900_000],
  ["12h", 43_200_000],
  ["7d", 604_800_000],
] as const;
for (const [text, ms] of durations) {
  test(`${text} is ${ms} ms, and is shown as ${text} again`, () => {
    assert.equal(parseDuration(text), ms);
    assert.equal(exactDuration(ms), text);
  });
}

const sizes = [
  ["4KiB", 4096],
  ["500MiB", 524_288_000],
  ["10GiB", 10_737_418_240],
  ["2TiB", 2_199_023_255_552],
] as const;
for (const [text, bytes] of sizes) {
  test(`${text} is ${bytes} bytes, and is shown as ${text} again`, () => {
    assert.equal(parseSize(text), bytes);
    assert.equal(exactSize(bytes), text);
  });
}

const unusable = [
  "",
  "0",
  "0s",
  "0KiB",
  "-1",
  "1.5",
  "1e3",
  "10GB",
  "10 GiB",
  "10gib",
  "7D",
  "1w",
  "s",
  "9999999999999999",
  "\n1",
];
for (const text of unusable) {
  test(`${JSON.stringify(text)} is no duration and no size`, () => {
    assert.throws(() => parseDuration(text), /A duration is .*at least 1,.*90s or 7d/);
    assert.throws(() => parseSize(text), /A size is .*at least 1,.*10GiB/);
  });
}

test("a size without a unit is in bytes", () => {
  assert.deepEqual(["1", "1000", "0004"].map(parseSize), [1, 1000, 4]);
});

test("none takes a limit off, and what is more than a number can hold is refused", () => {
  assert.equal(orNone(parseSize)("none"), "none");
  assert.equal(orNone(parseSize)("5"), 5);
  assert.throws(() => parseSize("none"));
  assert.throws(() => parseSize("99999TiB"));
  assert.throws(() => parseDuration("999999999d"));
});

const times = [
  ["2026-11-21T09:30:00Z", Date.UTC(2026, 10, 21, 9, 30)],
  ["2026-11-21T09:30:00.250Z", Date.UTC(2026, 10, 21, 9, 30, 0, 250)],
  ["2026-11-21T09:30Z", Date.UTC(2026, 10, 21, 9, 30)],
  ["2026-11-21T09:30+01:00", Date.UTC(2026, 10, 21, 8, 30)],
  ["2026-11-21T09:30", new Date(2026, 10, 21, 9, 30).getTime()],
  ["2026-11-21", new Date(2026, 10, 21).getTime()],
  ["2028-02-29", new Date(2028, 1, 29).getTime()],
] as const;
for (const [text, ms] of times) {
  test(`${text} is ${new Date(ms).toISOString()} here`, () => {
    assert.equal(parseTime(text).getTime(), ms);
  });
}

const noTimes = [
  // text                says
  ["", /^A time is a date, or a date and a time of day, such as 2026-11-21T09:00:00Z\.$/],
  ["now", /^A time is a date/],
  ["2026", /^A time is a date/],
  ["2026-11", /^A time is a date/],
  ["21.11.2026", /^A time is a date/],
  ["2026-02-30", /^There is no such date\.$/],
  ["2026-13-45", /^There is no such date\.$/],
  ["2026-11-21T25:00Z", /^There is no such time of day\.$/],
  ["2026-11-21 08:00", /^A T stands between date and time of day: 2026-11-21T08:00\.$/],
] as const;
for (const [text, message] of noTimes) {
  test(`${JSON.stringify(text)} is no time: ${message.source}`, () => {
    assert.throws(() => parseTime(text), { message });
  });
}

test("what is shown about a duration or a size is short", () => {
  const shown = [0, 999, 59_999, 60_000, 7_199_999, 86_400_000 * 400].map(roughDuration);
  assert.deepEqual(shown, ["0s", "0s", "59s", "1m", "1h", "400d"]);
  assert.equal(roughDuration(-5), "0s");
  assert.deepEqual([0, 1023, 1024, 1536, 5 * 1024 ** 3].map(roughSize), [
    "0 B",
    "1023 B",
    "1.0 KiB",
    "1.5 KiB",
    "5.0 GiB",
  ]);
  assert.equal(grouped(12345678901234567890n), "12,345,678,901,234,567,890");
});

test("what is shown of a duration or a size is exact where settings are shown", () => {
  assert.deepEqual([1, 1500, 61_000, 90_000, 86_400_000].map(exactDuration), ["1ms", "1500ms", "61s", "90s", "1d"]);
  assert.deepEqual([1, 1025, 1_048_577, 3_145_728].map(exactSize), [
    "1 bytes",
    "1,025 bytes",
    "1,048,577 bytes",
    "3MiB",
  ]);
});

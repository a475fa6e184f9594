/** Durations, sizes and times, as people write and read them. */
import { InvalidArgumentError } from "commander";

const milliseconds = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const bytes = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 } as const;

/**
 * In milliseconds, at least 1: `90s`, `15m`, `12h`, `7d`.
 * @throws InvalidArgumentError
 */
export function parseDuration(text: string): number {
  const [, count, unit] = /^(\d{1,15})(ms|s|m|h|d)$/.exec(text) ?? [];
  const value = unit === undefined ? NaN : Number(count) * milliseconds[unit as keyof typeof milliseconds];
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError(
      "A duration is a whole number, at least 1, with ms, s, m, h or d behind it, such as 90s or 7d.",
    );
  }
  return value;
}

/**
 * In bytes, at least 1: `4096`, `500MiB`, `10GiB`.
 * @throws InvalidArgumentError
 */
export function parseSize(text: string): number {
  const [, count, unit] = /^(\d{1,15})(|KiB|MiB|GiB|TiB)$/.exec(text) ?? [];
  const value = Number(count ?? NaN) * (unit ? bytes[unit as keyof typeof bytes] : 1);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError(
      "A size is a number of bytes, at least 1, or one with KiB, MiB, GiB or TiB behind it: 10GiB.",
    );
  }
  return value;
}

/** What `parse` reads, or `none`. */
export function orNone(parse: (text: string) => number): (text: string) => number | "none" {
  return (text) => (text === "none" ? text : parse(text));
}

/**
 * A date, or a date with a time, `2026-11-21T09:30:00Z`; without Z or an offset such as +01:00, where this machine is.
 * @throws InvalidArgumentError
 */
export function parseTime(text: string): Date {
  const [, year, month, day, separator = "T", time = "00:00"] =
    /^(\d{4})-(\d\d)-(\d\d)(?:([T ])(\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)?))?$/.exec(text) ?? [];
  if (year === undefined) {
    throw new InvalidArgumentError("A time is a date, or a date and a time of day, such as 2026-11-21T09:00:00Z.");
  }
  const date = new Date(`${year}-${month}-${day}T${time}`);
  // JavaScript takes the 30th of February for the 2nd of March.
  const isDay = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() === Number(day);
  if (!isDay) throw new InvalidArgumentError("There is no such date.");
  if (Number.isNaN(date.getTime())) throw new InvalidArgumentError("There is no such time of day.");
  if (separator !== "T") {
    throw new InvalidArgumentError(`A T stands between date and time of day: ${text.replace(" ", "T")}.`);
  }
  return date;
}

/** Exactly, in the largest unit that leaves no rest, as `parseDuration` reads it. */
export function exactDuration(ms: number): string {
  const [unit, factor] = Object.entries(milliseconds).findLast(([, each]) => ms % each === 0) ?? ["ms", 1];
  return `${ms / factor}${unit}`;
}

/** Exactly, in the largest unit that leaves no rest: `10GiB`, `1025 bytes`. */
export function exactSize(size: number): string {
  const [unit, factor] = Object.entries(bytes).findLast(([, each]) => size % each === 0) ?? [" bytes", 1];
  return `${grouped(size / factor)}${unit}`;
}

/** About how long: `3s`, `5m`, `2h`, `12d`. */
export function roughDuration(ms: number): string {
  const [unit, factor] = Object.entries(milliseconds).findLast(([, each]) => ms >= each && each > 1) ?? ["s", 1000];
  return `${Math.max(0, Math.floor(ms / factor))}${unit}`;
}

/** How long ago about: `5m ago`. */
export function roughAge(sinceMs: number): string {
  return `${roughDuration(Date.now() - sinceMs)} ago`;
}

/** About how much: `512 B`, `5.1 MiB`. */
export function roughSize(size: number): string {
  const [unit, factor] = Object.entries(bytes).findLast(([, each]) => size >= each) ?? ["B", 1];
  return `${factor === 1 ? size : (size / factor).toFixed(1)} ${unit}`;
}

/** With commas between thousands, whatever the locale of the machine. */
export function grouped(count: number | bigint): string {
  return count.toLocaleString("en");
}

/** `1 record`, `1,100 records`. */
export function counted(count: number | bigint, what: string, several = `${what}s`): string {
  return `${grouped(count)} ${BigInt(count) === 1n ? what : several}`;
}

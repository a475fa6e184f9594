/** Arguments as plain JavaScript may give them: the codec would send many a wrong one as something else, or as nothing. */
import { didYouMean } from "../suggest.js";

/** What a caller got wrong: the argument, what was expected there, and what came instead. */
export function expected(name: string, what: string, got: unknown): TypeError {
  return new TypeError(`${name}: expected ${what}, got ${kindOf(got)}`);
}

/**
 * @param known the names of the options that there are
 * @param place what the object is called
 * @throws TypeError unless it is an object to read options from, and has no others
 */
export function requireOptions(options: unknown, known: ReadonlySet<string>, place = "options"): void {
  if (typeof options !== "object" || options === null) throw expected(place, "an object", options);
  // What is inherited, such as a caller's own defaults, is read too.
  for (const name in options) if (!known.has(name)) throw unknownOption(place, name, known);
}

function unknownOption(place: string, name: string, known: ReadonlySet<string>): TypeError {
  const instead = didYouMean(name, known) || `; known are ${[...known].join(", ")}`;
  return new TypeError(`${place}: there is no option ${quoted(name)}${instead}`);
}

/** @throws TypeError unless it is text, which is given back */
export function requireText(name: string, text: unknown): string {
  if (typeof text !== "string") throw expected(name, "text", text);
  return text;
}

/** @throws TypeError unless it is text or bytes */
export function requireContent(name: string, content: unknown): void {
  if (!isContent(content)) throw expected(name, "text or bytes", content);
}

/** @throws TypeError unless there is none or it is an AbortSignal */
export function requireSignal(signal: unknown): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw expected("signal", "an AbortSignal", signal);
}

/** @throws TypeError unless batches can come out of it */
export function requireIterable(batches: unknown): void {
  const isIterable =
    typeof batches === "object" && batches !== null && (Symbol.iterator in batches || Symbol.asyncIterator in batches);
  if (!isIterable) throw expected("batches", "an iterable of arrays of records", batches);
}

/** @throws RangeError unless it is from `least` to `most` milliseconds; TypeError for what is no number */
export function duration(name: string, ms: number, least: number, most: number): number {
  if (typeof ms !== "number") throw expected(name, "a number of milliseconds", ms);
  if (!(ms >= least && ms <= most)) throw new RangeError(`${name}: ${ms} is not from ${least} to ${most} milliseconds`);
  return ms;
}

export function isContent(value: unknown): value is string | Uint8Array {
  return typeof value === "string" || value instanceof Uint8Array;
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (Array.isArray(value)) return "an array";
  if (typeof value === "string") return quoted(value);
  if (typeof value === "object") return "an object";
  return `a ${typeof value}`;
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}

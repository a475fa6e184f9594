/** Arguments as plain JavaScript may give them: the codec would send many a wrong one as something else, or as nothing. */

/** What a caller got wrong: the argument, what was expected there, and what came instead. */
export function expected(name: string, what: string, got: unknown): TypeError {
  return new TypeError(`${name}: expected ${what}, got ${kindOf(got)}`);
}

/** @throws TypeError unless it is an object to read options from */
export function requireOptions(options: unknown): void {
  if (typeof options !== "object" || options === null) throw expected("options", "an object", options);
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
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === "object") return "an object";
  return `a ${typeof value}`;
}

import { isUtf8 } from "node:buffer";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { readFileWithin, whyUnreadable } from "../read-file.js";
import { Pace } from "./breathe.js";
import { Findings } from "./findings.js";

/** One policy file as it was read, with everything that was found wrong in it so far. */
export interface SourceFile {
  /** As messages name it: the directory that the administrator gave, and the file's name. */
  readonly source: string;
  /** Undefined when it could not be read. */
  readonly bytes: Buffer | undefined;
  /**
   * With a space in place of each character that was refused, so that columns stay true and parsing can go on. Undefined
   * when it could not be read, or is no text: nothing more is worth saying about it.
   */
  readonly text: string | undefined;
  readonly findings: Findings;
  /** Whether there is no such file. */
  readonly isMissing?: boolean;
}

/** Never throws: what cannot be read or decoded is a finding. */
export async function readSource(directory: string, name: string, maxBytes: number): Promise<SourceFile> {
  const source = join(directory, name);
  try {
    // To open a pipe that nobody writes to would keep this reload waiting, and every later one.
    if ((await stat(source)).isFIFO()) throw new Error("is a pipe, not a file");
    return await sourceOf(source, await readFileWithin(source, maxBytes));
  } catch (error) {
    const findings = new Findings(source);
    findings.error({}, whyUnreadable(error));
    return { source, bytes: undefined, text: undefined, findings, isMissing: isMissing(error) };
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** The same of a file that is in memory already. */
export async function sourceOf(source: string, bytes: Buffer): Promise<SourceFile> {
  const findings = new Findings(source);
  return { source, bytes, text: await decode(bytes, findings), findings };
}

/**
 * What a reader cannot see must not change what a rule means: control characters, line ends other than a newline, and
 * invisible characters (such as those that reverse the direction of writing) are refused, in comments too.
 */
const unseen = /[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/gu;

/** A file with more of them is no text. */
const maxUnseen = 1_000;

/** How much is looked through at a time, in characters. */
const stretch = 256 * 1024;

async function decode(bytes: Buffer, findings: Findings): Promise<string | undefined> {
  if (!isUtf8(bytes)) {
    findings.error(await placeOfBadBytes(bytes), "these bytes are not valid UTF-8");
    return undefined;
  }
  const text = bytes.toString("utf8");
  const places = new Map<string, { line: number; column: number; times: number }>();
  const endOfLine = (from: number): number => {
    const newline = text.indexOf("\n", from);
    return newline === -1 ? text.length : newline;
  };
  let [line, start, end, total] = [1, 0, endOfLine(0), 0];
  const pace = new Pace();
  const pieces: string[] = [];
  for (let from = 0; from < text.length && total <= maxUnseen;) {
    const to = characterEnd(text, from + stretch);
    const piece = text.slice(from, to);
    const before = total;
    for (const match of piece.matchAll(unseen)) {
      const [character, index] = [match[0], from + match.index];
      for (; end < index; line++) [start, end] = [end + 1, endOfLine(end + 1)];
      const known = places.get(character);
      if (known === undefined) places.set(character, { line, column: index - start + 1, times: 1 });
      else known.times += 1;
      if (++total > maxUnseen) break;
    }
    pieces.push(total === before ? piece : piece.replace(unseen, (character) => " ".repeat(character.length)));
    from = to;
    await pace.step();
  }
  // One finding for each kind: an editor that ends lines with CRLF would otherwise bring one for every line.
  const isText = total <= maxUnseen;
  for (const [character, { line, column, times }] of places) {
    const count = isText ? `${times} of them in this file` : `there are more than ${maxUnseen} such characters`;
    findings.error({ line, column }, `${nameOf(character)} is not allowed here${times > 1 ? ` (${count})` : ""}`);
  }
  if (!isText) return undefined;
  return total === 0 ? text : pieces.join("");
}

/** So that no character is cut in two: some are made of two units. */
function characterEnd(text: string, at: number): number {
  const isSecondHalf = (text.charCodeAt(at) & 0xfc00) === 0xdc00;
  return isSecondHalf ? at + 1 : at;
}

/** Of bytes that are not valid UTF-8. They are looked through a piece at a time: there may be millions of lines before. */
async function placeOfBadBytes(bytes: Buffer): Promise<{ line: number; column: number }> {
  let [line, column] = [1, 1];
  const pace = new Pace();
  for (let from = 0; ; await pace.step()) {
    const piece = bytes.subarray(from, characterStart(bytes, from + stretch));
    const isGood = isUtf8(piece);
    // A newline byte is never part of a longer UTF-8 sequence, so lines can be counted before they are decoded.
    const good = isGood ? piece : piece.subarray(0, goodBytes(piece));
    const text = good.toString("utf8");
    const lastEnd = text.lastIndexOf("\n");
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", end + 1)) line++;
    column = lastEnd === -1 ? column + text.length : text.length - lastEnd;
    if (!isGood) return { line, column };
    from += piece.length;
  }
}

/** So that no character is cut in two, unless it is bad anyway. */
function characterStart(bytes: Buffer, at: number): number {
  let start = at;
  while (start > at - 3 && (bytes[start]! & 0xc0) === 0x80) start--;
  return start;
}

/** How many bytes stand before the first character that is none. The decoder puts U+FFFD there, so what it made is the same up to it. */
function goodBytes(bytes: Buffer): number {
  const made = Buffer.from(bytes.toString("utf8"));
  let same = 0;
  while (made[same] === bytes[same]) same++;
  while ((made[same]! & 0xc0) === 0x80) same--;
  return same;
}

function nameOf(character: string): string {
  if (character === "\t") return "a tab";
  if (character === "\r") return "a carriage return (lines end with a newline alone)";
  if (character === "\uFEFF") return "a byte order mark";
  const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
  return `the invisible character U+${code}`;
}

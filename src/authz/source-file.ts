import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Findings } from "./findings.js";

/** One policy file as it was read, with everything that was found wrong in it so far. */
export interface SourceFile {
  /** As messages name it: the directory that the administrator gave, and the file's name. */
  readonly source: string;
  /** Undefined when it could not be read. */
  readonly bytes: Buffer | undefined;
  /** With a space in place of each character that was refused, so that columns stay true and parsing can go on. */
  readonly text: string;
  readonly findings: Findings;
}

/** Never throws: what cannot be read or decoded is a finding. */
export async function readSource(directory: string, name: string): Promise<SourceFile> {
  const source = join(directory, name);
  const findings = new Findings(source);
  try {
    const bytes = await readFile(source);
    return { source, bytes, text: decode(bytes, findings), findings };
  } catch (error) {
    findings.error({}, whyUnreadable(error));
    return { source, bytes: undefined, text: "", findings };
  }
}

function whyUnreadable(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOENT") return "this file is missing";
  if (code === "ENOTDIR") return "this file is missing: what should be its folder is a file";
  return `this file cannot be read: ${code ?? String(error)}`;
}

/**
 * What a reader cannot see must not change what a rule means: control characters, line ends other than a newline, and
 * invisible characters (such as those that reverse the direction of writing) are refused, in comments too.
 */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

function decode(bytes: Buffer, findings: Findings): string {
  const lines = splitLines(bytes).map((line, index) => decodeLine(line, index + 1, findings));
  const places = new Map<string, { line: number; column: number; times: number }>();
  const text = lines.map((line, index) =>
    line.replace(unseen, (character, at: number) => {
      const known = places.get(character);
      if (known === undefined) places.set(character, { line: index + 1, column: at + 1, times: 1 });
      else known.times += 1;
      return " ".repeat(character.length);
    }),
  );
  // One finding for each kind: an editor that ends lines with CRLF would otherwise bring one for every line.
  for (const [character, { line, column, times }] of places) {
    const more = times > 1 ? ` (${times} of them in this file)` : "";
    findings.error({ line, column }, `${nameOf(character)} is not allowed here${more}`);
  }
  return text.join("\n");
}

/** A newline byte is never part of a longer UTF-8 sequence, so lines can be told apart before they are decoded. */
function splitLines(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let start = 0;
  for (let end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a, start)) {
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  lines.push(bytes.subarray(start));
  return lines;
}

const replacement = "\uFFFD";

function decodeLine(bytes: Buffer, line: number, findings: Findings): string {
  const text = bytes.toString("utf8");
  // The decoder puts U+FFFD where bytes are wrong; where the file really has that character the bytes agree.
  for (let at = text.indexOf(replacement); at !== -1; at = text.indexOf(replacement, at + 1)) {
    const offset = Buffer.byteLength(text.slice(0, at));
    if (!bytes.subarray(offset, offset + 3).equals(Buffer.from(replacement))) {
      findings.error({ line, column: at + 1 }, "these bytes are not valid UTF-8");
      break;
    }
  }
  return text;
}

function nameOf(character: string): string {
  if (character === "\t") return "a tab";
  if (character === "\r") return "a carriage return (lines end with a newline alone)";
  if (character === "\uFEFF") return "a byte order mark";
  const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
  return `the invisible character U+${code}`;
}

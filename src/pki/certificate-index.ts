import { join } from "node:path";
import { type Finding, OperatorError } from "../errors.js";
import { isInnerPath, type NewFile } from "./files.js";
import { readPart } from "./read.js";

/** One certificate that was issued. */
export interface IndexEntry {
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** When it was revoked and why; undefined while it is not. */
  readonly revoked: { readonly at: Date; readonly reason: string } | undefined;
  /** Where it was put, relative to the folder; undefined where only its owner has it. */
  readonly file: string | undefined;
  /** Names of the authority and of whom it is for, as RFC 4514 writes them. */
  readonly issuer: string;
  readonly subject: string;
}

/** The file, relative to the folder. */
export const indexName = "index.txt";
const heading = "# state\tserial\tissued\tends\trevoked\treason\tfile\tissuer\tsubject\n";
const nothing = "-";

/**
 * What was issued, the oldest first; nothing where there is no index yet.
 * @throws OperatorError with every line that is not as it is written here
 */
export async function readIndex(directory: string): Promise<IndexEntry[]> {
  const path = join(directory, indexName);
  const bytes = await readPart(path).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return Buffer.alloc(0);
    throw error;
  });
  const findings: Finding[] = [];
  const entries = bytes
    .toString()
    .split(/\r?\n/)
    .flatMap((line, index) => {
      if (line === "" || line.startsWith("#")) return [];
      const entry = entryIn(line);
      if (entry === undefined) findings.push({ source: path, line: index + 1, problem: "is not a line of this index" });
      return entry ?? [];
    });
  if (findings.length > 0) throw new OperatorError("the index of certificates is damaged:", findings);
  return entries;
}

/** The whole index, to be put in the place of the one before. */
export function indexFile(entries: readonly IndexEntry[]): NewFile {
  return { path: indexName, text: heading + entries.map(lineOf).join(""), secret: false, replaces: true };
}

function lineOf(entry: IndexEntry): string {
  const { revoked } = entry;
  const fields = [
    revoked === undefined ? "valid" : "revoked",
    entry.serial,
    timeText(entry.notBefore),
    timeText(entry.notAfter),
    revoked === undefined ? nothing : timeText(revoked.at),
    revoked?.reason ?? nothing,
    entry.file ?? nothing,
    entry.issuer,
    entry.subject,
  ];
  return `${fields.map(onOneLine).join("\t")}\n`;
}

function entryIn(line: string): IndexEntry | undefined {
  const fields = line.split("\t");
  const [state, serial, issued, ends, revokedAt, reason, file, issuer, subject] = fields as Partial<string[]>;
  const isWhole = fields.length === 9 && /^(?:[0-9A-F]{2})+$/.test(serial!) && (file === nothing || isInnerPath(file!));
  const [notBefore, notAfter] = [new Date(issued!), new Date(ends!)];
  if (!isWhole || !isTime(notBefore) || !isTime(notAfter)) return undefined;
  const revoked = state === "revoked" ? { at: new Date(revokedAt!), reason: reason! } : undefined;
  if (revoked === undefined ? state !== "valid" : !isTime(revoked.at)) return undefined;
  const place = file === nothing ? undefined : file!;
  return { serial: serial!, notBefore, notAfter, revoked, file: place, issuer: issuer!, subject: subject! };
}

function isTime(date: Date): boolean {
  return !Number.isNaN(date.getTime());
}

/** To the second, as certificates count. */
function timeText(date: Date): string {
  return date.toISOString().replace(/\.\d+/, "");
}

/** A name that was given by somebody else may hold anything. */
function onOneLine(field: string): string {
  return field.replace(/\p{Cc}/gu, "?");
}

import { readFile } from "node:fs/promises";
import { z } from "zod";
import { type PolicyFileName, policyFileNames } from "../authz/index.js";
import { OperatorError } from "../errors.js";
import { readCheckedJson, writeCheckedJson } from "../log/checked-json.js";
import { isMissing, replaceFile } from "../log/durable-files.js";
import { type Ending, type Endings, endings } from "./endings.js";

/** One coming into force of a policy. */
export interface PolicyVersion {
  /** Short content hash of the four files. */
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly activatedMs: number;
  /** A principal, as in `ops/root`; `files`: whoever changed the files of the policy folder. */
  readonly author: string;
  /** `start`: the files were other ones when the server started; `files`: they changed while it ran. */
  readonly how: "start" | "files" | "activate" | "rollback";
  /** The version that was in force before; undefined for the first. */
  readonly basedOn: string | undefined;
}

/** The same as it is kept. */
export interface HistoryEntry extends PolicyVersion {
  /** Of the four files, in full: two policies can be made whose short hashes are the same. */
  readonly sha256: string;
  readonly endings: Endings;
}

/** A version whose files are being put in the places of the policy files. */
export interface PendingChange {
  readonly entry: HistoryEntry;
  /** Also in the place of files that were not those in force. */
  readonly overwrite: boolean;
}

/** What `history.json` says. */
export interface History {
  /** Newest first; the first one is in force. */
  readonly entries: readonly HistoryEntry[];
  /** A change under way: the policy files are being replaced, and a start has to finish it. */
  readonly pending: PendingChange | undefined;
}

/** How many distinct versions are kept, those that came into force last; the one in force is always among them. */
export const keptVersions = 50;
/** Of the same version coming into force again and again, the history has no more entries than these together. */
const keptEntries = 200;

const entry = z.strictObject({
  version: z.string().regex(/^[0-9a-f]{12}$/),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  activatedMs: z.number().int().nonnegative(),
  author: z.string(),
  how: z.enum(["start", "files", "activate", "rollback"]),
  basedOn: z
    .string()
    .optional()
    .transform((version) => version),
  endings: z.strictObject(
    Object.fromEntries(policyFileNames.map((name) => [name, z.enum(endings)])) as Record<
      PolicyFileName,
      z.ZodEnum<{ [Each in Ending]: Each }>
    >,
  ),
});
const schema = z.strictObject({
  format: z.literal("aclog-policy"),
  version: z.literal(1),
  entries: z.array(entry),
  pending: z.strictObject({ entry, overwrite: z.boolean() }).optional(),
});

/** @throws OperatorError when it is damaged or of another format: what is in force, and whether files are whole, is not known then */
export async function readHistory(path: string): Promise<History> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return { entries: [], pending: undefined };
    throw error;
  }
  const advice = "see that the policy files are what they should be, and remove it to start with them";
  try {
    const { entries, pending } = schema.parse(readCheckedJson(text));
    return { entries: entries.map(asEntry), pending: pending && { ...pending, entry: asEntry(pending.entry) } };
  } catch (error) {
    const problem = error instanceof z.ZodError ? "it is of a format that this aclog does not know" : "it is damaged";
    throw new OperatorError(`${path} says which policy is in force, and ${problem}: ${advice}`, [], { cause: error });
  }
}

/** Durably. */
export async function writeHistory(path: string, { entries, pending }: History): Promise<void> {
  const fields = { format: "aclog-policy", version: 1, entries, ...(pending && { pending }) };
  await replaceFile(path, writeCheckedJson(fields));
}

/** With one more, and without those that are too old. */
export function withEntry(entries: readonly HistoryEntry[], added: HistoryEntry): readonly HistoryEntry[] {
  const seen = new Set<string>();
  let count = 0;
  return [added, ...entries].filter(({ version }) => {
    const isFirst = !seen.has(version);
    if (isFirst && seen.size === keptVersions) return false;
    if (!isFirst && count >= keptEntries) return false;
    seen.add(version);
    count++;
    return true;
  });
}

function asEntry(read: z.output<typeof entry>): HistoryEntry {
  return Object.freeze({ ...read, basedOn: read.basedOn });
}

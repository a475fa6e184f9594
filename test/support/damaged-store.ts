import { createHash } from "node:crypto";
import { lstatSync, readFileSync, readdirSync, readlinkSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperatorError, RecordCorrupt } from "../../src/errors.js";
import type { FileStoreOptions } from "../../src/log/file-store-options.js";
import type { CommitLog } from "../../src/log/port.js";
import { type CrashState, materialise } from "./crash-disk.js";
import { consumeResponseType, openStore } from "./log-harness.js";

/** Every topic's values, by tenant and name. */
export type Contents = ReadonlyMap<string, readonly string[]>;

export type Outcome =
  /** Exactly what was written. */
  | { readonly kind: "exact" }
  /** Exactly that, but for the last so many groups, and the report says so. */
  | { readonly kind: "cut"; readonly records: number; readonly where: string }
  /** What can be read is what was written, and the rest is refused, of these topics alone. */
  | { readonly kind: "loss"; readonly topics: readonly string[]; readonly where: readonly string[] }
  /** Nothing was changed. */
  | { readonly kind: "refused"; readonly message: string };

/** A data directory's files. */
export function treeOf(directory: string): Map<string, Buffer | undefined> {
  const tree = new Map<string, Buffer | undefined>();
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    tree.set(path.slice(directory.length + 1), entry.isDirectory() ? undefined : readFileSync(path));
  }
  return tree;
}

/**
 * What becomes of a damaged data directory.
 *
 * @param damage something that cannot be said by names and bytes alone, done to the directory
 * @throws when it is none of what may be: wrong bytes, a silent skip or cut, a refused start that changes something
 */
export async function outcomeOf(
  state: CrashState,
  expected: Contents,
  options: Partial<FileStoreOptions>,
  damage: (directory: string) => void = () => undefined,
): Promise<Outcome> {
  const path = join(tmpdir(), `aclog-damaged-${process.pid}-${counter++}`);
  materialise(state, path);
  try {
    damage(path);
    const before = hashOf(path);
    try {
      await using open = await openStore(path, options);
      return await judged(open, expected);
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      if (hashOf(path) !== before) throw new Error("a refused start changed something", { cause: error });
      if (!error.message.includes(path)) throw new Error("a refused start names no file", { cause: error });
      return { kind: "refused", message: error.message };
    }
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}

let counter = 0;

async function judged(open: Awaited<ReturnType<typeof openStore>>, expected: Contents): Promise<Outcome> {
  const { store, report } = open;
  const names = new Set([...expected.keys()].map((name) => name.split("/")[0]!));
  const found = [...names].flatMap((tenant) => store.topics(tenant));
  const foundNames = found.map((log) => `${log.tenant}/${log.topic}`).sort();
  const expectedNames = [...expected.keys()].sort();
  let missing = 0;
  const lost = new Map<string, string>();
  for (const name of expectedNames.filter((each) => !foundNames.includes(each))) {
    const refusal = refusalOf(store, name);
    if (refusal === undefined || report.lost.length === 0) {
      throw new Error(`there are ${foundNames.join()} instead of ${expectedNames.join()}`);
    }
    lost.set(name, refusal.location);
  }
  const added = foundNames.filter((name) => !expected.has(name));
  if (added.length > 0) throw new Error(`there are ${added.join()} too`);
  for (const log of found) {
    const name = `${log.tenant}/${log.topic}`;
    const values = expected.get(name)!;
    const { base, next } = log.range();
    if (base !== 0n) throw new Error(`${name} begins with ${base}`);
    if (next > BigInt(values.length)) throw new Error(`${name} ends at ${next} instead of ${values.length}`);
    const corrupt = await firstDamage(log, values);
    if (corrupt !== undefined) lost.set(name, corrupt.location);
    // What the topic ends before its last record with is a loss that it knows of, or a cut.
    else if (report.damaged.some(({ facts }) => facts["topicId"] === log.topicId)) lost.set(name, "at the start");
    else missing += values.length - Number(next);
  }
  for (const { facts, location } of report.damaged) {
    if (!found.some((log) => log.topicId === facts["topicId"])) throw new Error(`${location} is of no topic`);
  }
  if (missing > 0) {
    const { torn } = report;
    if (torn === undefined) throw new Error(`${missing} records were cut, and nobody says so`);
    return { kind: "cut", records: missing, where: `${torn.path}: byte ${torn.position}` };
  }
  if (lost.size > 0) return { kind: "loss", topics: [...lost.keys()], where: [...lost.values()] };
  return { kind: "exact" };
}

/** Reads from every offset. @throws when what comes is not what was written */
async function firstDamage(log: CommitLog, values: readonly string[]): Promise<RecordCorrupt | undefined> {
  let damage: RecordCorrupt | undefined;
  for (let offset = 0n; offset < log.range().next; offset++) {
    try {
      const frames = await log.read(offset, { maxRecords: 2, maxBytes: 1024 * 1024 });
      const { records } = consumeResponseType.deserialize(Buffer.concat(frames.parts));
      if (records.length === 0) throw new Error(`${log.topic} gives nothing at ${offset}`);
      for (const [index, record] of records.entries()) {
        const at = Number(offset) + index;
        if (Number(record.offset) !== at || record.value.toString() !== values[at]) {
          throw new Error(`${log.topic} gives ${record.value.toString()} with offset ${record.offset} at ${at}`);
        }
      }
    } catch (error) {
      if (!(error instanceof RecordCorrupt)) throw error;
      if (!/: byte \d+/.test(error.location)) throw new Error(`no place: ${error.location}`, { cause: error });
      if (error.facts["topicId"] !== log.topicId) throw new Error("another topic's damage", { cause: error });
      damage ??= error;
    }
  }
  return damage;
}

/** Why a topic is refused that is not found; undefined if it is taken for one that never was. */
function refusalOf(store: Awaited<ReturnType<typeof openStore>>["store"], name: string): RecordCorrupt | undefined {
  try {
    store.find(...(name.split("/") as [string, string]));
    return undefined;
  } catch (error) {
    if (error instanceof RecordCorrupt) return error;
    throw error;
  }
}

/** Of everything there is, links as links, but the lock. */
function hashOf(directory: string): string {
  const hash = createHash("sha1");
  for (const name of (readdirSync(directory, { recursive: true }) as string[]).sort()) {
    const path = join(directory, name);
    const found = lstatSync(path);
    if (name === "lock") continue;
    hash.update(`${name}\0${found.mode}\0`);
    if (found.isSymbolicLink()) hash.update(readlinkSync(path));
    else if (found.isFile()) hash.update(readFileSync(path));
  }
  return hash.digest("hex");
}

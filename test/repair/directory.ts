/** Data directories to damage, and what a server then has. */
import { cp, mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, vi } from "vitest";
import type { FileStore } from "../../src/log/file-store.js";
import type { CommitLog } from "../../src/log/port.js";
import {
  type TemporaryDirectory,
  appendAll,
  everything,
  openStore,
  readOnce,
  temporaryDirectory,
} from "../support/log-harness.js";

/** What a topic was given, by name. */
export type Stored = Readonly<Record<string, readonly string[]>>;

export interface Place extends AsyncDisposable {
  /** The data directory. */
  readonly data: string;
  readonly stored: Stored;
  /** The directory of `acme/NAME`. */
  directoryOf(name: string): Promise<string>;
  /** A copy of the directory as it is now. */
  copy(): Promise<string>;
}

export const valueOf = (n: number): string => `${n}:${"v".repeat((n * 97) % 700)}`;

/**
 * `acme/orders` with several sealed segments, `acme/small` with one, and `acme/empty`; stopped in good order, or killed with
 * the last records of both above the checkpoint.
 */
export async function makePlace(how: "stopped" | "killed"): Promise<Place> {
  const directory = await temporaryDirectory();
  const data = join(directory.path, "data");
  const stored: Record<string, string[]> = { orders: [], small: [], empty: [] };
  const more = async (store: FileStore, name: string, count: number, at = 5): Promise<void> => {
    const log = await store.open("acme", name);
    const values = stored[name]!;
    for (let n = 0; n < count; n += at) {
      const fresh = Array.from({ length: at }, (_, index) => valueOf(values.length + index));
      await appendAll(log, fresh);
      values.push(...fresh);
    }
  };
  const live = how === "stopped" ? data : join(directory.path, "live");
  {
    await using open = await openStore(live);
    await open.store.open("acme", "empty");
    await more(open.store, "orders", 120);
    await more(open.store, "small", 20);
  }
  // Another start lets go of the journal, from which a repair could bring everything back.
  if (how === "stopped") await (await openStore(live))[Symbol.asyncDispose]();
  else {
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    await using open = await openStore(live);
    for (let round = 0; round < 4; round++) {
      await more(open.store, "orders", 5);
      await more(open.store, "small", 5);
    }
    await cp(live, data, { recursive: true });
    vi.useRealTimers();
  }
  return new MadePlace(directory, data, stored);
}

class MadePlace implements Place {
  readonly data: string;
  readonly stored: Stored;
  readonly #directory: TemporaryDirectory;
  #copies = 0;

  constructor(directory: TemporaryDirectory, data: string, stored: Stored) {
    this.#directory = directory;
    this.data = data;
    this.stored = stored;
  }

  directoryOf(name: string): Promise<string> {
    return directoryIn(this.data, name);
  }

  async copy(): Promise<string> {
    const path = join(this.#directory.path, `copy-${this.#copies++}`);
    await mkdir(path);
    await cp(this.data, path, { recursive: true });
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#directory[Symbol.asyncDispose]();
  }
}

/** The directory of `acme/NAME`. */
export async function directoryIn(data: string, name: string): Promise<string> {
  const topics = join(data, "tenants", "acme", "topics");
  for (const id of await readdir(topics)) {
    const text = await readFile(join(topics, id, "topic.json"), "utf8").catch(() => "{}");
    if ((JSON.parse(text) as { topic?: string }).topic === name) return join(topics, id);
  }
  throw new Error(`there is no topic ${name}`);
}

/** Flips one bit of a file. */
export async function flip(path: string, byte: number, bit = 0): Promise<void> {
  const bytes = await readFile(path);
  bytes[byte]! ^= 1 << bit;
  await writeFile(path, bytes);
}

/** Every record that can be read, by offset, from the start to the end. */
export async function readable(log: CommitLog): Promise<Map<bigint, string>> {
  const { base, next } = log.range();
  const found = new Map<bigint, string>();
  for (let offset = base; offset < next;) {
    const records = await readOnceFrom(log, offset);
    for (const record of records) found.set(record.offset, record.value.toString());
    offset = records.length === 0 ? next : records.at(-1)!.offset + 1n;
  }
  return found;
}

async function readOnceFrom(log: CommitLog, offset: bigint): ReturnType<typeof readOnce> {
  const frames = await log.read(offset, everything);
  if (frames.count === 0) return [];
  return readOnce(log, frames.offset);
}

afterEach(() => {
  vi.useRealTimers();
});

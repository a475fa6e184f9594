import { setImmediate } from "node:timers/promises";
import { LimitExceeded, RecordCorrupt } from "../errors.js";
import { type Appended, type CommitLog, type LogStore, defaultTopicSettings } from "../log/index.js";
import { ownBatch, recordsIn } from "../wire/own-records.js";
import { compareKeys, decodePosition, encodePosition, keyText } from "./position-records.js";

/** Which position: that of one consumer group in one topic, which may be another tenant's. */
export interface PositionKey {
  readonly tenant: string;
  readonly topic: string;
  readonly group: string;
}

export interface Position {
  /** The topic that was read, 32 hex digits. A later topic of the same name is another one. */
  readonly topicId: string;
  /** Of the record to go on with. */
  readonly offset: bigint;
  /** When it was stored, in milliseconds since 1970. */
  readonly committedMs: number;
  /** Who stored it, as `acme/billing`. */
  readonly by: string;
}

export type GroupPosition = PositionKey & Position;

export interface OffsetsEvents {
  /** Records `[from, to)` of the tenant's `_offsets` cannot be read: the positions in them are lost. */
  readonly onUnreadable: (event: {
    readonly tenant: string;
    readonly from: bigint;
    readonly to: bigint;
    readonly problem: string;
  }) => void;
  /** `_offsets` could not be shortened. Nothing is lost; it is tried again later. */
  readonly onNotShortened: (event: { readonly tenant: string; readonly error: unknown }) => void;
}

/** Where a tenant's consumer groups keep their positions. */
export const offsetsTopic = "_offsets";
/** Positions that one tenant's consumer groups may have. Published in docs/errors.md. */
export const maxPositions = 10_000;
/** Records of `_offsets` that a start may have to read; beyond, the positions are written anew, and the rest is trimmed. */
const maxRecords = 65_536n;
const recordsPerBatch = 500;
const readLimits = { maxRecords: 4096, maxBytes: 1024 * 1024 };

/** One position, as it was admitted and as it is on disk: readers see only what no crash takes back. */
interface Entry {
  readonly key: PositionKey;
  admitted: Position | undefined;
  durable: Position | undefined;
  /** Numbers of the changes that made them so. */
  admittedBy: number;
  durableBy: number;
}

interface Change {
  readonly key: PositionKey;
  /** Undefined: it is forgotten. */
  readonly position: Position | undefined;
}

/** The positions of one tenant's consumer groups. */
export class GroupPositions {
  readonly #store: LogStore;
  readonly #owner: string;
  readonly #events: OffsetsEvents;
  readonly #entries = new Map<string, Entry>();
  #log: CommitLog | undefined;
  /** Changes are admitted one after the other, so that what is in memory is what the log's order says. */
  #turn: Promise<unknown> = Promise.resolve();
  #changes = 0;
  /** How many are admitted and not forgotten. */
  #count = 0;
  #sorted: readonly Entry[] | undefined;
  #shortening = false;

  private constructor(store: LogStore, owner: string, events: OffsetsEvents) {
    this.#store = store;
    this.#owner = owner;
    this.#events = events;
  }

  /** What the tenant's `_offsets` says. What cannot be read is reported and passed over. */
  static async load(store: LogStore, owner: string, events: OffsetsEvents): Promise<GroupPositions> {
    const positions = new GroupPositions(store, owner, events);
    const log = store.find(owner, offsetsTopic);
    if (log !== undefined) await positions.#read(log);
    return positions;
  }

  get(key: PositionKey): Position | undefined {
    return this.#entries.get(keyText(key))?.durable;
  }

  *all(): Generator<GroupPosition> {
    this.#sorted ??= [...this.#entries.values()].sort((one, other) => compareKeys(one.key, other.key));
    for (const { key, durable } of this.#sorted) if (durable !== undefined) yield { ...key, ...durable };
  }

  /** @throws LimitExceeded, and as `CommitLog.append` */
  async store(key: PositionKey, position: Position): Promise<void> {
    const { durable } = await this.#inTurn(async () => {
      if (this.#entries.get(keyText(key))?.admitted === undefined) await this.#makeRoom();
      return this.#append([{ key, position }]);
    });
    await durable;
    await this.#shorten();
  }

  async forget(key: PositionKey): Promise<void> {
    const { durable } = await this.#inTurn(async () => {
      if (!this.#entries.has(keyText(key))) return { durable: undefined };
      return this.#append([{ key, position: undefined }]);
    });
    await durable;
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(task);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /** Only in turn. */
  async #append(changes: readonly Change[]): Promise<{ durable: Promise<Appended> }> {
    const settings = { ...defaultTopicSettings, compact: true };
    this.#log ??= await this.#store.open(this.#owner, offsetsTopic, settings);
    const pending = await this.#log.append(ownBatch(changes.map((it) => encodePosition(it.key, it.position))), {});
    const settle = changes.map((change) => this.#admit(change));
    const durable = pending.durable.then((appended) => {
      for (const done of settle) done();
      return appended;
    });
    durable.catch(() => undefined);
    return { durable };
  }

  /** Notes a change that will be on disk; returns what notes that it is. */
  #admit({ key, position }: Change): () => void {
    const text = keyText(key);
    let entry = this.#entries.get(text);
    if (entry === undefined) {
      entry = { key, admitted: undefined, durable: undefined, admittedBy: 0, durableBy: 0 };
      this.#entries.set(text, entry);
      this.#sorted = undefined;
    }
    const [admitted, number] = [entry, ++this.#changes];
    this.#count += Number(position !== undefined) - Number(admitted.admitted !== undefined);
    admitted.admitted = position;
    admitted.admittedBy = number;
    return () => {
      if (number < admitted.durableBy) return;
      admitted.durable = position;
      admitted.durableBy = number;
      if (position !== undefined || admitted.admittedBy !== number) return;
      this.#entries.delete(text);
      this.#sorted = undefined;
    };
  }

  /** Only in turn. Positions in topics that are gone are nobody's any more. @throws LimitExceeded */
  async #makeRoom(): Promise<void> {
    if (this.#count < maxPositions) return;
    // It takes milliseconds to look through all of them, so everyone else has a turn before a caller's next one.
    await setImmediate();
    const gone = [...this.#entries.values()].filter(({ admitted, key }) => admitted && !this.#isThere(key, admitted));
    for (let at = 0; at < gone.length; at += recordsPerBatch) {
      await this.#append(gone.slice(at, at + recordsPerBatch).map(({ key }) => ({ key, position: undefined })));
    }
    if (this.#count < maxPositions) return;
    const limit = "the most committed offsets of a tenant";
    throw new LimitExceeded("group", limit, maxPositions, this.#count + 1, "committed offsets");
  }

  #isThere({ tenant, topic }: PositionKey, { topicId }: Position): boolean {
    return this.#store.find(tenant, topic)?.topicId === topicId;
  }

  /** Writes all positions anew behind a log that has become long, and trims what is before them. */
  async #shorten(): Promise<void> {
    const log = this.#log!;
    const range = log.range();
    if (this.#shortening || range.next - range.base < maxRecords) return;
    this.#shortening = true;
    try {
      const written: Promise<Appended>[] = [];
      let rest: Entry[] | undefined;
      do {
        // Each batch in a turn of its own: commits go on in between. What they say stands behind the first batch, so
        // that it is not trimmed, and wins over what is written here.
        await this.#inTurn(async () => {
          rest ??= [...this.#entries.values()].filter(({ admitted }) => admitted !== undefined);
          const changes = rest
            .splice(0, recordsPerBatch)
            .flatMap(({ key, admitted }) => (admitted === undefined ? [] : [{ key, position: admitted }]));
          if (changes.length > 0) written.push((await this.#append(changes)).durable);
        });
      } while (rest !== undefined && rest.length > 0);
      const [first] = await Promise.all(written);
      if (first !== undefined) await log.trimBefore(first.offset);
    } catch (error) {
      this.#events.onNotShortened({ tenant: this.#owner, error });
    } finally {
      this.#shortening = false;
    }
  }

  async #read(log: CommitLog): Promise<void> {
    this.#log = log;
    const { base, next } = log.range();
    for (let offset = base; offset < next;) {
      const frames = await log.read(offset, readLimits).catch((error: unknown) => {
        if (error instanceof RecordCorrupt) return error;
        throw error;
      });
      if (frames instanceof RecordCorrupt) {
        const to = await firstReadable(log, offset + 1n, next);
        this.#passOver(offset, to, frames.location);
        offset = to;
        continue;
      }
      for (const record of recordsIn(frames.parts)) this.#take(record);
      offset = frames.next;
    }
  }

  #take(record: { readonly key: Buffer; readonly value: Buffer; readonly offset: bigint }): void {
    try {
      this.#admit(decodePosition(record))();
    } catch {
      this.#passOver(record.offset, record.offset + 1n, "not a position");
    }
  }

  #passOver(from: bigint, to: bigint, problem: string): void {
    this.#events.onUnreadable({ tenant: this.#owner, from, to, problem });
  }
}

/** The first offset from `from` on that can be read, or `next`: damage ends somewhere, and the rest is worth having. */
async function firstReadable(log: CommitLog, from: bigint, next: bigint): Promise<bigint> {
  const isReadable = (offset: bigint): Promise<boolean> =>
    log.read(offset, { ...readLimits, maxRecords: 1 }).then(
      () => true,
      (error: unknown) => {
        if (error instanceof RecordCorrupt) return false;
        throw error;
      },
    );
  let bad = from - 1n;
  let good = from;
  // In growing steps, and then back: one try for each of a million damaged records would take too long.
  for (let step = 1n; good < next && !(await isReadable(good)); step *= 2n) [bad, good] = [good, good + step];
  if (good > next) good = next;
  while (good - bad > 1n) {
    const middle = (good + bad) / 2n;
    if (await isReadable(middle)) good = middle;
    else bad = middle;
  }
  return good;
}

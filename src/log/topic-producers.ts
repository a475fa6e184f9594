import { RecordCorrupt } from "../errors.js";
import type { TopicEnd } from "./checkpoint.js";
import type { ProducersMark } from "./manifest.js";
import type { Appended, BatchProducer } from "./port.js";
import { type NumberedBatch, type Producer, findBatch, withBatch } from "./producer.js";
import { decodeSection, encodeSection, mostBytesOfTable } from "./producer-section.js";
import { ProducerTable } from "./producer-table.js";
import type { Segment } from "./segment.js";
import type { FoundSection } from "./segment-sections.js";

/** Behind a table, so many bytes of a segment are read at most before another one is met, about. */
const tableIntervalBytes = 4 * 1024 * 1024;
/** But a table is at most this part of what is written. */
const leastBytesPerTableByte = 16;

/** A section of a group that is being made. */
export interface PlacedSection {
  readonly bytes: Buffer;
  readonly batches: readonly NumberedBatch[];
  /** Where in its segment the commit is that carries a table; undefined if none does. */
  readonly tablePosition: number | undefined;
}

/** A producer of which batches are on their way to the disk. */
interface Ahead {
  /** As it will be when they are there. */
  producer: Producer;
  batches: number;
}

/** What one topic knows of its producers: what is durable, and what is admitted and not durable yet. */
export class TopicProducers {
  readonly #table: ProducerTable;
  readonly #ahead = new Map<string, Ahead>();
  /** By offset. */
  readonly #underWay = new Map<bigint, Promise<Appended>>();
  /** Where in the active segment a look back can end. */
  #tablePosition: number;
  /** Why nothing is known, if damage has taken it. */
  readonly #lost: RecordCorrupt | undefined;

  /** @param tablePosition where in the active segment a look back can end */
  constructor(table: ProducerTable | RecordCorrupt, tablePosition: number) {
    this.#table = table instanceof ProducerTable ? table : new ProducerTable();
    this.#lost = table instanceof ProducerTable ? undefined : table;
    this.#tablePosition = tablePosition;
  }

  /**
   * What an earlier process has left. What cannot be read is lost for good: to begin anew would store again what is there.
   *
   * @param active the topic's last segment, all of which must be written
   */
  static async load(active: Segment, mark: ProducersMark, end: TopicEnd): Promise<TopicProducers> {
    try {
      return await load(active, mark, end);
    } catch (error) {
      if (!(error instanceof RecordCorrupt)) throw error;
      return new TopicProducers(error, -Infinity);
    }
  }

  /** What a table takes in a commit, at most. */
  get tableBytes(): number {
    return mostBytesOfTable(this.#table);
  }

  /**
   * Where a batch is, if it was taken before; undefined if it is the producer's next one.
   * @throws ProducerFenced, ProducerSequenceGap, ProducerSequenceReused, ProducerSequenceForgotten, RecordCorrupt
   */
  find(producer: BatchProducer, count: number, checksum: number): Promise<Appended> | undefined {
    if (this.#lost !== undefined) throw this.#lost;
    const known = this.#ahead.get(keyOf(producer))?.producer ?? this.#table.get(producer);
    const offset = findBatch(known, producer, count, checksum);
    if (offset === undefined) return undefined;
    return this.#underWay.get(offset) ?? Promise.resolve({ offset, count });
  }

  /** Notes a batch that was admitted. Calls come in the order of offsets. */
  noteAdmitted(batch: NumberedBatch, durable: Promise<Appended>): void {
    const key = keyOf(batch.producer);
    const ahead = this.#ahead.get(key);
    // What is durable stays as it is until the batch is.
    const known = ahead?.producer ?? this.#table.get(batch.producer)?.copy();
    this.#ahead.set(key, { producer: withBatch(known, batch), batches: (ahead?.batches ?? 0) + 1 });
    this.#underWay.set(batch.offset, durable);
  }

  /**
   * What the last commit of a group says of the topic's producers; undefined if there is nothing to say.
   *
   * @param batches those of the group, in the order of offsets
   * @param position of the commit in its segment
   * @param begins whether the group begins that segment
   */
  sectionOf(batches: readonly NumberedBatch[], position: number, begins: boolean): PlacedSection | undefined {
    const interval = Math.max(tableIntervalBytes, leastBytesPerTableByte * this.tableBytes);
    const hasTable = begins || position - this.#tablePosition >= interval;
    if (!hasTable && batches.length === 0) return undefined;
    const table = hasTable ? this.#durable : undefined;
    const bytes = encodeSection({ table, batches });
    return { bytes, batches, tablePosition: hasTable ? position : undefined };
  }

  /** Notes that a group with this section is durable. */
  noteDurable({ batches, tablePosition }: PlacedSection): void {
    if (tablePosition !== undefined) this.#tablePosition = tablePosition;
    for (const batch of batches) {
      this.#table.note(batch);
      this.#underWay.delete(batch.offset);
      const key = keyOf(batch.producer);
      const ahead = this.#ahead.get(key)!;
      if (--ahead.batches === 0) this.#ahead.delete(key);
    }
  }

  /** What is durable, to be kept where the commits that say it may go: nothing is behind `from`. */
  markAt(from: bigint): ProducersMark {
    return { from, table: encodeSection({ table: this.#durable, batches: [] }).toString("base64") };
  }

  /** True if damage has taken what was known. */
  get isLost(): boolean {
    return this.#lost !== undefined;
  }

  get #durable(): ProducerTable | "lost" {
    return this.#lost === undefined ? this.#table : "lost";
  }
}

/** @throws RecordCorrupt */
async function load(active: Segment, mark: ProducersMark, end: TopicEnd): Promise<TopicProducers> {
  const sections: FoundSection[] = [];
  let start = end.position;
  let isComplete = mark.from === end.next;
  for (let step = tableIntervalBytes; !isComplete && start > 0; step *= 2) {
    const found = await active.sectionsFrom(start - step, start);
    // What came before the mark, the mark knows.
    const fresh = found.sections.filter(({ base }) => base >= mark.from);
    sections.unshift(...fresh);
    start = found.position;
    isComplete = found.base <= mark.from || fresh.some(({ section }) => section.table !== undefined);
  }
  if (!isComplete) throw corrupt(active, 0, "the segment does not say what was known of producers before it");
  const fromTable = sections.findLastIndex(({ section }) => section.table !== undefined);
  const { table, position } = fromTable < 0 ? { ...marked(active, mark), position: start } : told(sections[fromTable]!);
  if (table === "lost") throw corrupt(active, position, "what was known of producers was lost to earlier damage");
  for (const { section } of sections.slice(Math.max(0, fromTable))) {
    for (const batch of section.batches) table.note(batch);
  }
  return new TopicProducers(table, position);
}

function told({ section, position }: FoundSection): { table: ProducerTable | "lost"; position: number } {
  return { table: section.table!, position };
}

function marked(active: Segment, { table }: ProducersMark): { table: ProducerTable | "lost" } {
  if (table === undefined) return { table: new ProducerTable() };
  const section = decodeSection(Buffer.from(table, "base64"));
  if (section?.table === undefined)
    throw corrupt(active, 0, "what topic.json says of producers is not what was written");
  return { table: section.table };
}

function corrupt({ topicId, path }: Segment, position: number, problem: string): RecordCorrupt {
  return new RecordCorrupt(topicId, `${path}: byte ${position}`, problem);
}

/** No principal has a space in its name. */
function keyOf({ principal, id }: BatchProducer): string {
  return `${principal} ${id}`;
}

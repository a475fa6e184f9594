import type { Batch, ModelRecord } from "./records.js";

/** Something that must never happen. */
export class Violation extends Error {}

/** What is in a topic, as a reader sees it. */
export interface Visible {
  readonly startOffset: number;
  readonly next: number;
  readonly records: ReadonlyMap<number, ModelRecord>;
  readonly isDamaged: boolean;
}

type Existence = "asked for" | "there" | "going" | "gone";

interface TopicLedger {
  readonly name: string;
  readonly compact: boolean;
  existence: Existence;
  /** By offset: what somebody was told of, or has read. */
  readonly seen: Map<number, ModelRecord>;
  next: number;
  /** Attempts that nobody was told of. */
  open: Set<Batch>;
  /** What was not there after a start, and may not come any more. */
  readonly out: Set<Batch>;
  trimmed: number;
  trimAttempted: number;
  rewritten: boolean;
}

/** What was asked for and what was answered, noted from outside; compares it with what is found. */
export class Ledger {
  readonly #topics = new Map<string, TopicLedger>();
  readonly figures = { attempted: 0, acked: 0, found: 0 };

  creates(topicId: string, name: string, compact: boolean): void {
    this.#topics.set(topicId, {
      name,
      compact,
      existence: "asked for",
      seen: new Map(),
      next: 0,
      open: new Set(),
      out: new Set(),
      trimmed: 0,
      trimAttempted: 0,
      rewritten: false,
    });
  }

  created(topicId: string): void {
    this.#of(topicId).existence = "there";
  }

  deletes(topicId: string): void {
    this.#of(topicId).existence = "going";
  }

  deleted(topicId: string): void {
    this.#of(topicId).existence = "gone";
  }

  attempts(batch: Batch): void {
    this.figures.attempted++;
    this.#of(batch.topicId).open.add(batch);
  }

  acknowledged(batch: Batch): void {
    this.figures.acked++;
    const topic = this.#of(batch.topicId);
    topic.open.delete(batch);
    for (const record of batch.records) see(topic, record.offset, record);
  }

  trims(topicId: string, offset: number): void {
    const topic = this.#of(topicId);
    topic.trimAttempted = Math.max(topic.trimAttempted, offset);
  }

  trimmed(topicId: string, offset: number): void {
    const topic = this.#of(topicId);
    topic.trimmed = Math.max(topic.trimmed, offset);
  }

  compacts(topicId: string): void {
    this.#of(topicId).rewritten = true;
  }

  /** Somebody has read the topic while it was served; what could not be read then may be there after a restart. */
  read(topicId: string, visible: Visible): void {
    const topic = this.#of(topicId);
    for (const [offset, record] of visible.records) this.#accept(topicId, topic, offset, record, visible);
  }

  /** A start has found these topics. @throws Violation */
  found(topics: ReadonlyMap<string, Visible>): void {
    for (const topicId of topics.keys()) if (!this.#topics.has(topicId)) throw new Violation("a topic of nobody's");
    for (const [topicId, topic] of this.#topics) {
      const visible = topics.get(topicId);
      if (visible === undefined) {
        if (topic.existence === "there") throw new Violation("a topic is lost");
        topic.existence = "gone";
      } else {
        if (topic.existence === "gone") throw new Violation("a deleted topic is back");
        topic.existence = "there";
        if (!visible.isDamaged) this.#compare(topicId, topic, visible);
      }
    }
  }

  #compare(topicId: string, topic: TopicLedger, visible: Visible): void {
    const { startOffset, next, records } = visible;
    if (startOffset < topic.trimmed) throw new Violation("a trim is undone");
    if (startOffset > topic.trimAttempted) throw new Violation("more is trimmed than was asked for");
    if (next < topic.next) throw new Violation("records at the end are lost");
    for (const [offset, record] of topic.seen) {
      if (offset < startOffset || records.has(offset)) continue;
      if (!isSuperseded(topic, record, offset, records)) throw new Violation("a record is lost");
    }
    for (const [offset, record] of records) this.#accept(topicId, topic, offset, record, visible);
    for (let offset = startOffset; offset < next && !topic.rewritten; offset++) {
      if (!records.has(offset)) throw new Violation("an offset has no record");
    }
    topic.next = Math.max(topic.next, next);
    for (const batch of topic.open) topic.out.add(batch);
    topic.open = new Set();
    this.figures.found += records.size;
  }

  #accept(topicId: string, topic: TopicLedger, offset: number, record: ModelRecord, visible: Visible): void {
    const known = topic.seen.get(offset);
    if (known === record) return;
    if (known !== undefined) throw new Violation("an offset has another record than before");
    const { batch } = record;
    if (batch.topicId !== topicId) throw new Violation("a record of another topic");
    if (record.offset !== offset) throw new Violation("a record at another offset");
    if (topic.out.has(batch)) throw new Violation("a record that was out came back");
    if (!topic.open.has(batch)) throw new Violation("a record that nobody has sent");
    // The first of its batch that is seen: all of it must be there.
    topic.open.delete(batch);
    for (const other of batch.records) {
      const isThere = visible.records.get(other.offset) === other || other.offset < visible.startOffset;
      if (!isThere && !isSuperseded(topic, other, other.offset, visible.records)) throw new Violation("half a batch");
      see(topic, other.offset, other);
    }
  }

  #of(topicId: string): TopicLedger {
    return this.#topics.get(topicId)!;
  }
}

function see(topic: TopicLedger, offset: number, record: ModelRecord): void {
  const known = topic.seen.get(offset);
  if (known !== undefined && known !== record) throw new Violation("an offset is given twice");
  topic.seen.set(offset, record);
  topic.next = Math.max(topic.next, offset + 1);
}

/** True if compaction may have taken the record: a later one with its key is there. */
function isSuperseded(
  topic: TopicLedger,
  { key }: ModelRecord,
  offset: number,
  records: ReadonlyMap<number, ModelRecord>,
): boolean {
  if (!topic.compact || key === 0) return false;
  for (const [other, record] of records) if (other > offset && record.key === key) return true;
  return false;
}

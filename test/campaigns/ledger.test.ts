import { beforeEach, describe, expect, test } from "vitest";

/** As much of the campaigns' own modules as is tried here. */
interface Attempt {
  readonly number: number;
  readonly count: number;
}
interface Stored {
  readonly offset: bigint;
  readonly timestampMs: number;
  readonly value: Buffer;
  readonly key: Buffer;
  readonly headers: readonly { readonly name: string; readonly value: Buffer }[];
}
interface Life {
  readonly id: string;
}
interface Ledger {
  readonly findings: readonly { readonly kind: string; readonly text: string }[];
  attempt(name: string, count: number): Attempt;
  acknowledged(attempt: Attempt, answer: { offset: bigint; count: number; topicId: Buffer }): void;
  unanswered(attempt: Attempt): void;
  storedSomewhere(attempt: Attempt): void;
  seen(name: string, topicId: Buffer, records: readonly Stored[], from?: number): number | undefined;
  found(name: string, info: Record<string, unknown>): Life;
  missing(name: string): void;
  deleting(name: string, id: string): Life;
  deleted(life: Life): void;
  checkedTo(life: Life, end: number, last?: number): void;
  judgeGaps(life: Life): void;
  committing(key: string, offset: bigint): void;
  committed(key: string, offset: bigint): void;
  positionFound(key: string, offset: bigint | undefined): void;
  tally(): { readonly found: number; readonly removed: number };
}
interface Batch {
  batch(attempt: Attempt): { value: Buffer; key: string; headers: { name: string; value: string }[] }[];
}
const module = (name: string): Promise<unknown> => import(new URL(name, import.meta.url).href);
const { Ledger } = (await module("ledger.mjs")) as { Ledger: new (records: Batch) => Ledger };
const { Records } = (await module("records.mjs")) as { Records: new (seed: string) => Batch };

const name = "acme/orders";
const topicId = Buffer.alloc(16, 1);
const other = Buffer.alloc(16, 2);
const settings = { compact: false };

let records: Batch;
let ledger: Ledger;
let timestampMs = 1;

beforeEach(() => {
  records = new Records("a test");
  ledger = new Ledger(records);
});

/** As the server would give them back. */
function stored(attempt: Attempt, offset: number): Stored[] {
  return records.batch(attempt).map(({ value, key, headers }, index) => ({
    offset: BigInt(offset + index),
    timestampMs: timestampMs++,
    value: Buffer.from(value),
    key: Buffer.from(key),
    headers: headers.map((header) => ({ name: header.name, value: Buffer.from(header.value) })),
  }));
}

function acknowledged(count: number, offset: number, id = topicId): Attempt {
  const attempt = ledger.attempt(name, count);
  ledger.acknowledged(attempt, { offset: BigInt(offset), count, topicId: id });
  return attempt;
}

/** A whole check that finds these. */
function checked(found: readonly Stored[], end: number, start = 0): void {
  const info = { topicId, startOffset: BigInt(start), highWaterMark: BigInt(end), settings };
  const life = ledger.found(name, info);
  Object.assign(life, { seen: new Set(), gaps: [] });
  ledger.checkedTo(life, end, ledger.seen(name, topicId, found, start));
  ledger.judgeGaps(life);
}

const kinds = (): string[] => ledger.findings.map(({ kind }) => kind);

describe("the campaigns' ledger", () => {
  test("is content with what was acknowledged and what was in doubt, where it belongs", () => {
    const first = acknowledged(3, 0);
    const doubtful = ledger.attempt(name, 2);
    ledger.unanswered(doubtful);
    checked([...stored(first, 0), ...stored(doubtful, 3)], 5);
    expect(ledger.findings).toEqual([]);
    expect(ledger.tally()).toEqual({ found: 3, removed: 0 });
  });

  test("misses what was acknowledged at the end, in the midst, and as a whole", () => {
    const first = acknowledged(3, 0);
    const second = acknowledged(1, 3);
    checked(stored(first, 0), 3);
    expect(kinds()).toContain("lost");
    ledger = new Ledger(records);
    acknowledged(3, 0);
    acknowledged(1, 3);
    checked([...stored(first, 0).slice(0, 1), ...stored(second, 3)], 4);
    expect(kinds()).toContain("lost");
    ledger = new Ledger(records);
    acknowledged(3, 0);
    ledger.missing(name);
    expect(kinds()).toEqual(["lost"]);
  });

  test("misses what was read once", () => {
    const attempt = ledger.attempt(name, 1);
    ledger.seen(name, topicId, stored(attempt, 0));
    ledger.unanswered(attempt);
    checked([], 0);
    expect(kinds()).toEqual(["lost"]);
  });

  test("misses what an import was answered for", () => {
    ledger.storedSomewhere(ledger.attempt(name, 1));
    checked([], 0);
    expect(kinds()).toEqual(["lost"]);
  });

  test.each([
    ["value", (record: Stored) => ({ ...record, value: Buffer.concat([record.value, Buffer.from("x")]) })],
    ["key", (record: Stored) => ({ ...record, key: Buffer.from("another") })],
    ["header", (record: Stored) => ({ ...record, headers: [...record.headers, record.headers[0]!] })],
  ])("sees an altered %s", (_, altered) => {
    const attempt = acknowledged(1, 0);
    checked([altered(stored(attempt, 0)[0]!)], 1);
    expect(kinds()).toEqual(["altered"]);
  });

  test("sees another time than before", () => {
    const attempt = acknowledged(1, 0);
    ledger.seen(name, topicId, stored(attempt, 0));
    checked(stored(attempt, 0), 1);
    expect(kinds()).toEqual(["altered"]);
  });

  test("sees a record that was sent elsewhere, or by nobody", () => {
    const attempt = ledger.attempt("acme/bills", 1);
    checked(stored(attempt, 0), 1);
    expect(kinds()).toContain("altered");
  });

  test("sees an offset that holds another record than it did", () => {
    acknowledged(1, 0);
    const doubtful = ledger.attempt(name, 1);
    ledger.unanswered(doubtful);
    checked(stored(doubtful, 0), 1);
    expect(kinds()).toContain("altered");
  });

  test("sees one attempt at two places", () => {
    const attempt = acknowledged(1, 0);
    checked([...stored(attempt, 0), ...stored(attempt, 1)], 2);
    expect(kinds()).toContain("duplicated");
  });

  test("sees an attempt come back that was not stored", () => {
    const doubtful = ledger.attempt(name, 1);
    ledger.unanswered(doubtful);
    checked([], 0);
    checked(stored(doubtful, 0), 1);
    expect(kinds()).toEqual(["duplicated"]);
  });

  test("sees a topic that was deleted come back, and one that was not be another", () => {
    acknowledged(1, 0);
    ledger.deleted(ledger.deleting(name, topicId.toString("hex")));
    checked([], 0);
    expect(kinds()).toContain("other");
    ledger = new Ledger(records);
    acknowledged(1, 0);
    acknowledged(1, 0, other);
    expect(kinds()).toEqual(["lost"]);
  });

  test("sees a start that goes forward by itself, or back", () => {
    acknowledged(2, 0);
    checked([], 2, 2);
    expect(kinds()).toContain("lost");
    ledger = new Ledger(records);
    ledger.attempt(name, 1);
    Object.assign(ledger.found(name, { topicId, startOffset: 0n, highWaterMark: 0n, settings }), { start: 2 });
    ledger.found(name, { topicId, startOffset: 1n, highWaterMark: 2n, settings });
    expect(kinds()).toContain("other");
  });

  test("lets compaction take what has a later record with its key, and nothing else", () => {
    const attempts = [acknowledged(40, 0)];
    const all = stored(attempts[0]!, 0);
    const isLast = ({ key, offset }: Stored): boolean =>
      key.length === 0 || !all.some((later) => later.offset > offset && later.key.equals(key));
    const kept = all.filter(isLast);
    const life = ledger.found(name, { topicId, startOffset: 0n, highWaterMark: 40n, settings });
    Object.assign(life, { mayBeCompacted: true });
    checked(kept, 40);
    expect(ledger.findings).toEqual([]);
    expect(kept.length).toBeLessThan(40);
    checked(kept.slice(1), 40);
    expect(kinds()).toEqual(["lost"]);
  });

  test("sees a group's position go back", () => {
    ledger.committing("acme/orders/group", 5n);
    ledger.committed("acme/orders/group", 5n);
    ledger.committing("acme/orders/group", 9n);
    ledger.positionFound("acme/orders/group", 9n);
    expect(ledger.findings).toEqual([]);
    ledger.positionFound("acme/orders/group", 5n);
    expect(kinds()).toEqual(["lost"]);
  });
});

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { crc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import { commitHeaderBytes, readCommitHeader } from "../../src/log/commit.js";
import type { FileStoreOptions } from "../../src/log/file-store-options.js";
import { type BatchProducer, type CommitLog, defaultTopicSettings } from "../../src/log/port.js";
import type { NumberedBatch } from "../../src/log/producer.js";
import { decodeSection, encodeSection, mostBytesOfOne, mostBytesOfTable } from "../../src/log/producer-section.js";
import { ProducerTable } from "../../src/log/producer-table.js";
import {
  append,
  consumeResponseType,
  openStore,
  pathsEndingWith,
  readAll,
  temporaryDirectory,
  valuesBatch,
} from "../support/log-harness.js";
import { varint } from "../support/protobuf.js";

const mebibyte = 1024 * 1024;
const large: Partial<FileStoreOptions> = {
  journalFileBytes: 8 * mebibyte,
  segmentBytes: 64 * mebibyte,
  compactedSegmentBytes: 64 * mebibyte,
  pendingBytes: mebibyte,
};

async function send(
  log: CommitLog,
  sequence: number,
  values: readonly (string | Buffer)[],
  producer: Partial<BatchProducer> = {},
): Promise<bigint> {
  const whole = { principal: "acme/billing", id: "p", epoch: 0, ...producer, sequence: BigInt(sequence) };
  return (await (await log.append(valuesBatch(...values), { producer: whole })).durable).offset;
}

const anyName = fc.record({
  principal: fc.constantFrom("acme/billing", "globex/b", `${"a".repeat(63)}/${"b".repeat(63)}`),
  id: fc.uint8Array({ minLength: 1, maxLength: 64 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
});
const anyBatches: fc.Arbitrary<NumberedBatch[]> = fc
  .array(
    fc.record({
      who: fc.nat({ max: 4 }),
      count: fc.constantFrom(1, 1, 2, 127, 128, 65_536),
      checksum: fc.nat({ max: 2 ** 32 - 1 }),
      gap: fc.constantFrom(0, 0, 1, 300, 2 ** 40),
      raise: fc.constantFrom(0, 0, 0, 0, 1, 2 ** 20),
    }),
    { maxLength: 100 },
  )
  .chain((batches) =>
    fc.tuple(fc.constant(batches), fc.uniqueArray(anyName, { minLength: 5, maxLength: 5, selector: ({ id }) => id })),
  )
  .map(([batches, names]) => {
    let offset = 0;
    const producers = names.map((name) => ({ ...name, epoch: 0, sequence: 0n }));
    return batches.map(({ who, count, checksum, gap, raise }) => {
      const known = producers[who]!;
      if (raise > 0) producers[who] = { ...known, epoch: known.epoch + raise, sequence: 0n };
      const producer = producers[who]!;
      producers[who] = { ...producer, sequence: producer.sequence + BigInt(count) };
      const batch = { producer, count, checksum, offset: BigInt(offset + gap) };
      offset += gap + count;
      return batch;
    });
  });

function tableOf(batches: readonly NumberedBatch[]): ProducerTable {
  const table = new ProducerTable();
  for (const batch of batches) table.note(batch);
  return table;
}

function told(table: ProducerTable | "lost" | undefined) {
  if (!(table instanceof ProducerTable)) return table;
  return [...table.all()].map(({ principal, id, producer }) => {
    const { epoch, next } = producer;
    return { principal, id, epoch, next, batches: [...producer.known()] };
  });
}

describe("a section about producers", () => {
  test("comes back as it was written, in no more bytes than were announced", () => {
    fc.assert(
      fc.property(anyBatches, anyBatches, fc.nat({ max: 2 }), (before, batches, kind) => {
        const table = kind === 0 ? undefined : kind === 1 ? tableOf(before) : ("lost" as const);
        const bytes = encodeSection({ table, batches });
        const section = decodeSection(bytes)!;
        expect(section.batches).toEqual(batches);
        expect(told(section.table)).toEqual(told(table));
        const most = batches.reduce(
          (sum, { producer }) => sum + mostBytesOfOne(producer),
          mostBytesOfOne({ principal: "", id: "", epoch: 0, sequence: 0n }),
        );
        expect(bytes.length).toBeLessThanOrEqual(most + (table instanceof ProducerTable ? mostBytesOfTable(table) : 0));
      }),
      { numRuns: 300 },
    );
  });

  test("is a field that protobuf skips", () => {
    fc.assert(
      fc.property(anyBatches, (batches) => {
        const bytes = encodeSection({ table: tableOf(batches), batches });
        expect(consumeResponseType.deserialize(bytes).records).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  test("that is cut, longer or damaged in any bit is none", () => {
    const batches = [0, 1, 2].map((n) => ({
      producer: { principal: "acme/billing", id: `p${n % 2}`, epoch: 1, sequence: BigInt(n) },
      count: 1,
      checksum: 77 * n,
      offset: BigInt(10 * n),
    }));
    const bytes = encodeSection({ table: tableOf(batches), batches });
    for (let end = 0; end < bytes.length; end++) expect(decodeSection(bytes.subarray(0, end))).toBeUndefined();
    expect(decodeSection(Buffer.concat([bytes, Buffer.alloc(1)]))).toBeUndefined();
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(decodeSection(flipped), `bit ${bit}`).toBeUndefined();
    }
  });

  test("with the right checksum and anything in it is a section or none, and never an error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 3 }), (content, kind) => {
        const body = Buffer.concat([Buffer.from([kind]), content]);
        const checksum = Buffer.alloc(4);
        checksum.writeUInt32LE(crc32(body));
        const bytes = Buffer.concat([Buffer.from([0xf2, 0x7f]), varint(BigInt(body.length + 4)), checksum, body]);
        const section = decodeSection(bytes);
        if (section !== undefined) encodeSection(section);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("what a topic knows of its producers", () => {
  test("is found again in a segment of many mebibytes without reading all of it", async () => {
    await using directory = await temporaryDirectory();
    const block = Buffer.alloc(200_000, "x");
    const sent = [0, 1, 2, 3].map((n) => [`a${n}`, `b${n}`]);
    {
      await using opened = await openStore(directory.path, large);
      const log = await opened.store.open("acme", "orders");
      await append(log, block);
      for (const [n, values] of sent.entries()) {
        await send(log, 2 * n, values);
        for (let more = 0; more < 15; more++) await append(log, block);
      }
      expect(await send(log, 0, sent[0]!)).toBe(1n);
    }
    await using opened = await openStore(directory.path, large);
    const log = opened.store.find("acme", "orders")!;
    for (const [n, values] of sent.entries()) expect(await send(log, 2 * n, values)).toBe(BigInt(1 + 17 * n));
    await expect(send(log, 9, ["x"])).rejects.toMatchObject({ reason: "PRODUCER_SEQUENCE_GAP" });
    expect(await send(log, 8, ["new"])).toBe(log.range().next - 1n);
    const [path] = await pathsEndingWith(directory.path, ".log");
    const tables = (await sectionsIn(path!)).filter(({ table }) => table !== undefined);
    expect(tables.length).toBeGreaterThanOrEqual(2);
    expect(tables.length).toBeLessThanOrEqual(4);
  });

  test("costs a topic without producers not a byte", async () => {
    await using directory = await temporaryDirectory();
    {
      await using opened = await openStore(directory.path);
      const log = await opened.store.open("acme", "orders");
      for (let n = 0; n < 60; n++) await append(log, "x".repeat(1000));
      await expect(send(log, 1, ["x"])).rejects.toMatchObject({ reason: "PRODUCER_SEQUENCE_GAP" });
    }
    const [manifest] = await pathsEndingWith(directory.path, "topic.json");
    expect(JSON.parse(await readFile(manifest!, "utf8"))).not.toHaveProperty("producers");
    for (const path of await pathsEndingWith(directory.path, ".log")) {
      expect(await sectionsIn(path)).toEqual([]);
      expect((await headersIn(path)).every(({ headerBytes }) => headerBytes === commitHeaderBytes)).toBe(true);
    }
  });

  test("outlives all records: retention, a segment that was sealed for it, compaction, and restarts in between", async () => {
    await using directory = await temporaryDirectory();
    const settings = { ...defaultTopicSettings, retentionRecords: 1, compact: true };
    let sequence = 0;
    let last = "";
    for (let round = 0; round < 6; round++) {
      await using opened = await openStore(directory.path);
      const log = await opened.store.open("acme", "orders", settings);
      const first = log.range().next;
      if (round > 0) {
        // The last batch of the round before, of which no record may be left.
        expect(await send(log, sequence - 1, [last])).toBe(first - 1n);
        await expect(send(log, sequence + 1, ["x"])).rejects.toMatchObject({
          facts: { expected: `${sequence}`, actual: `${sequence + 1}` },
        });
      }
      if (round % 3 === 2) {
        await opened.store.maintain();
        continue;
      }
      last = `r${round}`;
      for (let n = 0; n < 20; n++) await send(log, sequence++, [last]);
      await log.trimBefore(log.range().next);
      await opened.store.maintain();
      await opened.store.maintain();
      // Nothing is left of any record: whoever begins anew finds an empty segment, and topic.json.
      expect(await pathsEndingWith(directory.path, ".log")).toEqual([]);
      expect(await send(log, sequence - 1, [last])).toBe(log.range().next - 1n);
    }
  });
});

describe("damage to what is known of producers", () => {
  test("is DATA_LOSS for producers of that topic, with file and position, now and ever after; others go on", async () => {
    await using directory = await temporaryDirectory();
    {
      await using opened = await openStore(directory.path, large);
      const log = await opened.store.open("acme", "orders");
      for (let n = 0; n < 5; n++) await send(log, n, [`v${n}`]);
      await send(await opened.store.open("acme", "bills"), 0, ["b"]);
    }
    const paths = await pathsEndingWith(directory.path, ".log");
    const damaged = (await Promise.all(paths.map(async (path) => ({ path, headers: await headersIn(path) })))).find(
      ({ headers }) => headers.length === 5,
    )!;
    const { position } = damaged.headers[2]!;
    const bytes = await readFile(damaged.path);
    bytes[position + commitHeaderBytes + 12]! ^= 1;
    await writeFile(damaged.path, bytes);
    const lost = { reason: "RECORD_CORRUPT" };
    for (let start = 0; start < 3; start++) {
      await using opened = await openStore(directory.path, start === 1 ? { segmentBytes: 4096 } : large);
      const log = opened.store.find("acme", "orders")!;
      const failed = await send(log, 4, ["v4"]).catch((error: unknown) => error as { location: string });
      expect(failed).toMatchObject(lost);
      if (start === 0) expect((failed as { location: string }).location).toContain(`${damaged.path}: byte ${position}`);
      await expect(send(log, 0, ["x"], { id: "new" })).rejects.toMatchObject(lost);
      // Who sends without a producer goes on, also into the next segments.
      for (let n = 0; n < 8; n++) await append(log, "y".repeat(1000));
      await expect(send(log, 0, ["x"], { epoch: 9 })).rejects.toMatchObject(lost);
      expect(await send(opened.store.find("acme", "bills")!, 0, ["b"])).toBe(0n);
      expect((await readAll(log, 5n)).length).toBe(8 * (start + 1));
    }
  });

  test("in a frame is not damage to it", async () => {
    await using directory = await temporaryDirectory();
    {
      await using opened = await openStore(directory.path, large);
      const log = await opened.store.open("acme", "orders");
      for (let n = 0; n < 3; n++) await send(log, n, ["v".repeat(100)]);
    }
    const [path] = await pathsEndingWith(directory.path, ".log");
    const bytes = await readFile(path!);
    const [first] = await headersIn(path!);
    bytes[first!.headerBytes + 20]! ^= 1;
    await writeFile(path!, bytes);
    await using opened = await openStore(directory.path, large);
    const log = opened.store.find("acme", "orders")!;
    expect(await send(log, 0, ["v".repeat(100)])).toBe(0n);
    await expect(readAll(log)).rejects.toMatchObject({ reason: "RECORD_CORRUPT" });
  });

  test("in topic.json is found as well", async () => {
    await using directory = await temporaryDirectory();
    const settings = { ...defaultTopicSettings, retentionRecords: 1 };
    {
      await using opened = await openStore(directory.path);
      const log = await opened.store.open("acme", "orders", settings);
      await send(log, 0, ["a"]);
      await log.trimBefore(1n);
      await opened.store.maintain();
      await opened.store.maintain();
    }
    const [path] = await pathsEndingWith(directory.path, "topic.json");
    // As it was before it had a checksum, which would notice any change.
    const text = (await readFile(path!, "utf8")).replace(/,\n {2}"checksum": ".*"/, "");
    const manifest = JSON.parse(text) as { producers: { from: string; table?: string } };
    expect(manifest.producers.from).toBe("1");
    for (const producers of [{ from: "1", table: "AAAA" }, { from: "0" }]) {
      await writeFile(path!, JSON.stringify({ ...manifest, producers }));
      await using opened = await openStore(directory.path);
      await expect(send(opened.store.find("acme", "orders")!, 0, ["a"])).rejects.toMatchObject({
        reason: "RECORD_CORRUPT",
      });
    }
  });
});

test("the format is raised when a directory of before is opened, and one of tomorrow is left alone", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "format.json");
  await (await openStore(directory.path))[Symbol.asyncDispose]();
  expect(JSON.parse(await readFile(path, "utf8"))).toEqual({ format: "aclog", version: 2 });
  await writeFile(path, '{"format":"aclog","version":1}\n');
  await (await openStore(directory.path))[Symbol.asyncDispose]();
  expect(JSON.parse(await readFile(path, "utf8"))).toEqual({ format: "aclog", version: 2 });
  await writeFile(path, '{"format":"aclog","version":3}\n');
  await expect(openStore(directory.path)).rejects.toThrow("nothing was changed");
  expect(await readFile(path, "utf8")).toBe('{"format":"aclog","version":3}\n');
});

async function headersIn(path: string) {
  const bytes = await readFile(path);
  const headers = [];
  for (let position = 0; position < bytes.length;) {
    const header = readCommitHeader(bytes, position)!;
    headers.push({ ...header, position });
    position += header.headerBytes + header.framesBytes;
  }
  return headers;
}

async function sectionsIn(path: string) {
  const bytes = await readFile(path);
  return (await headersIn(path))
    .filter(({ headerBytes }) => headerBytes > commitHeaderBytes)
    .map(({ position, headerBytes }) =>
      decodeSection(bytes.subarray(position + commitHeaderBytes, position + headerBytes))!,
    );
}

// Runs the built engine in a process of its own, so that it can be killed, stopped and starved.
import { on } from "node:events";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { pathToFileURL } from "node:url";

const [mode, directory, optionsText] = process.argv.slice(2);
const built = (path) => import(pathToFileURL(join(process.env.ACLOG_DIST, path)).href);
const { FileStore } = await built("log/file-store.js");
const { readProduceRequest } = await built("wire/requests.js");
const { writeVarint } = await built("wire/records.js");

const say = (message) => new Promise((resolve) => process.send(message, resolve));
// The file size limit is reported as an error of the write, not by ending the process.
process.on("SIGXFSZ", () => undefined);

function bytesField(field, bytes) {
  const head = Buffer.alloc(12);
  head[0] = (field << 3) | 2;
  return Buffer.concat([head.subarray(0, writeVarint(head, 1, bytes.length)), bytes]);
}

function batch(values) {
  const records = values.map((value) => bytesField(1, bytesField(1, Buffer.from(value))));
  return readProduceRequest(Buffer.concat(records)).records;
}

function keyedBatch(records) {
  const fields = ({ key, value }) => [
    bytesField(1, Buffer.from(value)),
    ...(key === "" ? [] : [bytesField(5, Buffer.from(key))]),
  ];
  return readProduceRequest(Buffer.concat(records.map((record) => bytesField(1, Buffer.concat(fields(record))))))
    .records;
}

let failures = 0;
const quiet = () => undefined;
const events = {
  onRecovered: quiet,
  onFailure: () => failures++,
  onTopicFailure: quiet,
  onClockJump: quiet,
  onMaintenanceProblem: quiet,
};
let store;
try {
  store = await FileStore.open(directory, JSON.parse(optionsText), events);
} catch (error) {
  await say({ kind: "refused", name: error.name, message: error.message });
  process.exit(0);
}
await say({ kind: "open" });

const reasonOf = (error) => error.reason ?? error.name;

const modes = {
  /** Holds the data directory until it is killed. */
  hold: () => new Promise(() => setInterval(() => undefined, 1000)),

  /** Appends what the parent sends, each message a batch, in order. */
  async obey() {
    const log = await store.open("acme", "orders");
    for await (const [values] of on(process, "message")) {
      await (
        await log.append(batch(values.map((value) => Buffer.from(value, "base64"))), {})
      ).durable;
      await say({ kind: "acked" });
    }
  },

  /** Appends to several topics for ever, and reports every answer. */
  async append() {
    const run = process.pid;
    const producer = async (topic, lane) => {
      const log = await store.open(topic.startsWith("b") ? "globex" : "acme", topic);
      for (let n = 0; ; n++) {
        // Sizes from nothing to several commits of several journal blocks.
        const count = 1 + ((n * 7 + lane) % 5);
        const padding = "x".repeat((n * 131 + lane * 17) % (n % 40 === 39 ? 9000 : 600));
        const values = Array.from({ length: count }, (_, i) => `${topic}/${run}/${lane}/${n}/${i}/${padding}`);
        const { durable } = await log.append(batch(values), {});
        const { offset } = await durable;
        void say({ kind: "acked", topic, offset: `${offset}`, values });
      }
    };
    const topics = ["a1", "a2", "b1", "b2"];
    await Promise.all(topics.flatMap((topic) => [0, 1, 2].map((lane) => producer(topic, lane))));
  },

  /** Appends records with few keys and none to a topic that is compacted all the time, and reports every answer. */
  async compact() {
    const log = await store.open("acme", "orders", { compact: true });
    const producer = async (lane) => {
      for (let n = 0; ; n++) {
        const records = Array.from({ length: 1 + ((n * 7 + lane) % 9) }, (_, i) => ({
          key: ["", "a", "b", `${lane}`, `${lane}.${n % 11}`][(n + i * 3) % 5],
          value: `${process.pid}/${lane}/${n}/${i}/${"x".repeat((n * 131 + i * 17) % 90)}`,
        }));
        const { durable } = await log.append(keyedBatch(records), {});
        const { offset } = await durable;
        void say({ kind: "acked", offset: Number(offset), records });
      }
    };
    const maintainer = async () => {
      for (;;) {
        await store.maintain();
        // With nothing to do it returns at once, and nobody else would ever have a turn.
        await turn();
      }
    };
    await Promise.all([producer(0), producer(1), maintainer()]);
  },

  /**
   * Creates, fills, trims, configures and deletes topics for ever while all of them are maintained. Says what it is about
   * to do before it does it, and what it was told. Records are those of described-records.ts.
   */
  async churn() {
    const keyAt = (offset) =>
      offset % 11n === 0n ? "" : offset % 50n === 7n ? `rare ${offset}` : `key ${offset % 6n}`;
    const described = (id, offset, count) =>
      keyedBatch(
        Array.from({ length: count }, (_, index) => ({
          key: keyAt(offset + BigInt(index)),
          value: `${id} ${offset + BigInt(index)} `.padEnd(50 + ((count * 37) % 200), "x"),
        })),
      );
    const note = (log, life) => say({ kind: "note", topic: log.topic, id: log.topicId, life });
    const allSettings = [{}, { retentionRecords: 40 }, { compact: true }, { retentionBytes: 6000 }];
    const settings = (n) => ({ compact: false, ...allSettings[n % 4] });
    const lane = async (topic, first) => {
      for (let n = first; ; n++) {
        let log = store.find("acme", topic);
        if (log === undefined) {
          await say({ kind: "begin", topic });
          log = await store.create("acme", topic, settings(n));
          await note(log, { created: true, ...limitsOf(log.settings) });
        }
        for (let step = 0; step < 20 + (n % 3) * 30; step++) {
          const { base, next } = log.range();
          const count = 1 + ((step * 7 + n) % 9);
          await note(log, { attempted: `${next + BigInt(count)}` });
          await (
            await log.append(described(log.topicId, next, count), {})
          ).durable;
          await note(log, { acknowledged: `${next + BigInt(count)}` });
          if (step % 13 === 12) {
            const offset = base + (next - base) / 2n;
            await note(log, { startAttempted: `${offset}` });
            await log.trimBefore(offset);
            await note(log, { start: `${offset}` });
          }
          if (step % 30 === 29) {
            await note(log, limitsOf(settings(n + step)));
            await log.configure(settings(n + step));
          }
        }
        await note(log, { deleting: true });
        await store.delete(log);
        await note(log, { deleted: true });
      }
    };
    const limitsOf = ({ compact, retentionRecords, retentionBytes }) => ({
      ...(compact ? { mayBeCompacted: true } : {}),
      ...((retentionRecords ?? retentionBytes) === undefined ? {} : { hasLimits: true }),
    });
    const maintainer = async () => {
      for (;;) {
        await store.maintain();
        for (const log of store.topics("acme")) await note(log, { start: `${log.range().base}` });
        await turn();
      }
    };
    await Promise.all([lane("orders", 0), lane("bills", 1), lane("default", 2), maintainer()]);
  },

  /** Waits until the parent has taken the ability to write away, and says what becomes of everyone. */
  async fail() {
    const log = await store.open("acme", "orders", { retentionRecords: 5, compact: false });
    for (let n = 0; n < 20; n++) await (await log.append(batch([`before ${n}`]), {})).durable;
    await say({ kind: "acked" });
    await new Promise((resolve) => process.once("message", resolve));
    const attempts = Array.from({ length: 20 }, (_, n) => log.append(batch([`after ${n}`]), {}));
    const settled = await Promise.allSettled(attempts.map(async (attempt) => (await attempt).durable));
    const waiting = settled.map((result) => (result.status === "rejected" ? reasonOf(result.reason) : "stored"));
    const later = await log.append(batch(["later"]), {}).then(() => "stored", reasonOf);
    const created = await store.open("acme", "another").then(() => "created", reasonOf);
    // With a failed journal, nothing is removed.
    await store.maintain();
    let read = 0;
    while (BigInt(read) < log.range().next) {
      read += (await log.read(BigInt(read), { maxRecords: 100, maxBytes: 1 << 20 })).count;
    }
    const before = failures;
    await store[Symbol.asyncDispose]().catch(() => undefined);
    await say({ kind: "done", waiting, later, created, read, failures: before });
    process.exit(0);
  },
};
await modes[mode]();

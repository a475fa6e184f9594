// Runs the built engine with the shim preloaded: a life of a few topics of two tenants, or what follows a crash. All that it
// is about to do and all that it is told goes to a ledger outside the data directory, at once, so that it survives a kill.
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { keyAt, valueOf } from "./records.mjs";

const built = (path) => import(pathToFileURL(join(process.env.ACLOG_DIST, path)).href);
const { FileStore } = await built("log/file-store.js");
const { readProduceRequest } = await built("wire/requests.js");
const { writeVarint } = await built("wire/records.js");
const { consumeResponseRecords } = await import("./records.mjs");

const options = JSON.parse(process.env.FAULTS_OPTIONS);
const { words } = JSON.parse(process.env.FAULTS_LAYOUT);
const state = openSync(process.env.FAULTS_STATE, "r+");

/** With a fault that lasts, whoever waits so long is waiting for its end. */
const patienceMs = 120;
/** Why one topic alone takes nothing until the next start. */
const topicFailed = "TOPIC_STORAGE_FAILED";
/** Why topics of a tenant that are not found are refused: a start could not look at one of them. */
const topicLost = "RECORD_CORRUPT";
/** Nothing may take longer once a fault is over. */
const stuckMs = 10_000;

const word = (name) => {
  const bytes = Buffer.alloc(8);
  readSync(state, bytes, 0, 8, words[name]);
  return Number(bytes.readBigUInt64LE());
};
const setWord = (name, value) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  writeSync(state, bytes, 0, 8, words[name]);
};
const arm = (rule) => {
  writeSync(state, Buffer.from(`${rule}\0`), 0, rule.length + 1, words.rule);
  setWord("generation", word("generation") + 1);
};

function bytesField(field, bytes) {
  const head = Buffer.alloc(12);
  head[0] = (field << 3) | 2;
  return Buffer.concat([head.subarray(0, writeVarint(head, 1, bytes.length)), bytes]);
}

function batchOf(id, offset, count, attempt) {
  const records = Array.from({ length: count }, (_, index) => {
    const at = offset + index;
    const key = keyAt(at);
    const value = bytesField(1, Buffer.from(valueOf(id, at, attempt)));
    return bytesField(1, key === "" ? value : Buffer.concat([value, bytesField(5, Buffer.from(key))]));
  });
  return readProduceRequest(Buffer.concat(records)).records;
}

/** One case: a rule, a data directory, and what becomes of it. */
class Case {
  constructor({ directory, ledger, rule, life }) {
    this.directory = directory;
    this.ledger = openSync(ledger, "a");
    this.rule = rule;
    this.life = life;
    this.errno = /E[A-Z]+/.exec(rule)?.[0];
    this.lasts = rule.endsWith(" on");
    this.drops = rule.includes("+drop");
    this.attempts = process.pid * 1_000_000;
    /** What should not have happened. */
    this.findings = [];
    this.reasons = new Set();
    this.resumedMs = 0;
    this.failedTopics = [];
    /** Why not, of each name that could not be created at last: with its name in doubt, it takes nothing until the next start. */
    this.notCreated = new Map();
    this.undeleted = new Set();
    this.failures = [];
  }

  note(entry) {
    writeSync(this.ledger, `${JSON.stringify(entry)}\n`);
  }

  find(text) {
    this.findings.push(text);
  }

  lift() {
    if (this.liftedAt !== undefined) return;
    this.liftedAt = performance.now();
    setWord("lifted", word("generation"));
  }

  /** Waits; for the end of a fault that lasts, it ends it. */
  async settled(what, promise) {
    const over = promise.then(
      () => "over",
      () => "over",
    );
    const wait = async (ms) => {
      const timer = new AbortController();
      const first = await Promise.race([over, delay(ms, "late", { signal: timer.signal }).catch(() => "over")]);
      timer.abort();
      return first === "over";
    };
    if (this.lasts && this.liftedAt === undefined && !(await wait(patienceMs)) && word("injected") > 0) this.lift();
    if (await wait(stuckMs)) return promise;
    this.find(`${what} did not end within ${stuckMs} ms`);
    throw new Error("stuck");
  }

  /** Runs what may be refused; gives undefined then. @param allowed reasons besides those of a fault */
  async attempt(what, run, allowed = []) {
    try {
      return { value: await this.settled(what, run()) };
    } catch (error) {
      if (error.message === "stuck") throw error;
      const reason = error.reason ?? error.code ?? error.name;
      this.reasons.add(`${what}: ${reason}`);
      const isTyped = ["STORAGE_FULL", "JOURNAL_FAILED", topicFailed, ...allowed].includes(error.reason);
      // Whatever is no append may say what the disk said.
      const isFault = what !== "append" && codesOf(error).includes(this.errno);
      if (!isTyped && !isFault) this.find(`${what} was refused with ${error.location ?? ""} ${error.stack ?? error}`);
      if (word("injected") === 0) this.find(`${what} was refused with ${reason} before there was a fault`);
      if (error.reason === "JOURNAL_FAILED") this.note({ kind: "ended" });
      return { reason };
    }
  }

  async open() {
    this.note({ kind: "opening" });
    const events = {
      onRecovered: ({ damaged, torn }) => {
        this.recovered = { damaged: damaged.map(({ location }) => location), torn };
      },
      onFailure: (error) => this.failures.push(`${error.cause?.message ?? error.message ?? error}`),
      onTopicFailure: () => undefined,
      onClockJump: () => undefined,
      onMaintenanceProblem: () => undefined,
    };
    for (let tries = 0; ; tries++) {
      const opened = await this.attempt("open", () => FileStore.open(this.directory, options, events));
      if (opened.value !== undefined) {
        this.store = opened.value;
        break;
      }
      // From here on it is another start, which may write and sync what it likes.
      this.retried ??= word("retried");
      this.wasRefused = true;
      if (word("open") > 0) this.find(`a start that was refused left ${word("open")} files open`);
      if (tries === 0 && this.lasts) this.lift();
      if (tries > 1) {
        this.find("the store does not open when the fault is over");
        return false;
      }
    }
    if (this.recovered.damaged.length > 0) this.find(`recovery found damage: ${this.recovered.damaged.join(", ")}`);
    return true;
  }

  get isEnded() {
    return this.store.failure !== undefined;
  }

  async create(tenant, topic, settings) {
    const known = await this.attempt("find", async () => this.store.find(tenant, topic), [topicLost]);
    if (known.reason !== undefined) this.notCreated.set(topic, known.reason);
    if (known.reason !== undefined || known.value !== undefined) return known.value;
    this.note({ kind: "creating", tenant, topic });
    const created = await this.attempt("create", () =>
      this.store.create(tenant, topic, { compact: false, ...settings }),
    );
    if (created.value === undefined) {
      this.notCreated.set(topic, created.reason);
      return undefined;
    }
    this.note({ kind: "created", tenant, topic, id: created.value.topicId, limits: limitsOf(settings) });
    return created.value;
  }

  /** Several batches on their way at once, behind one another. Resolves with why one was refused, if so. */
  async append(log, sizes) {
    const id = log.topicId;
    let offset = Number(log.range().next);
    const isFirst = (number) => number === 0;
    let refused;
    const sent = sizes.map(async (count, number) => {
      const base = offset;
      offset += count;
      const n = this.attempts++;
      this.note({ kind: "try", id, n, offset: base, count });
      // Behind one that was refused, the others have no place.
      const allowed = isFirst(number) ? [] : ["UNEXPECTED_OFFSET"];
      const answer = await this.attempt(
        "append",
        async () => (await log.append(batchOf(id, base, count, n), { expectedOffset: BigInt(base) })).durable,
        allowed,
      );
      if (answer.value === undefined) {
        refused = refused === topicFailed ? refused : answer.reason;
        this.note({ kind: "refused", id, n, reason: answer.reason });
      } else {
        this.note({ kind: "acked", id, n, offset: Number(answer.value.offset) });
      }
    });
    await Promise.all(sent);
    return refused;
  }

  /** Checks each record; resolves with why it could not be read, if so. */
  async readAll(log, from = log.range().base) {
    const id = log.topicId;
    const { next } = log.range();
    for (let at = from; at < next;) {
      const read = await this.attempt("read", () => log.read(at, { maxRecords: 50, maxBytes: 20_000 }), [
        "OFFSET_OUT_OF_RANGE",
        // Where no sync succeeds any more, what was dropped is in the journal alone, which nobody reads before the next start.
        ...(this.drops && this.lasts && this.isEnded ? ["RECORD_CORRUPT"] : []),
      ]);
      if (read.value === undefined) return read.reason;
      for (const { offset, value, key } of consumeResponseRecords(Buffer.concat(read.value.parts))) {
        const n = Number(value.toString("latin1").split(" ", 3)[2]);
        if (value.toString() !== valueOf(id, offset, n) || key !== keyAt(offset) || offset < Number(at)) {
          this.find(`altered: ${log.topic} at ${offset} holds ${value.toString().slice(0, 80)} under ${key}`);
          return "altered";
        }
      }
      at = read.value.next;
    }
    this.note({ kind: "read", id, next: Number(next) });
    return undefined;
  }

  async trim(log) {
    const { base, next } = log.range();
    const offset = base + (next - base) / 2n;
    this.note({ kind: "trimming", id: log.topicId, offset: Number(offset) });
    const { value, reason } = await this.attempt("trim", () => log.trimBefore(offset));
    if (reason === undefined) this.note({ kind: "trimmed", id: log.topicId, offset: Number(offset), value });
  }

  async configure(log, settings) {
    this.note({ kind: "limits", id: log.topicId, limits: limitsOf(settings) });
    await this.attempt("configure", () => log.configure({ compact: false, ...settings }));
  }

  async delete(log) {
    this.note({ kind: "deleting", id: log.topicId });
    const { reason } = await this.attempt("delete", () => this.store.delete(log));
    if (reason === undefined) this.note({ kind: "deleted", id: log.topicId });
    else this.undeleted.add(log.topicId);
  }

  async maintain() {
    await this.attempt("maintain", () => this.store.maintain());
    for (const log of this.logs()) this.note({ kind: "start", id: log.topicId, offset: Number(log.range().base) });
  }

  logs() {
    return ["acme", "globex"].flatMap((tenant) => this.store.topics(tenant));
  }

  async live() {
    const open = async () => [
      await this.create("acme", "orders", {}),
      await this.create("acme", "keyed", { compact: true }),
      await this.create("globex", "bills", { retentionRecords: 30 }),
      await this.create("globex", "brief", {}),
    ];
    for (let round = 0; round < 8; round++) {
      const logs = await open();
      const [orders, keyed, bills, brief] = logs;
      await Promise.all(
        logs.map(
          (log, lane) =>
            log &&
            this.append(
              log,
              [0, 1, 2].map((n) => 1 + ((round * 3 + lane * 5 + n) % 6)),
            ),
        ),
      );
      if (round === 2 && keyed) await this.append(keyed, [40]);
      const log = logs[round % 4];
      if (log) await this.readAll(log);
      if (round === 2 && orders) await this.trim(orders);
      if (round === 3 && bills) await this.configure(bills, { retentionRecords: 20 });
      if (round === 4 || round === 6) await this.maintain();
      if (round === 5 && brief) await this.delete(brief);
    }
  }

  /** Once the fault is over, all that may go on goes on by itself. */
  async goOn() {
    const begun = performance.now();
    this.lift();
    for (const [tenant, topic] of [
      ["acme", "orders"],
      ["globex", "bills"],
      ["acme", "fresh"],
    ]) {
      for (;;) {
        const log = await this.create(tenant, topic, {});
        const refused = log === undefined ? this.notCreated.get(topic) : await this.append(log, [2]);
        if (refused === undefined || this.isEnded) break;
        if (refused === topicLost) break;
        if (refused === topicFailed) {
          this.failedTopics.push(topic);
          break;
        }
        if (performance.now() - begun > stuckMs) {
          this.find(`${topic} takes nothing ${stuckMs} ms after the fault is over: ${[...this.reasons].join(", ")}`);
          return;
        }
        await delay(20);
      }
    }
    this.resumedMs = Math.round(performance.now() - this.liftedAt);
    for (const log of this.logs()) {
      const refused = await this.readAll(log);
      // Of a topic that could not be deleted, nobody knows what became of it until the next start; and what was dropped while
      // no sync succeeded is in the journal alone.
      const waitsForStart = this.undeleted.has(log.topicId) || (this.drops && this.lasts);
      const isAllowed = waitsForStart && refused === topicFailed;
      if (refused !== undefined && refused !== "RECORD_CORRUPT" && !isAllowed) {
        this.find(`${log.topic} cannot be read once the fault is over: ${refused}`);
      }
    }
  }

  async run() {
    try {
      if (await this.open()) {
        if (this.life === "whole") await this.live();
        await this.goOn();
      }
    } catch (error) {
      this.find(error.message === "stuck" ? "stuck" : `the case itself failed: ${error.stack}`);
    }
    this.retried ??= word("retried");
    this.ended = this.store?.failure !== undefined;
    // Not at its start, nor at its end.
    this.metServing = this.wasRefused !== true && word("injected") > 0;
    closeSync(this.ledger);
  }

  async close() {
    if (this.store === undefined) return;
    await this.settled("close", this.store[Symbol.asyncDispose]()).catch((error) => {
      this.find(["closing failed", error, ...(error.errors ?? [])].map((each) => each.stack ?? each).join("\n    "));
    });
    if (word("open") > 0) this.find(`${word("open")} files are open behind the end`);
  }

  get result() {
    const { findings, reasons, resumedMs, retried, failures, failedTopics, ended, metServing } = this;
    if (failures.length > 1) findings.push(`the failure was told ${failures.length} times`);
    if (failedTopics.length > 1 && !this.lasts) findings.push(`one fault ended ${failedTopics.join(" and ")}`);
    return { findings, reasons: [...reasons], resumedMs, retried, ended, metServing };
  }
}

/** Of everything that went wrong at once. Node has no name for a quota that is used up. */
const codesOf = (error) => [
  error.errno === -constants.errno.EDQUOT ? "EDQUOT" : error.code,
  ...[...(error.errors ?? []), error.cause].flatMap((inner) => (inner instanceof Error ? codesOf(inner) : [])),
];

const limitsOf = ({ compact, retentionRecords }) => ({
  compact: compact === true,
  limited: retentionRecords !== undefined,
});

process.on("message", async (order) => {
  arm(order.rule);
  const one = new Case(order);
  await one.run();
  if (order.closes) await one.close();
  // What is left open is for whoever looks on to end, with the process.
  process.send({ ...one.result, closed: order.closes });
});
process.send({ kind: "ready" });

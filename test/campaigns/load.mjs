/**
 * Everything that callers do to a server, at once and until it is gone: several tenants, each under certificates of its
 * own; unary calls, streams, imports, readers that tail; topics made, filled, trimmed, configured and deleted. The ledger
 * is told before and after each of it.
 */
import { setTimeout as delay } from "node:timers/promises";
import { setMaxListeners } from "node:events";
import { readFileSync } from "node:fs";
import { Metadata, credentials } from "@grpc/grpc-js";
import { noticingResets } from "../../dist/client/resets.js";
import { LogStub } from "../../dist/wire/definition.js";
import { tenants } from "./place.mjs";

/** With these a call has certainly done nothing. */
const refusals = new Set(["RESOURCE_EXHAUSTED", "NOT_FOUND", "FAILED_PRECONDITION", "ALREADY_EXISTS", "OUT_OF_RANGE"]);
/** With these it ended because the server did, or was told to. */
const ends = new Set(["UNAVAILABLE", "CANCELLED"]);
const timeoutMs = 30_000;
const longestBatch = 40;

export class Load {
  #acknowledged = 0;
  #enough;
  #reached;
  #place;
  #ledger;
  #records;
  #random;
  #mayFail;
  #clients = [];
  #raw = [];
  #lanes = [];
  #over = new AbortController();

  /** @param mayFail asked when a call ends as no call should: whether something is wrong that explains it */
  constructor({ place, ledger, records, random, mayFail = () => false }) {
    this.#place = place;
    this.#ledger = ledger;
    this.#records = records;
    this.#random = random;
    this.#mayFail = mayFail;
    // Every lane that pauses listens.
    setMaxListeners(0, this.#over.signal);
  }

  /** Begins, with one tenant in the background. */
  start() {
    const quiet = this.#random.pick(tenants);
    for (const tenant of tenants) {
      const root = this.#client(`${tenant}/root`);
      if (tenant === quiet) {
        this.#lane(() => this.#packed(root, tenant, "kept"));
        continue;
      }
      const other = this.#client(`${tenant}/root`);
      const raw = this.#rawClient(`${tenant}/root`);
      this.#lane(() => this.#unary(raw, tenant, "kept"));
      this.#lane(() => this.#unary(raw, tenant, "default"));
      this.#lane(() => this.#streamed(other, tenant, "kept"));
      this.#lane(() => this.#streamed(other, tenant, "streamed"));
      for (let caller = 0; caller < 4; caller++) this.#lane(() => this.#packed(root, tenant, `packed.${caller % 2}`));
      this.#lane(() => this.#limited(root, tenant, "compacted", { compact: true }));
      this.#lane(() => this.#limited(root, tenant, "short", { retentionRecords: 300 }));
      this.#lane(() => this.#limited(root, tenant, "small", { retentionBytes: 200_000 }));
      for (const name of ["churn.0", "churn.1"]) this.#lane(() => this.#churned(root, tenant, name));
      this.#lane(() => this.#imported(other, tenant, "imported"));
      this.#lane(() => this.#committed(root, tenant, "kept"));
      const topic = this.#random.pick(["kept", "default", "streamed", "packed.0", "compacted", "short", "imported"]);
      this.#lane(() => this.#followed(root, tenant, topic, this.#random.pick(["latest", "earliest"])));
      this.#lane(() => this.#followed(other, tenant, "kept", "latest"));
      this.#lane(() => this.#polled(other, tenant, this.#random.pick(["streamed", "packed.1", "default"])));
    }
    const billing = this.#client("acme/billing");
    this.#lane(() => this.#packed(billing, "acme", "orders"));
  }

  /** Resolves when so many records are acknowledged. */
  reach(records) {
    return new Promise((resolve) => {
      this.#enough = records;
      this.#reached = resolve;
    });
  }

  /** Resolves when nothing is under way any more. */
  async stop() {
    this.#over.abort();
    await Promise.all(this.#clients.map((client) => client.close({ graceMs: 0 })));
    for (const raw of this.#raw) raw.close();
    await Promise.all(this.#lanes);
  }

  #count(attempt) {
    this.#acknowledged += attempt.count;
    if (this.#acknowledged >= this.#enough) this.#reached();
  }

  #client(principal) {
    const client = this.#place.connect(principal);
    this.#clients.push(client);
    return client;
  }

  #rawClient(principal) {
    const { ca, cert, key } = this.#place.filesOf(principal);
    const [caPem, keyPem, certPem] = [ca, key, cert].map((path) => readFileSync(path));
    // Node itself may end this process when the server dies, unless its connections are such ones.
    const security = noticingResets(credentials.createSsl(caPem, keyPem, certPem));
    const stub = new LogStub(`localhost:${this.#place.port}`, security);
    this.#raw.push(stub);
    return stub;
  }

  /** Goes through its turns for ever, with pauses, until a call ends because the server did. */
  #lane(open) {
    const lane = async () => {
      try {
        await open();
      } catch (error) {
        if (ends.has(codeOf(error)) || ["ClientClosed", "AbortError"].includes(error.name) || this.#mayFail(error))
          return;
        this.#ledger.broken("other", `a call ended as none should: ${error.stack}`);
      }
    };
    this.#lanes.push(lane());
  }

  async #pause() {
    this.#over.signal.throwIfAborted();
    if (this.#random.chance(0.5)) await this.#wait(this.#random.spread(1, 30));
  }

  #wait(milliseconds) {
    return delay(milliseconds, undefined, { signal: this.#over.signal });
  }

  #attempt(tenant, topic, most = longestBatch) {
    const attempt = this.#ledger.attempt(`${tenant}/${topic}`, Math.floor(this.#random.spread(1, most)));
    return { attempt, batch: this.#records.batch(attempt) };
  }

  /** Calls, and tells the ledger what became of it. Undefined: refused. */
  async #told(attempt, call) {
    try {
      const answer = await call();
      this.#ledger.acknowledged(attempt, answer);
      this.#count(attempt);
      return answer;
    } catch (error) {
      if (!refusals.has(codeOf(error))) {
        this.#ledger.unanswered(attempt);
        throw error;
      }
      this.#ledger.refused(attempt);
      return undefined;
    }
  }

  /** The original way: one call, one batch. */
  async #unary(raw, tenant, topic) {
    for (;;) {
      const { attempt, batch } = this.#attempt(tenant, topic);
      const records = batch.map(({ value, key, headers }) => ({
        value,
        key: Buffer.from(key),
        headers: headers.map((header) => ({ name: header.name, value: Buffer.from(header.value) })),
      }));
      await this.#told(attempt, () => produced(raw, { records, topic }));
      await this.#pause();
    }
  }

  /** Callers whose batches share requests. */
  async #packed(client, tenant, topic) {
    for (;;) {
      const { attempt, batch } = this.#attempt(tenant, topic);
      await this.#told(attempt, () => client.produce(batch, { topic, timeoutMs }));
      await this.#pause();
    }
  }

  /** Many batches on their way, answered in order. */
  async #streamed(client, tenant, topic) {
    const sent = [];
    const next = () => {
      const { attempt, batch } = this.#attempt(tenant, topic);
      sent.push(attempt);
      return batch;
    };
    const pause = () => this.#pause();
    async function* batches() {
      for (;;) {
        yield next();
        await pause();
      }
    }
    try {
      for await (const answer of client.produceMany(batches(), { topic })) {
        this.#ledger.acknowledged(sent[0], answer);
        this.#count(sent.shift());
      }
    } finally {
      for (const attempt of sent) this.#ledger.unanswered(attempt);
    }
  }

  /** Imports of a few batches, with one answer for all of them. */
  async #imported(client, tenant, topic) {
    for (;;) {
      const attempts = Array.from({ length: 1 + this.#random.below(8) }, () => this.#attempt(tenant, topic));
      try {
        const batches = attempts.map(({ batch }) => batch);
        await client.import(batches, { topic, timeoutMs });
        for (const { attempt } of attempts) this.#ledger.storedSomewhere(attempt);
      } catch (error) {
        for (const { attempt } of attempts) this.#ledger.unanswered(attempt);
        throw error;
      }
      await this.#pause();
    }
  }

  /** A topic that lets records go by itself. */
  async #limited(client, tenant, topic, settings) {
    await this.#made(client, tenant, topic, settings);
    await this.#packed(client, tenant, topic);
  }

  /** A topic that is made, filled, trimmed, given other settings, filled again and deleted, over and over. */
  async #churned(client, tenant, topic) {
    const choices = [{}, { retentionRecords: 50 }, { compact: true }, { retentionBytes: 70_000 }];
    for (;;) {
      const life = await this.#made(client, tenant, topic, this.#random.pick(choices));
      for (let step = this.#random.below(12); step > 0; step--) {
        const { attempt, batch } = this.#attempt(tenant, topic);
        await this.#told(attempt, () => client.produce(batch, { topic, timeoutMs }));
        if (this.#random.chance(0.2)) await this.#trimmed(client, topic, life);
        if (this.#random.chance(0.2)) await this.#configured(client, topic, life, this.#random.pick(choices));
        await this.#pause();
      }
      if (this.#random.chance(0.7)) await this.#deleted(client, tenant, topic, life);
    }
  }

  /** The topic's life that is there, or a new one. */
  async #made(client, tenant, topic, settings) {
    const name = `${tenant}/${topic}`;
    this.#ledger.topic(name);
    try {
      const { topicId } = await client.topics.create(topic, { settings, timeoutMs });
      const life = this.#ledger.life(name, topicId.toString("hex"));
      this.#ledger.configuring(life, settings);
      return life;
    } catch (error) {
      if (codeOf(error) !== "ALREADY_EXISTS") throw error;
      const info = await client.topics.describe(topic, { timeoutMs });
      const life = this.#ledger.life(name, info.topicId.toString("hex"));
      this.#ledger.configuring(life, info.settings);
      return life;
    }
  }

  async #trimmed(client, topic, life) {
    const before = life.start + this.#random.below(life.end - life.start + 1);
    this.#ledger.trimming(life, before);
    const { startOffset } = await client.topics.truncate(topic, { before: BigInt(before), timeoutMs });
    this.#ledger.trimmed(life, Number(startOffset));
  }

  async #configured(client, topic, life, settings) {
    const all = { compact: false, retentionRecords: null, retentionBytes: null, ...settings };
    this.#ledger.configuring(life, all);
    await client.topics.update(topic, { settings: all, timeoutMs });
  }

  async #deleted(client, tenant, topic, life) {
    this.#ledger.deleting(`${tenant}/${topic}`, life.id);
    await client.topics.delete(topic, { timeoutMs });
    this.#ledger.deleted(life);
  }

  /** What it was given once must be there for ever. */
  async #followed(client, tenant, topic, from) {
    let next;
    for await (const { topicId, records } of this.#tail(client, topic, from)) {
      next = this.#ledger.seen(`${tenant}/${topic}`, topicId, records, next);
    }
  }

  async *#tail(client, topic, from) {
    for (;;) {
      try {
        yield* client.followBatches({ topic, from });
        return;
      } catch (error) {
        // Not made yet, or trimmed under the reader.
        if (!["NOT_FOUND", "OUT_OF_RANGE"].includes(codeOf(error))) throw error;
        await this.#wait(50);
      }
    }
  }

  async #polled(client, tenant, topic) {
    let from = "latest";
    for (;;) {
      try {
        const read = await client.consume({ topic, from, maxWaitMs: 500, timeoutMs });
        const next = from === "latest" ? undefined : Number(from);
        const behind = this.#ledger.seen(`${tenant}/${topic}`, read.topicId, read.records, next);
        from = behind === undefined ? "latest" : BigInt(behind);
      } catch (error) {
        if (!["NOT_FOUND", "OUT_OF_RANGE"].includes(codeOf(error))) throw error;
        await this.#wait(50);
      }
    }
  }

  /** A consumer group that goes on. */
  async #committed(client, tenant, topic) {
    const key = `${tenant}/${topic}/group`;
    for (;;) {
      await this.#pause();
      const [life] = this.#ledger.topic(`${tenant}/${topic}`).lives.values();
      if (life === undefined) continue;
      const offset = BigInt(life.end);
      this.#ledger.committing(key, offset);
      await client.offsets.commit({ topic, group: "group", offset, timeoutMs });
      this.#ledger.committed(key, offset);
    }
  }
}

function produced(raw, request) {
  return new Promise((resolve, reject) => {
    const deadline = { deadline: Date.now() + timeoutMs };
    raw.Produce(request, new Metadata(), deadline, (error, answer) =>
      error === null ? resolve(answer) : reject(error),
    );
  });
}

/** The name of a gRPC status, of a typed client's error or of grpc-js's own. */
function codeOf(error) {
  return error.codeName ?? /^\d+ ([A-Z_]+):/.exec(error.message)?.[1];
}

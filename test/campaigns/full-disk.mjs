/** What a full disk and a failing one do to a server, and what they must not: scenarios that full-disk.test.ts runs. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { check } from "./check.mjs";
import { Ext4 } from "./ext4.mjs";
import { Ledger } from "./ledger.mjs";
import { Load } from "./load.mjs";
import { Place, run, tenants } from "./place.mjs";
import { Random } from "./random.mjs";
import { Records } from "./records.mjs";
import { Server } from "./server.mjs";
import { SmallDisk } from "./small-disk.mjs";

const mebibyte = 1024 * 1024;
/** `aclog serve` takes nothing more when less than 128 MiB are free, and its journal has up to 128 MiB. */
const servedBytes = 400 * mebibyte;
const belowReserve = 100 * mebibyte;
const longMs = 30_000;

export const scenarios = [
  {
    name: "a full disk refuses producers with STORAGE_FULL, lets readers go on, and takes records again when there is room",
    run: () => onSmallDisk(fullAndFree),
  },
  {
    name: "what met a disk without a free byte is all there when there is room, without a restart, and after a kill",
    run: () => onSmallDisk((stage) => metByLoad(stage, { kill: false })),
  },
  {
    name: "a server that is killed on a full disk has everything when there is room, and starts or says why it does not",
    run: () => onSmallDisk((stage) => metByLoad(stage, { kill: true })),
  },
  {
    name: "a disk that cannot write back ends acknowledgement, not reading, and a start on the mended disk finds everything",
    run: failedWriteBack,
  },
];

/** One server on a disk of its own, with callers and their ledger. */
class Stage {
  server;
  ledger;
  #place;
  #records;
  #random;
  #seed = `${Date.now()}`;

  constructor(place, disk) {
    this.#place = place;
    this.disk = disk;
    this.#records = new Records(this.#seed);
    this.#random = new Random(this.#seed, "load");
    this.ledger = new Ledger(this.#records);
    for (const tenant of tenants) this.ledger.topic(`${tenant}/default`);
  }

  async start({ isSmall = false } = {}) {
    this.server = new Server(this.#place, { isSmall });
    await this.server.ready();
  }

  /** @param codes that calls may end with beside those of a server's end */
  load(...codes) {
    const mayFail = (error) => codes.some((code) => error.codeName === code || error.message.includes(`${code}:`));
    const load = new Load({
      place: this.#place,
      ledger: this.ledger,
      records: this.#records,
      random: this.#random,
      mayFail,
    });
    load.start();
    return load;
  }

  /** Asserts that everything is there. */
  async checkAll(isDiskBroken = false) {
    const clients = new Map(tenants.map((tenant) => [tenant, this.#place.connect(`${tenant}/root`)]));
    try {
      await check(this.ledger, clients, { whole: true, isDiskBroken });
    } finally {
      for (const client of clients.values()) await client.close();
    }
    assert.deepEqual(this.ledger.findings, []);
    assert.ok(this.ledger.counts.acked > 0);
  }

  /** What a tenant's list names. */
  async list(tenant) {
    const client = this.#place.connect(`${tenant}/root`);
    const names = [];
    for await (const { topic } of client.topics.list()) names.push(topic);
    await client.close();
    return names;
  }

  /** One batch, on a connection of its own: its offset, or the error. */
  async produce(topic = "kept", timeoutMs = longMs) {
    const client = this.#place.connect("acme/root");
    const attempt = this.ledger.attempt(`acme/${topic}`, 3);
    try {
      this.ledger.acknowledged(attempt, await client.produce(this.#records.batch(attempt), { topic, timeoutMs }));
      return undefined;
    } catch (error) {
      this.ledger.unanswered(attempt);
      return error;
    } finally {
      await client.close();
    }
  }

  /** Produces until it ends with this reason; undefined: until it is stored. */
  async produceUntil(reason) {
    const until = Date.now() + longMs;
    for (;;) {
      const error = await this.produce();
      if (error?.reason === reason) return error;
      if (Date.now() > until) throw new Error(`it does not come to ${reason}: ${error?.stack}`);
      await delay(50);
    }
  }

  async create(topic) {
    const client = this.#place.connect("acme/root");
    this.ledger.topic(`acme/${topic}`);
    try {
      await client.topics.create(topic);
      return undefined;
    } catch (error) {
      return error;
    } finally {
      await client.close();
    }
  }

  async readiness() {
    const response = await fetch(`http://${this.server.adminAddress}/readyz`);
    return { status: response.status, text: await response.text() };
  }

  async becomesReady(status) {
    const until = Date.now() + longMs;
    for (;;) {
      const found = await this.readiness();
      if (found.status === status) return found;
      if (Date.now() > until) throw new Error(`/readyz says ${found.status}: ${found.text}`);
      await delay(50);
    }
  }

  /** Lines of the server's log whose message matches. */
  async logged(pattern) {
    const lines = (await readFile(this.#place.log, "utf8")).trimEnd().split("\n");
    return lines.map((line) => JSON.parse(line)).filter(({ msg }) => pattern.test(msg));
  }

  async kill() {
    await this.server?.kill();
  }
}

async function onSmallDisk(scenario) {
  const place = await Place.make("full-disk");
  const disk = await SmallDisk.mount(join(place.directory, "disk"), servedBytes);
  place.data = join(disk.path, "data");
  const stage = new Stage(place, disk);
  try {
    await scenario(stage);
  } finally {
    await stage.kill();
    await disk.unmount();
    await place.remove();
  }
}

async function fullAndFree(stage) {
  await stage.start();
  const load = stage.load("RESOURCE_EXHAUSTED");
  await load.reach(300);
  await stage.disk.fill(belowReserve);
  const error = await stage.produceUntil("STORAGE_FULL");
  assert.equal(error.codeName, "RESOURCE_EXHAUSTED");
  assert.match((await stage.becomesReady(503)).text, /full/);
  await load.stop();
  await stage.checkAll();
  await stage.disk.fill(0);
  assert.equal((await stage.produce())?.reason, "STORAGE_FULL");
  assert.equal((await stage.create("another"))?.reason, "STORAGE_FULL");
  await stage.checkAll();
  await stage.disk.clear();
  await stage.produceUntil(undefined);
  await stage.becomesReady(200);
  assert.equal(await stage.create("another"), undefined);
  await stage.checkAll();
}

/** Segments roll, checkpoints are made and topics come and go when the last byte is taken. */
async function metByLoad(stage, { kill }) {
  await stage.start({ isSmall: true });
  const load = stage.load("RESOURCE_EXHAUSTED");
  await load.reach(300);
  await stage.disk.fill(0);
  await stage.becomesReady(503);
  // Long enough for a checkpoint to meet it as well.
  await delay(1500);
  assert.equal((await stage.readiness()).status, 503);
  if (kill) {
    await stage.kill();
    await load.stop();
    for (const isSmall of [true, false]) {
      try {
        await stage.start({ isSmall });
        assert.equal((await stage.produce())?.reason, "STORAGE_FULL");
        await stage.checkAll();
        await stage.kill();
      } catch (error) {
        if (error.name !== "ServerEnded") throw error;
        assert.match(error.message, /no space|full/i);
      }
    }
    await stage.disk.clear();
    await stage.start();
  } else {
    await stage.disk.clear();
    await stage.becomesReady(200);
  }
  await stage.produceUntil(undefined);
  await load.stop();
  await stage.checkAll();
  await stage.kill();
  await stage.start();
  await stage.checkAll();
}

/** A file system whose file is on a small disk, and a server on it. */
async function onLoopDisk(scenario) {
  const place = await Place.make("write-back");
  const below = await SmallDisk.mount(join(place.directory, "below"), servedBytes);
  const image = join(below.path, "image");
  const disk = await Ext4.make(image, join(place.directory, "disk"), { bytes: 256 * mebibyte });
  // Also ext4's own journal has no room then for what it has not used yet.
  await run("fallocate", ["--dig-holes", image]);
  await disk.mount();
  place.data = join(disk.path, "data");
  const stage = new Stage(place, below);
  try {
    await scenario(stage);
    // Mended: what is below can grow again.
    await stage.kill();
    await disk.unmount();
    await below.clear();
    await disk.mount();
    await stage.start();
    await stage.checkAll();
    await stage.produceUntil(undefined);
  } finally {
    await stage.kill();
    await disk.unmount();
    await below.unmount();
    await place.remove();
  }
}

/** The disk's blocks are in a file that cannot grow any more: what is written to it fails long after it was taken. */
function failedWriteBack() {
  return onLoopDisk(async (stage) => {
    await stage.start({ isSmall: true });
    const load = stage.load("INTERNAL");
    await load.reach(300);
    await stage.disk.fill(0);
    assert.match((await stage.becomesReady(503)).text, /journal failed/);
    await load.stop();
    for (const topic of ["kept", "default", "yet.another"]) {
      const error = await stage.produce(topic, 3_000);
      assert.equal(error?.codeName, "UNAVAILABLE");
      assert.match(error.reason, /^(JOURNAL_FAILED|TOPIC_STORAGE_FAILED)$/);
    }
    assert.equal((await stage.logged(/^the journal failed/)).length, 1);
    assert.ok((await stage.list("globex")).includes("kept"));
    await stage.checkAll(true);
  });
}

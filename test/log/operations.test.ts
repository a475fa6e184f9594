import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { type TopicSettings, defaultTopicSettings } from "../../src/log/port.js";
import type { DiskModel } from "../support/disk-model.js";
import { type OpenStore, openStore, temporaryDirectory } from "../support/log-harness.js";
import { TopicCaller } from "../support/topic-caller.js";
import { TopicLedger } from "../support/topic-ledger.js";

const disk = vi.hoisted(() => ({ model: undefined as DiskModel | undefined }));
vi.mock("node:fs/promises", async (importOriginal) => {
  const { DiskModel: Model } = await import("../support/disk-model.js");
  disk.model ??= new Model();
  return disk.model.wrap(await importOriginal());
});

const options = { segmentBytes: 2048, compactedSegmentBytes: 2048, reclaimBytes: 200, journalFileBytes: 48 * 1024 };

interface Step {
  readonly kind: "create" | "append" | "trim" | "configure" | "maintain" | "delete" | "reopen";
  readonly topic: string;
  /** How much of it, as a part of what there is. */
  readonly part: number;
  readonly settings: TopicSettings;
  /** What happens so many turns of the event loop after it was begun. */
  readonly crash: "kill" | "power cut" | undefined;
  readonly turns: number;
}

const anySettings = fc.constantFrom<Partial<TopicSettings>>(
  {},
  {},
  { retentionRecords: 25 },
  { retentionRecords: 1 },
  { retentionBytes: 4000 },
  { retentionBytes: 1 },
  { compact: true },
  { compact: true, retentionRecords: 60 },
);
const anyStep: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom<Step["kind"]>(
    ...(["append", "append", "append", "append", "maintain", "maintain"] as const),
    ...(["create", "trim", "configure", "delete", "reopen"] as const),
  ),
  topic: fc.constantFrom("orders", "bills"),
  part: fc.double({ min: 0, max: 1, noNaN: true }),
  settings: anySettings.map((some) => ({ ...defaultTopicSettings, ...some })),
  crash: fc.constantFrom(
    ...([undefined, undefined, undefined, undefined, undefined, undefined, "kill", "power cut"] as const),
  ),
  turns: fc.nat({ max: 40 }),
});

test("any operations, cut short anywhere by a kill or a power cut: what callers were told is so", async () => {
  const seen = { crashes: 0, deletes: 0, removed: 0n };
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 15, maxLength: 45 }), async (steps) => {
      await using directory = await temporaryDirectory();
      const life = new Life(directory.path);
      try {
        await life.begin();
        for (const step of steps) {
          if (await life.take(step)) seen.crashes++;
          if (step.kind === "delete") seen.deletes++;
        }
        seen.removed += life.removed;
      } finally {
        await life.end();
      }
    }),
    { numRuns: 20 },
  );
  expect(seen.crashes).toBeGreaterThan(25);
  expect(seen.deletes).toBeGreaterThan(25);
  expect(seen.removed).toBeGreaterThan(50n);
});

/** A data directory through all its copies, and what is known of it. */
class Life {
  readonly #directory: string;
  readonly #model = disk.model!;
  #copies = 0;
  #open!: OpenStore;
  #caller!: TopicCaller;
  removed = 0n;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async begin(): Promise<void> {
    await mkdir(this.#path);
    await this.#start();
  }

  /** Ends what goes on. */
  async end(): Promise<void> {
    this.#model.stop();
    await this.#open[Symbol.asyncDispose]();
  }

  /** True if the step ended in a crash. */
  async take(step: Step): Promise<boolean> {
    const done = this.#do(step);
    if (step.crash === undefined || step.kind === "reopen") {
      await done;
      await this.#caller.ledger.check(this.#open.store, "acme");
      expect(this.#open.problems).toEqual([]);
      return false;
    }
    // Whoever waits for it never hears.
    done.catch(() => undefined);
    for (let turns = 0; turns < step.turns; turns++) await turn();
    await this.#crash(step.crash);
    return true;
  }

  get #path(): string {
    return join(this.#directory, `data-${this.#copies}`);
  }

  async #start(ledger?: TopicLedger): Promise<void> {
    this.#model.watch(this.#path);
    this.#open = await openStore(this.#path, options);
    expect(this.#open.report.damaged).toEqual([]);
    await ledger?.check(this.#open.store, "acme");
    const known = ledger === undefined ? undefined : TopicLedger.of(this.#open.store, "acme", ledger);
    this.#caller = new TopicCaller(this.#open.store, known);
  }

  async #crash(kind: "kill" | "power cut"): Promise<void> {
    let ledger: TopicLedger;
    this.#copies++;
    await this.#model.copyBetween((model) => {
      ledger = this.#caller.ledger.snapshot();
      if (kind === "kill") model.copyAfterKill(this.#path);
      else model.copyAfterPowerCut(this.#path);
    });
    await this.end();
    await this.#start(ledger!);
  }

  async #do({ kind, topic, part, settings }: Step): Promise<void> {
    const { store } = this.#open;
    if (kind === "maintain") return this.#maintain();
    if (kind === "reopen") {
      await this.#open[Symbol.asyncDispose]();
      return this.#start(this.#caller.ledger);
    }
    const log = store.find("acme", topic);
    if (log === undefined) return this.#caller.create(topic, settings);
    const { base, next } = log.range();
    if (kind === "append") return this.#caller.append(topic, 1 + Math.floor(part * 4));
    if (kind === "trim") return this.#caller.trim(topic, base + BigInt(Math.floor(Number(next - base) * part)));
    if (kind === "configure") return this.#caller.configure(topic, settings);
    if (kind === "delete") return this.#caller.delete(topic);
    await expect(store.create("acme", topic, settings)).rejects.toMatchObject({ reason: "TOPIC_EXISTS" });
  }

  async #maintain(): Promise<void> {
    const { store } = this.#open;
    const before = store
      .topics("acme")
      .map((log) => ({ log, range: log.range(), life: this.#caller.ledger.current(log.topic)! }));
    for (const { log, range, life } of before) {
      const { retentionBytes, retentionRecords } = log.settings;
      const byCount = retentionRecords === undefined ? 0n : range.next - BigInt(retentionRecords);
      life.startAttempted = retentionBytes === undefined ? [range.base, byCount].sort(order)[1]! : range.next;
    }
    await store.maintain();
    for (const { log, range, life } of before) {
      const { base } = log.range();
      this.removed += base - range.base;
      if (log.settings.retentionBytes === undefined) expect(base).toBe(life.startAttempted);
      else expect(log.storedBytes).toBeLessThanOrEqual(log.settings.retentionBytes);
      life.start = base;
      life.startAttempted = base;
    }
  }
}

function order(a: bigint, b: bigint): number {
  return a < b ? -1 : 1;
}

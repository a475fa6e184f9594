import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { FileStoreOptions } from "../../src/log/file-store-options.js";
import { choicesOf } from "./crash-choices.js";
import { type CrashDisk, type CrashState, materialise } from "./crash-disk.js";
import { appendDescribed } from "./described-records.js";
import type { Recording } from "./disk-steps.js";
import { openStore } from "./log-harness.js";
import type { Random } from "./random.js";
import { type ObservedTopic, type TopicLedger, observeTopics } from "./topic-ledger.js";

/** What callers were told, by tenant. */
export type Told = ReadonlyMap<string, TopicLedger>;

/** What recovery made of one state. */
interface Recovered {
  readonly topics: ReadonlyMap<string, readonly ObservedTopic[]>;
  readonly milliseconds: number;
}

export interface SurveyFigures {
  /** States that a crash may leave, each with what callers had been told by then; states that are alike count once. */
  states: number;
  distinct: number;
  /** Records that had been acknowledged, summed up over all states, and those of them that were there. */
  acked: number;
  found: number;
  lost: number;
  altered: number;
  duplicated: number;
  refused: number;
  worstRecoveryMs: number;
}

/** How far a survey goes; each share from 0 to 1. */
export interface SurveyExtent {
  /** States of one step besides nothing and all of what was not synced. */
  readonly most: number;
  /** Of steps, those at which there are such. */
  readonly ofSteps: number;
  /** Of steps that write bytes and change no name, those at which anything is looked at. */
  readonly ofBytes: number;
  /** Of states, those that are gone on with and started from once more. */
  readonly ofStarts: number;
}

/** Recovery of one state costs little of a processor, and mostly waits for the thread pool. */
const concurrentRecoveries = 6;

/** Recovers states that a crash may leave, each distinct one once, and judges them by what callers had been told. */
export class CrashSurvey {
  readonly figures: SurveyFigures = {
    states: 0,
    distinct: 0,
    acked: 0,
    found: 0,
    lost: 0,
    altered: 0,
    duplicated: 0,
    refused: 0,
    worstRecoveryMs: 0,
  };
  /** What is wrong, each with how to get there again. */
  readonly violations: string[] = [];
  readonly #directory: string;
  readonly #options: Partial<FileStoreOptions>;
  readonly #tenants: readonly string[];
  readonly #extent: SurveyExtent;
  readonly #known = new Map<string, Promise<Recovered>>();
  readonly #judged = new WeakMap<Told, Set<string>>();
  readonly #running = new Set<Promise<void>>();
  readonly #onDistinct: (figures: SurveyFigures) => void;

  /** @param directory where states are put, each for a moment */
  constructor(
    directory: string,
    options: Partial<FileStoreOptions>,
    tenants: readonly string[],
    extent: SurveyExtent,
    onDistinct: (figures: SurveyFigures) => void = () => undefined,
  ) {
    this.#directory = directory;
    this.#options = options;
    this.#tenants = tenants;
    this.#extent = extent;
    this.#onDistinct = onDistinct;
  }

  /**
   * Goes through a recording, and at each point through what a crash may leave then.
   *
   * @param disk as it was when the recording began; changed along
   * @param onPoint called at each point, with what was told by then
   */
  async survey(
    what: string,
    disk: CrashDisk,
    { steps, told }: Recording<Told>,
    random: Random,
    onPoint: (index: number, told: Told, disk: CrashDisk) => void = () => undefined,
  ): Promise<void> {
    for (let index = 0; index <= steps.length; index++) {
      const step = steps[index - 1];
      if (step !== undefined) disk.apply(step, index - 1);
      onPoint(index, told[index]!, disk);
      const { ofBytes, ofSteps } = this.#extent;
      if (step?.kind === "bytes" && random.next() >= ofBytes) continue;
      const most = random.next() < ofSteps ? this.#extent.most : 0;
      for (const choice of choicesOf(disk, random, most)) {
        await this.#judgeSoon(`${what}, step ${index}: ${choice.what}`, disk.state(choice), told[index]!);
        if (this.violations.length > 0) break;
      }
    }
    await Promise.all(this.#running);
  }

  /** Judges a state as soon as there is a place for it. */
  async #judgeSoon(what: string, state: CrashState, told: Told): Promise<void> {
    const hash = hashOf(state);
    const judged = this.#judged.get(told) ?? new Set();
    this.#judged.set(told, judged);
    if (judged.has(hash)) return;
    judged.add(hash);
    this.figures.states++;
    let recovered = this.#known.get(hash);
    if (recovered === undefined) {
      while (this.#running.size >= concurrentRecoveries) await Promise.race(this.#running);
      recovered = this.#recover(state, this.figures.distinct++);
      recovered.catch(() => undefined);
      this.#known.set(hash, recovered);
      this.#onDistinct(this.figures);
    }
    const running = this.#judge(what, recovered, told).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #judge(what: string, recovered: Promise<Recovered>, told: Told): Promise<void> {
    const { figures } = this;
    try {
      const { topics, milliseconds } = await recovered;
      figures.worstRecoveryMs = Math.max(figures.worstRecoveryMs, milliseconds);
      for (const [tenant, ledger] of told) {
        const acknowledged = ledger.judge(topics.get(tenant)!);
        figures.acked += acknowledged;
        figures.found += acknowledged;
      }
    } catch (error) {
      this.#note(what, error as Error);
    }
  }

  #note(what: string, error: Error): void {
    const { figures } = this;
    if (error.name !== "Error") figures.refused++;
    else if (error.message.startsWith("not ")) figures.altered++;
    else if (/ behind | nobody /.test(error.message)) figures.duplicated++;
    else figures.lost++;
    this.violations.push(`${what}: ${error.stack}`);
  }

  /** Opens it, reads everything, goes on appending, and opens it once more. */
  async #recover(state: CrashState, number: number): Promise<Recovered> {
    const goesOn = (number * this.#extent.ofStarts) % 1 < this.#extent.ofStarts;
    const path = join(this.#directory, `state-${number}`);
    materialise(state, path);
    const started = performance.now();
    const first = await openStore(path, this.#options);
    const milliseconds = performance.now() - started;
    let topics: Map<string, readonly ObservedTopic[]>;
    try {
      const [damage] = first.report.damaged;
      if (damage !== undefined) throw damage;
      topics = await this.#observe(first.store);
      if (!goesOn) return { topics, milliseconds };
      for (const tenant of this.#tenants) {
        for (const log of first.store.topics(tenant)) await appendDescribed(log, 2, 90);
      }
    } finally {
      await first[Symbol.asyncDispose]();
      if (!goesOn) await rm(path, { recursive: true });
    }
    await using second = await openStore(path, this.#options);
    const again = await this.#observe(second.store);
    for (const [tenant, own] of topics) {
      for (const [index, topic] of own.entries()) checkGoesOn(topic, again.get(tenant)![index]!);
    }
    await rm(path, { recursive: true });
    return { topics, milliseconds };
  }

  async #observe(store: Parameters<typeof observeTopics>[0]): Promise<Map<string, readonly ObservedTopic[]>> {
    const topics = new Map<string, readonly ObservedTopic[]>();
    for (const tenant of this.#tenants) topics.set(tenant, await observeTopics(store, tenant));
    return topics;
  }
}

/** @throws unless the second is the first and two records more */
function checkGoesOn(first: ObservedTopic, second: ObservedTopic): void {
  const { topic, topicId, base, next, offsets } = first;
  const expected = [topic, topicId, base, next + 2n, ...offsets, next, next + 1n].join();
  const found = [second.topic, second.topicId, second.base, second.next, ...second.offsets].join();
  if (found !== expected) throw new Error(`a second start gives ${found} instead of ${expected}`);
}

function hashOf(state: CrashState): string {
  const hash = createHash("sha1");
  for (const [path, bytes] of [...state].sort(([one], [other]) => (one < other ? -1 : 1))) {
    hash.update(`${path}\0${bytes?.length ?? "directory"}\0`);
    if (bytes !== undefined) hash.update(bytes);
  }
  return hash.digest("base64");
}

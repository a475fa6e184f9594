import { setImmediate as turn, setTimeout as delay } from "node:timers/promises";
import { Cancelled, LogClosed, RecordCorrupt, StorageFull } from "../errors.js";
import type { Checkpointer } from "./checkpointer.js";
import { isExhausted } from "./durable-files.js";
import type { GroupCommit } from "./group-commit.js";
import { Reclaim, type ReclaimOptions } from "./reclaim.js";
import { Retention } from "./retention.js";
import type { RetentionClock } from "./retention-clock.js";
import type { TopicLog } from "./topic-log.js";

/** Something that maintenance could not do. Nothing is lost by it. */
export interface MaintenanceProblem {
  readonly tenant: string;
  readonly topic: string;
  /** RecordCorrupt, or what the disk says. */
  readonly error: unknown;
}

/** Of the thread pool, the journal and readers keep the rest. */
const concurrentTopics = 2;
const topicsPerTurn = 256;
/** A checkpoint that takes longer is not waited for: on a full disk that could be for ever. */
const patienceMs = 30_000;

/**
 * Applies the topics' settings. First starts are moved, durably, and segments sealed; then one checkpoint for all of
 * them puts what is sealed out of recovery's reach; then space is given back.
 */
export class Maintenance {
  readonly #commits: GroupCommit;
  readonly #checkpointer: Checkpointer;
  readonly #retention: Retention;
  readonly #reclaim: Reclaim;
  readonly #onProblem: (problem: MaintenanceProblem) => void;
  /** What was said of a topic last, so that it is not said every time. */
  readonly #reported = new WeakMap<TopicLog, string>();
  #stopped = false;

  constructor(options: {
    commits: GroupCommit;
    checkpointer: Checkpointer;
    clock: RetentionClock;
    reclaim: ReclaimOptions;
    onProblem: (problem: MaintenanceProblem) => void;
  }) {
    this.#commits = options.commits;
    this.#checkpointer = options.checkpointer;
    this.#retention = new Retention(options.clock);
    this.#reclaim = new Reclaim(options.reclaim);
    this.#onProblem = options.onProblem;
  }

  /** Looks at every one of the topics once. @throws LogClosed when it is stopped meanwhile */
  async run(logs: Iterable<TopicLog>, isTight: (tenant: string) => boolean): Promise<void> {
    const busy: TopicLog[] = [];
    const waiting: TopicLog[] = [];
    await this.#each(candidates(logs), async (log) => {
      busy.push(log);
      const start = await this.#retention.startOf(log);
      if (start > log.range().base) await log.trimBefore(start);
      // What needs no checkpoint comes before it: on a full disk, it may be this that it waits for.
      await this.#reclaim.removeWhole(log);
      if (await this.#reclaim.wantsSeal(log, isTight(log.tenant))) await this.#seal(log);
      if (this.#reclaim.awaitsCheckpoint(log)) waiting.push(log);
    });
    if (waiting.length > 0) await this.#checkpoint();
    await this.#each(busy, (log) => this.#reclaim.reclaim(log, isTight(log.tenant)));
  }

  /** Begins nothing more. */
  stop(): void {
    this.#stopped = true;
  }

  async #checkpoint(): Promise<void> {
    const patience = new AbortController();
    const { signal } = patience;
    // What is not given back because of that, is the next time.
    await Promise.race([this.#checkpointer.demand(), delay(patienceMs, undefined, { signal }).catch(() => undefined)]);
    patience.abort();
  }

  async #seal(log: TopicLog): Promise<void> {
    await log.loadProducers();
    await this.#commits.betweenGroups(() => {
      if (log.isRefusing || log.failure !== undefined) return;
      log.seal();
      this.#checkpointer.noteSealed(log);
    });
  }

  async #each(logs: Iterable<TopicLog>, work: (log: TopicLog) => Promise<void>): Promise<void> {
    const queue = logs[Symbol.iterator]();
    let begun = 0;
    const worker = async (): Promise<void> => {
      for (let item = queue.next(); item.done !== true; item = queue.next()) {
        // Most topics need no disk, and thousands of them would be one long turn.
        if (++begun % topicsPerTurn === 0) await turn();
        if (this.#stopped) throw new LogClosed();
        const log = item.value;
        await work(log).catch((error: unknown) => this.#note(log, error));
      }
    };
    const workers = await Promise.allSettled(Array.from({ length: concurrentTopics }, worker));
    for (const result of workers) if (result.status === "rejected") throw result.reason;
  }

  #note(log: TopicLog, error: unknown): void {
    // Deleted or closed meanwhile; or the disk is full: the next time will do.
    if (log.isRefusing || error instanceof Cancelled || error instanceof StorageFull || isExhausted(error)) return;
    const { tenant, topic } = log;
    const text = error instanceof RecordCorrupt ? error.location : String(error);
    if (this.#reported.get(log) === text) return;
    this.#reported.set(log, text);
    this.#onProblem({ tenant, topic, error });
  }
}

/** Those of which something may go; of a damaged one, nothing does. */
function* candidates(logs: Iterable<TopicLog>): Generator<TopicLog> {
  for (const log of logs) {
    if (log.condition.isDamaged || log.failure !== undefined || log.isRefusing) continue;
    const { startOffset, settings } = log.files.state;
    const first = log.files.segments[0];
    if (first === undefined) continue;
    const { retentionMs, retentionBytes, retentionRecords, compact } = settings;
    const keepsAll = (retentionMs ?? retentionBytes ?? retentionRecords) === undefined && !compact;
    if (!keepsAll || startOffset > first.base) yield log;
  }
}

import { readFile } from "node:fs/promises";
import { z } from "zod";
import { OperatorError } from "../errors.js";
import { readCheckedJson, writeCheckedJson } from "./checked-json.js";
import type { Clock } from "./clock.js";
import { isMissing, replaceFile } from "./durable-files.js";

/** The wall clock went somewhere else than time did. */
export interface ClockJump {
  /** By how much, in milliseconds; negative: back. */
  readonly byMs: number;
  /** What it says now, in milliseconds since 1970. */
  readonly wallMs: number;
}

/** A stretch between two jumps. */
interface Epoch {
  /** The earliest time that the wall clock showed in it. */
  readonly fromWallMs: number;
  /** How far the wall clock was ahead of lived time. */
  readonly aheadMs: number;
  /** The lived time at which it ended; undefined for the one that lasts. */
  untilMs?: number | undefined;
}

/** Setting the clock by less is no jump. A record may go so much too early, or too late. */
const toleranceMs = 1000;
/** While the machine was off, the wall clock goes on: that alone is no reason to warn. */
const unremarkableMs = 86_400_000;
const observeEveryMs = 1000;
const saveEveryMs = 60_000;
const maxEpochs = 100;

const schema = z.strictObject({
  version: z.literal(1),
  bootId: z.string().optional(),
  uptimeMs: z.number(),
  livedMs: z.number(),
  epochs: z
    .array(z.strictObject({ fromWallMs: z.number(), aheadMs: z.number(), untilMs: z.number().optional() }))
    .min(1),
});

/**
 * The clock by which records age: *lived time*, which advances with monotonic time at most, so that a jump of the wall
 * clock makes nothing old. While the server was down, time counts if the machine was up throughout.
 *
 * Records carry wall-clock times. Which lived time that was is known from the jumps there were; where several are
 * possible, the latest counts, so that a record is never taken for older than it is.
 */
export class RetentionClock implements AsyncDisposable {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #onJump: (jump: ClockJump) => void;
  /** In order of time; the last one lasts. Never empty. */
  readonly #epochs: Epoch[];
  #livedMs: number;
  #observedMs: number;
  #timer: NodeJS.Timeout | undefined;
  #savedMs = -Infinity;
  #saving: Promise<void> = Promise.resolve();

  private constructor(
    path: string,
    clock: Clock,
    onJump: (jump: ClockJump) => void,
    state: { livedMs: number; epochs: Epoch[] },
  ) {
    this.#path = path;
    this.#clock = clock;
    this.#onJump = onJump;
    this.#livedMs = state.livedMs;
    this.#epochs = state.epochs;
    this.#observedMs = clock.monotonicMs();
  }

  /**
   * Goes on where the clock in the file at `path` ended; changes nothing until it is started.
   *
   * @param isNew there is no record yet; otherwise, without a file, all that there are age from now on
   * @throws OperatorError when the file is damaged or of another format
   */
  static async open(
    path: string,
    clock: Clock,
    isNew: boolean,
    onJump: (jump: ClockJump) => void,
  ): Promise<RetentionClock> {
    const saved = await readSaved(path);
    const wallMs = clock.wallMs();
    let opened: RetentionClock;
    if (saved === undefined) {
      const epochs: Epoch[] = [{ fromWallMs: isNew ? 0 : wallMs, aheadMs: 0 }];
      // When what is there was written, nobody knows: as good as now.
      if (!isNew) epochs.unshift({ fromWallMs: 0, aheadMs: -wallMs, untilMs: wallMs });
      opened = new RetentionClock(path, clock, onJump, { livedMs: wallMs, epochs });
    } else {
      const upMs = clock.uptimeMs() - saved.uptimeMs;
      const isSameBoot = saved.bootId !== undefined && saved.bootId === clock.bootId && upMs >= 0;
      const downMs = isSameBoot ? upMs : 0;
      opened = new RetentionClock(path, clock, onJump, { livedMs: saved.livedMs + downMs, epochs: saved.epochs });
      opened.#compareWithWall(downMs, isSameBoot ? toleranceMs : unremarkableMs);
    }
    return opened;
  }

  /** Begins to look at the clocks by itself, and to write down how far time has come. */
  async start(): Promise<void> {
    this.#timer = setInterval(() => this.observe(), observeEveryMs);
    this.#timer.unref();
    await this.#saveIfPossible();
  }

  /** Lived time, in milliseconds. */
  get nowMs(): number {
    this.observe();
    return this.#livedMs;
  }

  /** Looks at the clocks. Called often, so that it is known when a jump was; it calls itself every second. */
  observe(): void {
    const monotonicMs = this.#clock.monotonicMs();
    const elapsedMs = Math.max(0, monotonicMs - this.#observedMs);
    this.#observedMs = monotonicMs;
    this.#livedMs += elapsedMs;
    this.#compareWithWall(elapsedMs, toleranceMs);
    if (this.#timer !== undefined && this.#livedMs - this.#savedMs > saveEveryMs) void this.#saveIfPossible();
  }

  /** The latest commit time, in milliseconds since 1970, of which every record is at least `ageMs` old. */
  cutoff(ageMs: number): number {
    const writtenBy = this.nowMs - ageMs;
    let latest = Infinity;
    for (const { fromWallMs, aheadMs, untilMs } of this.#epochs) {
      // All that was written in an epoch that ended before then is old enough.
      if (untilMs !== undefined && untilMs <= writtenBy) continue;
      // Steps back that are too small to be jumps may have shown earlier times in it.
      latest = Math.min(latest, Math.max(fromWallMs - toleranceMs - 1, writtenBy + aheadMs));
    }
    return Math.floor(latest);
  }

  /** True if records are stamped with `timeMs` only because times in a topic never go back: the wall clock did. */
  isAhead(timeMs: number): boolean {
    return timeMs > this.#clock.wallMs() + toleranceMs;
  }

  /** Writes down how far time has come. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.observe();
    if (this.#timer !== undefined) await this.#saveIfPossible();
  }

  /** @param elapsedMs how long ago the clocks were last looked at: a jump may have been at any time since */
  #compareWithWall(elapsedMs: number, remarkableMs: number): void {
    const wallMs = this.#clock.wallMs();
    const current = this.#epochs.at(-1)!;
    const byMs = Math.round(wallMs - this.#livedMs - current.aheadMs);
    if (Math.abs(byMs) <= toleranceMs) return;
    current.untilMs = this.#livedMs;
    this.#epochs.push({ fromWallMs: wallMs - elapsedMs, aheadMs: wallMs - this.#livedMs });
    if (this.#epochs.length > maxEpochs) this.#mergeOldest();
    this.#savedMs = -Infinity;
    if (byMs < 0 || byMs > remarkableMs) this.#onJump({ byMs, wallMs });
  }

  /** Whatever was written in either is taken for as young as it can be in one of them. */
  #mergeOldest(): void {
    const [first, second] = this.#epochs.splice(0, 2) as [Epoch, Epoch];
    this.#epochs.unshift({
      fromWallMs: Math.min(first.fromWallMs, second.fromWallMs),
      aheadMs: Math.min(first.aheadMs, second.aheadMs),
      untilMs: second.untilMs,
    });
  }

  #saveIfPossible(): Promise<void> {
    this.#savedMs = this.#livedMs;
    const { bootId } = this.#clock;
    const state = {
      version: 1,
      bootId,
      uptimeMs: this.#clock.uptimeMs(),
      livedMs: this.#livedMs,
      epochs: this.#epochs,
    };
    const text = writeCheckedJson(state);
    // One that fails is made up for by the next, and until then by the machine's uptime.
    this.#saving = this.#saving.then(() => replaceFile(this.#path, text)).catch(() => undefined);
    return this.#saving;
  }
}

/** What is saved there; undefined if nothing is. @throws OperatorError when it is damaged or of another format */
export async function readSaved(path: string): Promise<z.infer<typeof schema> | undefined> {
  try {
    return schema.parse(readCheckedJson(await readFile(path, "utf8")));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new OperatorError(
      `${path} is damaged or of another format; nothing was changed. Without it, all records age from the next start on`,
      [],
      { cause: error },
    );
  }
}

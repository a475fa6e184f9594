/** How far long work is, on one line of a terminal that is wiped when the work ends. */
import type { Options, Params, SingleBar } from "cli-progress";
import { grouped, roughDuration, roughSize } from "./units.js";

/** What was done so far. */
export interface Done {
  /** Counted in the unit that the line names. */
  readonly records: number;
  /** Undefined where nobody counts them. */
  readonly bytes?: number | undefined;
  /** From 0 to 1; undefined while nobody knows where the end is. */
  readonly fraction: number | undefined;
}

/** Work that is over sooner shows nothing. */
const quietMs = 300;

export class Progress implements Disposable {
  #bar: SingleBar | undefined;
  #delay: NodeJS.Timeout | undefined;
  #done: Done = { records: 0, bytes: 0, fraction: undefined };

  private constructor() {}

  /** Draws on stderr if that is a terminal which can, and else nothing. */
  static async start(unit = "records"): Promise<Progress> {
    const progress = new Progress();
    if (process.stderr.isTTY && process.env["TERM"] !== "dumb") {
      const { SingleBar, Format } = await import("cli-progress").then((module) => module.default);
      const startedMs = Date.now();
      const draw = (options: Options, params: Params) => {
        const bar = Format.BarFormat(progress.#done.fraction ?? 0, options);
        return lineOf(progress.#done, unit, Date.now() - startedMs, bar).slice(0, params.maxWidth - 1);
      };
      progress.#delay = setTimeout(() => {
        progress.#bar = new SingleBar({ ...looks, format: draw });
        progress.#bar.start(1, 0);
      }, quietMs);
    }
    return progress;
  }

  update(done: Done): void {
    this.#done = done;
    // Redraws at once if that is due, for work that leaves no time to timers.
    this.#bar?.update(done.fraction ?? 0);
  }

  /** Wipes the line. */
  [Symbol.dispose](): void {
    clearTimeout(this.#delay);
    this.#bar?.stop();
    this.#bar = undefined;
  }
}

const looks: Options = {
  barsize: 24,
  barCompleteChar: "=",
  barIncompleteChar: "-",
  clearOnComplete: true,
  fps: 5,
  // Its way with signals would keep them from ending the process.
  gracefulExit: false,
  // A line that is too long is cut instead of wrapped: the wrapped part could not be wiped.
  linewrap: true,
};

function lineOf({ records, bytes, fraction }: Done, unit: string, elapsedMs: number, bar: string): string {
  const rate = Math.round(records / Math.max(elapsedMs / 1000, 0.001));
  const size = bytes === undefined ? [] : [roughSize(bytes)];
  const parts = [`${grouped(records)} ${unit}`, ...size, `${grouped(rate)}/s`];
  if (fraction === undefined) return [...parts, roughDuration(elapsedMs)].join("  ");
  const left = fraction > 0 ? [`${roughDuration((elapsedMs * (1 - fraction)) / fraction)} left`] : [];
  return [`[${bar}] ${Math.floor(fraction * 100)}%`, ...parts, ...left].join("  ");
}

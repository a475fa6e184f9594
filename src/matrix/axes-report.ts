/** What came of the axes, counted as it comes: however many cells there are, what is kept of them is as little. */
import type { TriedAxesCell } from "./axes-cell.js";
import { actions } from "./axes/actions.js";
import { credentials } from "./axes/credentials.js";
import { moments } from "./axes/moments.js";
import { resources } from "./axes/resources.js";
import type { CallEnd, Layer } from "./oracle.js";

/** What became of calls: done, left out of a list, or refused, and then on which layer. */
export const outcomes = ["done", "left out", "port", "TLS", "identity", "request", "policy", "store", "drain"] as const;
export type Outcome = (typeof outcomes)[number];

/** One value of an axis, with what came of all cells that have it. */
export interface AxisValue {
  readonly name: string;
  /** What else there is to say of it. */
  readonly remark: string;
  readonly cells: number;
  readonly came: Readonly<Partial<Record<Outcome, number>>>;
  /** Cells that did not come out as they must. */
  readonly differing: number;
  /** What is wrong with the first of them, in words. */
  readonly firstDifference?: string;
  /** How long they took. Only moments are tried one after the other. */
  readonly seconds?: number;
}

/** One way of being refused. */
export interface RefusalKind {
  readonly layer: Layer;
  /** Of gRPC, by its name; `cut off` where the connection ended without one. */
  readonly status: string;
  /** As it is counted at the entrance, or the stable word of the error. */
  readonly word: string;
  readonly cells: number;
  /** What the server said of one of them, in its log or to its caller. */
  readonly said: string;
  /** What went up by one for it. */
  readonly counter: string;
  readonly differing: number;
}

export interface AxesReport {
  readonly isFull: boolean;
  /** Combinations that there are. */
  readonly all: number;
  readonly tried: number;
  readonly differing: number;
  readonly seconds: number;
  readonly axes: {
    readonly credential: readonly AxisValue[];
    readonly action: readonly AxisValue[];
    readonly resource: readonly AxisValue[];
    readonly moment: readonly AxisValue[];
  };
  readonly refusals: readonly RefusalKind[];
  /** In words, the first of them. */
  readonly differences: readonly string[];
}

/** So many are told one by one. */
const maxDifferences = 1_000;

interface Counted {
  readonly remark: string;
  cells: number;
  readonly came: Partial<Record<Outcome, number>>;
  differing: number;
  firstDifference?: string;
  seconds?: number;
}

export class AxesTally {
  readonly #axes = {
    credential: counters(credentials, ({ entrance }) => (entrance === "in" ? "" : entrance.word)),
    action: counters(actions, ({ kind }) => kind),
    resource: counters(resources, ({ tenant, topic }) => `${tenant}/${topic(1)}`),
    moment: counters(moments, () => ""),
  };
  readonly #refusals = new Map<string, { -readonly [Key in keyof RefusalKind]: RefusalKind[Key] }>();
  readonly #differences: string[] = [];
  #tried = 0;
  #differing = 0;
  #seconds = 0;
  /** When the last one was told, in milliseconds of `performance.now`. */
  #lastMs = performance.now();

  readonly add = (tried: TriedAxesCell): void => {
    const { cell, expected, problems } = tried;
    this.#tried++;
    if (problems.length > 0) this.#differing++;
    const words = `${cell.credential.name} · ${cell.action.name} · ${cell.resource.name} · ${cell.moment.name}: ${problems.join("; ")}`;
    if (problems.length > 0 && this.#differences.length < maxDifferences) this.#differences.push(words);
    const outcome = outcomeOf(expected.call);
    for (const axis of ["credential", "action", "resource", "moment"] as const) {
      const counted = this.#axes[axis].get(cell[axis].name)!;
      counted.cells++;
      counted.came[outcome] = (counted.came[outcome] ?? 0) + 1;
      if (problems.length === 0) continue;
      counted.differing++;
      counted.firstDifference ??= words;
    }
    this.#addRefusal(tried);
    this.#addTime(this.#axes.moment.get(cell.moment.name)!);
  };

  /** @param all combinations that there are */
  report(isFull: boolean, all: number): AxesReport {
    const { credential, action, resource, moment } = this.#axes;
    return {
      isFull,
      all,
      tried: this.#tried,
      differing: this.#differing,
      seconds: this.#seconds,
      axes: {
        credential: valuesOf(credential),
        action: valuesOf(action),
        resource: valuesOf(resource),
        moment: valuesOf(moment),
      },
      refusals: [...this.#refusals.values()].toSorted(
        (a, b) =>
          outcomes.indexOf(a.layer) - outcomes.indexOf(b.layer) ||
          compare(a.word, b.word) ||
          compare(a.status, b.status),
      ),
      differences: this.#differences,
    };
  }

  #addTime(counted: Counted): void {
    const nowMs = performance.now();
    const seconds = (nowMs - this.#lastMs) / 1000;
    this.#lastMs = nowMs;
    this.#seconds += seconds;
    counted.seconds = (counted.seconds ?? 0) + seconds;
  }

  #addRefusal({ expected, said, counters: [counter = ""], problems }: TriedAxesCell): void {
    const { call, entrance, again } = expected;
    if (typeof call !== "object") return;
    // A connection that was let in and then ended is refused the next time in the same word.
    const turnedAway = entrance === "in" ? again : entrance;
    const isEntrance = call.layer === "TLS" || call.layer === "identity" || call.layer === "port";
    const word = isEntrance && turnedAway !== "in" ? turnedAway.word : call.reason;
    const key = `${call.layer} ${call.status} ${word}`;
    const known = this.#refusals.get(key) ?? { ...call, word, cells: 0, said: "", counter: "", differing: 0 };
    this.#refusals.set(key, known);
    known.cells++;
    if (known.said === "") known.said = said;
    if (known.counter === "") known.counter = counter;
    if (problems.length > 0) known.differing++;
  }
}

function counters<Value extends { readonly name: string }>(
  values: readonly Value[],
  remark: (value: Value) => string,
): Map<string, Counted> {
  return new Map(values.map((value) => [value.name, { remark: remark(value), cells: 0, came: {}, differing: 0 }]));
}

function valuesOf(counted: ReadonlyMap<string, Counted>): readonly AxisValue[] {
  return [...counted].map(([name, rest]) => ({ name, ...rest }));
}

function outcomeOf(call: CallEnd): Outcome {
  if (call === "done") return "done";
  return call === "shows nothing" ? "left out" : call.layer;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

import type { Finding } from "../errors.js";
import { Pace } from "./breathe.js";
import { readRows } from "./rows.js";

/** A place in a file. Lines and columns count from 1. */
export interface Place {
  readonly line?: number;
  readonly column?: number;
}

/** A place in a file of rows by what is kept of a row: its line, and which of its fields it is, from 0. */
interface FieldPlace {
  readonly line: number;
  readonly field: number;
}

/** Of one file and kind. A file that is not what its name says would bring one for each of its lines. */
const maxFindings = 50;

/** In characters. What is quoted of a file is cut before; this cuts what others say about it. */
const maxProblemLength = 1_000;

/** Collects what is wrong in one file, so that an administrator sees every mistake at once, or the first 50 of them. */
export class Findings {
  readonly #source: string;
  readonly errors: Finding[] = [];
  readonly warnings: Finding[] = [];
  readonly #surplus = { errors: false, warnings: false };
  /** Which field a finding is about that has no column yet. */
  readonly #fields = new Map<Finding, number>();

  constructor(source: string) {
    this.#source = source;
  }

  /** Whether there were more errors than are kept: to look for others is of no use. */
  get isFull(): boolean {
    return this.#surplus.errors;
  }

  /** Whether there were more warnings than are kept. */
  get hasAllWarnings(): boolean {
    return this.#surplus.warnings;
  }

  error(place: Place | FieldPlace, problem: string): void {
    this.#add("errors", place, problem);
  }

  /** Worth a look, but the policy means something without it. */
  warn(place: Place | FieldPlace, problem: string): void {
    this.#add("warnings", place, problem);
  }

  /** Finds the columns of what was said about fields. `text` is that of the file. */
  async placeFields(text: string): Promise<void> {
    if (this.#fields.size === 0) return;
    const lines = new Set([...this.#fields.keys()].map(({ line }) => line));
    const pace = new Pace();
    for (const { line, fields } of readRows(text)) {
      await pace.step();
      if (!lines.has(line)) continue;
      for (const kind of ["errors", "warnings"] as const) {
        for (const [index, finding] of this[kind].entries()) {
          const field = this.#fields.get(finding);
          if (field === undefined || finding.line !== line) continue;
          this[kind][index] = { ...finding, column: fields[field]!.column };
        }
      }
    }
    this.#fields.clear();
  }

  /** From top to bottom; behind them, that there are more, if so. */
  inReadingOrder(kind: "errors" | "warnings"): Finding[] {
    const sorted = this[kind].toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
    if (this.#surplus[kind]) sorted.push(this.#finding({}, `${surplusWords} ${kind} than these ${maxFindings}`));
    return sorted;
  }

  #add(kind: "errors" | "warnings", place: Place | FieldPlace, problem: string): void {
    if (this[kind].length === maxFindings) {
      this.#surplus[kind] = true;
      return;
    }
    const finding = this.#finding(place, cut(problem, maxProblemLength));
    this[kind].push(finding);
    if ("field" in place) this.#fields.set(finding, place.field);
  }

  #finding({ line, column }: Place, problem: string): Finding {
    return {
      source: this.#source,
      ...(line === undefined ? {} : { line }),
      ...(column === undefined ? {} : { column }),
      problem,
    };
  }
}

const surplusWords = "there are more";

/** Whether this is no finding of its own, but says that not all are told. */
export function isSurplus({ line, problem }: Finding): boolean {
  return line === undefined && problem.startsWith(`${surplusWords} `);
}

/** Text from a file as it appears in a message: escaped, and short enough to read. */
export function quote(text: string): string {
  return JSON.stringify(cut(text, 80));
}

/** `produce, consume or *` */
export function oneOf(words: readonly string[]): string {
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1)!}`;
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

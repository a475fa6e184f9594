import type { Finding } from "../errors.js";

/** A place in a file. Lines and columns count from 1. */
export interface Place {
  readonly line?: number;
  readonly column?: number;
}

/** Collects what is wrong in one file, so that an administrator sees every mistake at once. */
export class Findings {
  readonly #source: string;
  readonly errors: Finding[] = [];
  readonly warnings: Finding[] = [];

  constructor(source: string) {
    this.#source = source;
  }

  error(place: Place, problem: string): void {
    this.errors.push(this.#finding(place, problem));
  }

  /** Worth a look, but the policy means something without it. */
  warn(place: Place, problem: string): void {
    this.warnings.push(this.#finding(place, problem));
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

/** The findings of several files: in the order of the files, each from top to bottom. */
export function inReadingOrder(files: readonly Findings[], kind: "errors" | "warnings"): Finding[] {
  return files.flatMap((file) =>
    file[kind].toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0)),
  );
}

/** Text from a file as it appears in a message: escaped, and short enough to read. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

import { IdentityRefused } from "./identity.js";
import type { RuleStep } from "./rules.js";

/** What is asked of the certificates that somebody shows, in this order. */
export const questions = [
  "the certificates that were shown",
  "the chain to an authority",
  "the days on which they are valid",
  "the strength",
  "the usage",
  "revocation",
  "the name",
  "the tenant",
  "the tenant's authority",
] as const;

export type Question = (typeof questions)[number];

/** One question of a judgement and its answer, in words. */
export interface Step {
  readonly what: Question;
  readonly outcome: "ok" | "refused" | "not asked";
  readonly detail: string;
  /** What each of the rules says, where they are asked. */
  readonly rules?: readonly RuleStep[];
}

/** The questions that were asked, up to the one that refused. */
export class Walk {
  readonly #isTold: boolean;
  #steps: readonly Step[] = [];

  /** @param isTold whether anybody will read the details: then only are they put into words */
  constructor(isTold: boolean) {
    this.#isTold = isTold;
  }

  get length(): number {
    return this.#steps.length;
  }

  /** All questions; after one that refused, none is asked. */
  get steps(): readonly Step[] {
    const rest = questions.slice(this.length);
    return [...this.#steps, ...rest.map((what): Step => ({ what, outcome: "not asked", detail: "" }))];
  }

  /**
   * @param detail the answer in words
   * @param rules what each rule says to the question, if it is theirs
   * @throws IdentityRefused which `answer` throws
   */
  ask<T>(what: Question, answer: () => T, detail: (value: T) => string, rules?: () => readonly RuleStep[]): T {
    const note = (outcome: Step["outcome"], text: string): void => {
      const told = this.#isTold && rules !== undefined ? { rules: rules() } : {};
      this.#steps = [...this.#steps, { what, outcome, detail: text, ...told }];
    };
    try {
      const value = answer();
      note("ok", this.#isTold ? detail(value) : "");
      return value;
    } catch (error) {
      if (error instanceof IdentityRefused) note("refused", error.message);
      throw error;
    }
  }

  /** Several ways from here: the first that leads to an end, or the refusal of the one that came furthest. */
  first<Way, T>(ways: readonly Way[], follow: (way: Way, walk: Walk) => T): T {
    let furthest: { readonly walk: Walk; readonly error: IdentityRefused } | undefined;
    for (const way of ways) {
      const walk = new Walk(this.#isTold);
      walk.#steps = this.#steps;
      try {
        const value = follow(way, walk);
        this.#steps = walk.#steps;
        return value;
      } catch (error) {
        if (!(error instanceof IdentityRefused)) throw error;
        if (furthest === undefined || walk.length > furthest.walk.length) furthest = { walk, error };
      }
    }
    if (furthest === undefined) throw new TypeError("there is no way to follow");
    this.#steps = furthest.walk.#steps;
    throw furthest.error;
  }
}

import { actions, type Pace, wildcard } from "../authz/index.js";
import { isTopicName, systemTenant } from "../names.js";

/** Names of topics: all that `pattern` covers, but for those that one of `except` covers. */
export interface TopicRange {
  /** As in a rule; `_*` is every name that begins with `_`. */
  readonly pattern: string;
  readonly except: readonly string[];
}

/**
 * Other words that a matcher may compare a topic with: it has no others than the columns of the request and of a rule that
 * is weighed in the tenant.
 */
export function oddNames(tenant: string): string[] {
  return [...actions, systemTenant, tenant];
}

/** Stands for the names that begin with `_`: no pattern of a rule reaches them. */
export const serverMade = "_*";

/** The names that a pattern covers and none of the patterns that are narrower. No rule can tell two of them apart. */
export interface Region {
  readonly pattern: string;
  /** One of these names; undefined where there is none. */
  readonly witness: string | undefined;
  /** What is narrower, directly. */
  readonly children: readonly Region[];
}

interface Node extends Region {
  witness: string | undefined;
  readonly children: Node[];
}

/** Parts all names that the patterns cover into regions. Returns the widest. */
export async function regionsOf(patterns: Iterable<string>, pace: Pace): Promise<readonly Region[]> {
  const nodes = new Map<string, Node>();
  const prefixes = new Prefixes();
  for (const pattern of patterns) {
    nodes.set(pattern, { pattern, witness: pattern, children: [] });
    if (isPrefix(pattern)) prefixes.add(pattern);
    const pause = pace.step();
    if (pause !== undefined) await pause;
  }
  const roots: Node[] = [];
  for (const node of nodes.values()) {
    const around = prefixes.nextAround(node.pattern);
    (around === undefined ? roots : nodes.get(around)!.children).push(node);
    const pause = pace.step();
    if (pause !== undefined) await pause;
  }
  for (const node of nodes.values()) {
    if (isPrefix(node.pattern)) node.witness = witnessOf(node.pattern, nodes);
    const pause = pace.step();
    if (pause !== undefined) await pause;
  }
  return roots;
}

/** Patterns that end with `*`, found by what they cover. */
export class Prefixes {
  readonly #patterns = new Set<string>();
  /** Of what stands before the `*`, the longest first. Names have an end, so there are at most some two hundred. */
  #lengths: number[] = [];

  get isEmpty(): boolean {
    return this.#patterns.size === 0;
  }

  add(pattern: string): void {
    this.#patterns.add(pattern);
    const length = pattern.length - 1;
    if (!this.#lengths.includes(length)) this.#lengths = [...this.#lengths, length].sort((one, other) => other - one);
  }

  /** The narrowest that covers a name, or all that another pattern covers and more. */
  nextAround(pattern: string): string | undefined {
    for (const length of this.#lengths) {
      const candidate = `${pattern.slice(0, length)}${wildcard}`;
      if (candidate !== pattern && this.#patterns.has(candidate) && covers(candidate, pattern)) return candidate;
    }
    return undefined;
  }
}

/** Whether the range has the name in it. */
export function isWithin({ pattern, except }: TopicRange, name: string): boolean {
  return covers(pattern, name) && !except.some((narrower) => covers(narrower, name));
}

/**
 * The regions for which `isChosen` holds, as few ranges as there can be: a pattern stands for all that is narrower, less
 * what is not chosen. Regions without a name go with what is around them.
 */
export function rangesOf(roots: readonly Region[], isChosen: (region: Region) => boolean): TopicRange[] {
  const ranges: { readonly pattern: string; readonly except: string[] }[] = [];
  const pending: { readonly region: Region; readonly within?: string[] }[] = [];
  const visit = (regions: readonly Region[], within?: string[]): void => {
    for (const region of regions) pending.push(within === undefined ? { region } : { region, within });
  };
  visit(roots);
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { region, within } = next;
    if (region.witness === undefined) {
      visit(region.children, within);
    } else if (!isChosen(region)) {
      within?.push(region.pattern);
      visit(region.children);
    } else if (within !== undefined) {
      visit(region.children, within);
    } else {
      const except: string[] = [];
      ranges.push({ pattern: region.pattern, except });
      visit(region.children, except);
    }
  }
  for (const { except } of ranges) except.sort();
  return ranges.sort((one, other) => (one.pattern < other.pattern ? -1 : 1));
}

function isPrefix(pattern: string): boolean {
  return pattern.endsWith(wildcard);
}

/** Whether a pattern covers a name, or all that another pattern covers. */
function covers(pattern: string, other: string): boolean {
  if (!isPrefix(pattern)) return pattern === other;
  const prefix = pattern.slice(0, -1);
  return other.startsWith(prefix) && (prefix !== "" || !other.startsWith("_"));
}

const letters = "abcdefghijklmnopqrstuvwxyz0123456789";
const signs = "-._";
/** Behind which a name's first letter or digit comes. */
const firsts: ReadonlySet<string> = new Set(["", "_"]);

/**
 * A name that a pattern with a `*` covers, and that is none of the names among the patterns, nor under a longer one. Undefined
 * if there is none, as under `a*` beside `aa*`, `ab*` and so on.
 */
export function witnessOf(pattern: string, taken: { has(pattern: string): boolean }): string | undefined {
  const start = pattern.slice(0, -1);
  const candidates = [start];
  for (const candidate of candidates) {
    if (candidate !== start && taken.has(`${candidate}${wildcard}`)) continue;
    const isName = pattern === serverMade ? candidate.length > 1 : isTopicName(candidate);
    if (isName && !taken.has(candidate)) return candidate;
    // What is too long, or begins with a sign, is no name, whatever is put behind it.
    if (candidate !== start && !isName) continue;
    for (const next of firsts.has(candidate) ? letters : letters + signs) candidates.push(candidate + next);
  }
  return undefined;
}

import { isMap } from "yaml";
import { type Finding, OperatorError } from "../errors.js";
import { type StrictYaml, textOf, type YamlPlace } from "../strict-yaml.js";
import { didYouMean } from "../suggest.js";

/** What makes the part of a file unreadable that begins with this node. */
export class Mistake extends Error {
  readonly node: unknown;

  constructor(node: unknown, problem: string) {
    super(problem);
    this.node = node;
  }
}

const maxFindings = 50;

/** Everything that is wrong with one file. */
export class Mistakes {
  readonly #source: string;
  readonly #findings: Finding[] = [];
  #yaml: StrictYaml | undefined;

  constructor(source: string) {
    this.#source = source;
  }

  /** From here on, nodes are those of this document. */
  locateIn(yaml: StrictYaml): void {
    this.#yaml = yaml;
  }

  /** About a node of the document; about the file as a whole where there is no document. */
  add(node: unknown, problem: string): void {
    this.addAt(this.#yaml?.placeOf(node) ?? {}, problem);
  }

  addAt(place: Partial<YamlPlace>, problem: string): void {
    if (this.#findings.length < maxFindings) this.#findings.push({ source: this.#source, ...place, problem });
  }

  /** What `read` gives; undefined where it throws a `Mistake`, which is noted. */
  attempt<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof Mistake)) throw error;
      this.add(error.node, error.message);
      return undefined;
    }
  }

  /**
   * What stands behind each key; a key itself where nothing stands behind it. Unknown keys are noted and left out.
   * @throws Mistake when it is no map
   */
  entries<Key extends string>(node: unknown, known: readonly Key[], expected: string): ReadonlyMap<Key, unknown> {
    if (!isMap(node)) throw new Mistake(node, expected);
    const entries = new Map<Key, unknown>();
    for (const { key, value } of node.items) {
      const text = textOf(key) ?? "";
      const name = known.find((one) => one === text);
      if (name !== undefined) entries.set(name, value ?? key);
      else this.add(key, `unknown key ${quote(text)}${didYouMean(text, known) || `; expected ${known.join(", ")}`}`);
    }
    return entries;
  }

  /** @throws OperatorError with every mistake, or the first 50 that were found, if there is one */
  throwIfAny(message: string): void {
    const inOrder = this.#findings.toSorted(
      (a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
    );
    if (inOrder.length > 0) throw new OperatorError(message, inOrder);
  }
}

/** Text from a file as it appears in a message. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

const unseen = /[^\P{C}\n]|[\p{Zl}\p{Zp}]/u;

/** Where there is the first character that no reader can see, and what it is: none may change what a rule means. */
export function findUnseen(text: string): { readonly place: YamlPlace; readonly problem: string } | undefined {
  const found = unseen.exec(text);
  if (found === null) return undefined;
  const before = text.slice(0, found.index);
  const place = { line: before.split("\n").length, column: found.index - before.lastIndexOf("\n") };
  return { place, problem: `${nameOf(found[0])} is not allowed here` };
}

function nameOf(character: string): string {
  if (character === "\t") return "a tab";
  if (character === "\r") return "a carriage return (lines end with a newline alone)";
  return `the invisible character U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** @throws Mistake unless it is text in which every character can be seen */
export function plainText(node: unknown, what: string): string {
  const text = textOf(node);
  if (text === undefined || text === "") throw new Mistake(node, `${what} must be text`);
  if (text.includes("\n")) throw new Mistake(node, `${what} has a line break`);
  const hidden = findUnseen(text);
  if (hidden !== undefined) throw new Mistake(node, `${what}: ${hidden.problem}`);
  return text;
}

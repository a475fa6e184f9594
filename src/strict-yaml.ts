/** YAML without what lets one place of a file change the meaning of another, and with the place of every mistake. */
import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  Lexer,
  LineCounter,
  type Node,
  Parser,
  visit,
  type YAMLMap,
} from "yaml";
import { YamlShape } from "./yaml-shape.js";

/** Lines and columns count from 1. */
export interface YamlPlace {
  readonly line: number;
  readonly column: number;
}

export interface StrictYamlOptions {
  /** Told of every mistake. */
  readonly report: (place: YamlPlace, problem: string) => void;
  /** Asked between steps: lets waiting calls in where it is time for that. */
  readonly pause: () => Promise<void> | undefined;
}

/** The one document of a file. */
export class StrictYaml {
  readonly document: Document.Parsed;
  readonly #lines: LineCounter;

  private constructor(lines: LineCounter, document: Document.Parsed) {
    this.#lines = lines;
    this.document = document;
  }

  /**
   * What the library's `parseDocument` does, with waiting calls let in between. Undefined when it cannot be told what the
   * file says.
   */
  static async parse(text: string, options: StrictYamlOptions): Promise<StrictYaml | undefined> {
    const shape = new YamlShape(text);
    const lines = new LineCounter();
    const parser = new Parser(lines.addNewLine);
    lines.addNewLine(0);
    const tokens: CST.Token[] = [];
    for (const lexeme of new Lexer().lex(text)) {
      const hazard = shape.look(lexeme);
      if (hazard !== undefined) {
        options.report(hazard, hazard.problem);
        return undefined;
      }
      for (const token of parser.next(lexeme)) tokens.push(token);
      await options.pause();
    }
    tokens.push(...parser.end());
    const composer = new Composer({
      lineCounter: lines,
      strict: true,
      // Checked here instead: the library's own finding points at the wrong line.
      uniqueKeys: false,
      // `007` and `true` are names here, not a number and a truth value.
      stringKeys: true,
      prettyErrors: false,
    });
    // The one step that has no turns in it: the library does it in one go.
    const [document, second] = withoutTraces(() => [...composer.compose(tokens, true, text.length)]);
    await options.pause();
    const yaml = new StrictYaml(lines, document!);
    return (await yaml.#check(text, second, options)) ? yaml : undefined;
  }

  /** Undefined for a file that says nothing. */
  get root(): Node | undefined {
    const { contents } = this.document;
    return contents === null || textOf(contents) === "" ? undefined : contents;
  }

  /** Where it begins; the beginning of the file for what is not in it. */
  placeOf(node: unknown): YamlPlace {
    return this.#at((isNode(node) ? node.range?.[0] : undefined) ?? 0);
  }

  async #check(
    text: string,
    second: Document.Parsed | undefined,
    { report, pause }: StrictYamlOptions,
  ): Promise<boolean> {
    let isClear = true;
    const unclear = (place: YamlPlace, problem: string): void => {
      isClear = false;
      report(place, problem);
    };
    for (const { message, pos } of this.document.errors) {
      // The parser says where it ran out of text, which can be very far from the mistake.
      const quote = /^Missing closing ['"]quote/.test(message) ? this.#quoteOpenAt(pos[0]) : undefined;
      if (quote === undefined) unclear(this.#at(pos[0]), message);
      else unclear(this.placeOf(quote), "this quote is never closed");
    }
    if (second !== undefined) unclear(this.#at(second.range[0]), "a second YAML document is not allowed here");
    const directive = text.search(/^%/m);
    if (directive !== -1) unclear(this.#at(directive), "YAML directives are not allowed here");
    for (const node of nodesIn(this.document.contents)) {
      if (isMap(node)) this.#checkUnique(node, report);
      if (isAlias(node)) unclear(this.placeOf(node), "YAML aliases are not allowed here");
      else if (node.anchor !== undefined) unclear(this.placeOf(node), "YAML anchors are not allowed here");
      if (node.tag !== undefined) unclear(this.placeOf(node), "YAML tags are not allowed here");
      await pause();
    }
    return isClear;
  }

  #quoteOpenAt(end: number): Node | undefined {
    let found: Node | undefined;
    visit(this.document, {
      Scalar: (_, node) => {
        if (node.type?.startsWith("QUOTE") && node.range?.[1] === end) found = node;
      },
    });
    return found;
  }

  #checkUnique(map: YAMLMap, report: StrictYamlOptions["report"]): void {
    const first = new Map<string, unknown>();
    for (const { key } of map.items) {
      const name = textOf(key);
      // What is no text is a mistake by itself.
      if (name === undefined) continue;
      if (!first.has(name)) {
        first.set(name, key);
        continue;
      }
      const shown = JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
      report(this.placeOf(key), `the key ${shown} is already on line ${this.placeOf(first.get(name)).line}`);
    }
  }

  #at(offset: number): YamlPlace {
    const { line, col } = this.#lines.linePos(offset);
    // A counter that has seen no line yet answers 0.
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }
}

/** A file can have a mistake at each of its bytes, and to note where the library found it costs more than to find it. */
function withoutTraces<T>(work: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return work();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** A node, and all below it, in the order in which they stand in the text. */
function* nodesIn(node: unknown): Generator<Node> {
  if (isPair(node)) {
    yield* nodesIn(node.key);
    yield* nodesIn(node.value);
  } else if (isNode(node)) {
    yield node;
    if (isCollection(node)) for (const item of node.items) yield* nodesIn(item);
  }
}

/** Of a scalar, as it was written or, in quotes, meant; undefined for anything else. */
export function textOf(node: unknown): string | undefined {
  return isScalar(node) ? node.source : undefined;
}

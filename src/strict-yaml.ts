/** YAML without what lets one place of a file change the meaning of another, and with the place of every mistake. */
import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  Lexer,
  LineCounter,
  type Node,
  Parser,
  visit,
  type YAMLMap,
} from "yaml";
import { findYamlHazard } from "./yaml-shape.js";

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

/** The one document of a file, in which every scalar is text. */
export class StrictYaml {
  readonly #lines: LineCounter;
  readonly #document: Document.Parsed;

  private constructor(lines: LineCounter, document: Document.Parsed) {
    this.#lines = lines;
    this.#document = document;
  }

  /** Undefined when it cannot be told what the file says. */
  static async parse(text: string, options: StrictYamlOptions): Promise<StrictYaml | undefined> {
    const hazard = findYamlHazard(text);
    if (hazard !== undefined) {
      options.report(hazard, hazard.problem);
      return undefined;
    }
    await options.pause();
    const lines = new LineCounter();
    const parser = new Parser(lines.addNewLine);
    lines.addNewLine(0);
    const tokens: CST.Token[] = [];
    for (const lexeme of new Lexer().lex(text)) {
      for (const token of parser.next(lexeme)) tokens.push(token);
      await options.pause();
    }
    tokens.push(...parser.end());
    const composer = new Composer({
      lineCounter: lines,
      strict: true,
      schema: "failsafe",
      // Checked here instead: the library's own finding points at the wrong line.
      uniqueKeys: false,
      prettyErrors: false,
    });
    const [document, second] = composer.compose(tokens, true, text.length);
    await options.pause();
    const yaml = new StrictYaml(lines, document!);
    return yaml.#check(text, second, options.report) ? yaml : undefined;
  }

  /** Undefined for a file that says nothing. */
  get root(): Node | undefined {
    const { contents } = this.#document;
    return contents === null || (isScalar(contents) && contents.value === "") ? undefined : contents;
  }

  /** Where it begins; the beginning of the file for what is not in it. */
  placeOf(node: unknown): YamlPlace {
    return this.#at((isNode(node) ? node.range?.[0] : undefined) ?? 0);
  }

  #check(text: string, second: Document.Parsed | undefined, report: StrictYamlOptions["report"]): boolean {
    let isClear = true;
    const unclear = (place: YamlPlace, problem: string): void => {
      isClear = false;
      report(place, problem);
    };
    for (const { message, pos } of this.#document.errors) unclear(this.#at(pos[0]), message);
    if (second !== undefined) unclear(this.#at(second.range[0]), "a second YAML document is not allowed here");
    const directive = text.search(/^%/m);
    if (directive !== -1) unclear(this.#at(directive), "YAML directives are not allowed here");
    visit(this.#document, {
      Node: (_, node) => {
        if (isMap(node)) this.#checkUnique(node, unclear);
        if (isAlias(node)) unclear(this.placeOf(node), "YAML aliases are not allowed here");
        else if (node.anchor !== undefined) unclear(this.placeOf(node), "YAML anchors are not allowed here");
        if (node.tag !== undefined) unclear(this.placeOf(node), "YAML tags are not allowed here");
      },
    });
    return isClear;
  }

  #checkUnique(map: YAMLMap, unclear: StrictYamlOptions["report"]): void {
    const first = new Map<string, YamlPlace>();
    for (const { key } of map.items) {
      const name = textOf(key);
      if (name === undefined) {
        unclear(this.placeOf(key), "a key must be a single value");
        continue;
      }
      const earlier = first.get(name);
      if (earlier === undefined) first.set(name, this.placeOf(key));
      else unclear(this.placeOf(key), `the key ${JSON.stringify(name)} is already on line ${earlier.line}`);
    }
  }

  #at(offset: number): YamlPlace {
    const { line, col } = this.#lines.linePos(offset);
    // A counter that has seen no line yet answers 0.
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }
}

/** Of a scalar; undefined for anything else. */
export function textOf(node: unknown): string | undefined {
  return isScalar(node) && typeof node.value === "string" ? node.value : undefined;
}

import { CST, Lexer } from "yaml";

/** Deeper than anything that is read here. */
const maxIndent = 100;
const maxDepth = 20;
const maxReferences = 20;

/** What must not get to the YAML parser, and where. */
export interface YamlHazard {
  /** From 1, as the column. */
  readonly line: number;
  readonly column: number;
  readonly problem: string;
}

/** As `YamlShape`, of a whole text. Undefined: it can be parsed. */
export function findYamlHazard(text: string): YamlHazard | undefined {
  const shape = new YamlShape(text);
  for (const lexeme of new Lexer().lex(text)) {
    const hazard = shape.look(lexeme);
    if (hazard !== undefined) return hazard;
  }
  return undefined;
}

/**
 * Looks for shapes of which the YAML parser hangs, or takes memory until the process ends: a few hundred KiB of `? ? ?` or
 * of `- - -` are enough. Its lexer takes them in its stride.
 */
export class YamlShape {
  readonly #text: string;
  #position = 0;
  #depth = 0;
  #references = 0;
  #isLineStart = true;
  #isInItem = false;

  constructor(text: string) {
    this.#text = text;
  }

  /** Why the next lexeme must not get to the parser; undefined if it may. */
  look(lexeme: string): YamlHazard | undefined {
    const type = CST.tokenType(lexeme);
    switch (type) {
      // These three mark places in the stream and are not in the text.
      case "doc-mode":
      case "flow-error-end":
      case "scalar":
        if (lexeme.length === 1 && lexeme < " ") return undefined;
        break;
      case "explicit-key-ind":
        return this.#here("keys that begin with ? are not allowed here");
      case "seq-item-ind":
        if (this.#isInItem) return this.#here("only one - is allowed in a line");
        this.#isInItem = true;
        break;
      case "flow-map-start":
      case "flow-seq-start":
        if (++this.#depth > maxDepth) return this.#here(`more than ${maxDepth} brackets are open here`);
        break;
      case "flow-map-end":
      case "flow-seq-end":
        this.#depth--;
        break;
      case "anchor":
      case "alias":
      case "tag":
        if (++this.#references > maxReferences) return this.#here("too many YAML anchors, aliases and tags");
        break;
      case "space":
        if (this.#isLineStart && lexeme.length > maxIndent) {
          return this.#here(`a line may begin with at most ${maxIndent} spaces`);
        }
    }
    this.#isLineStart = type === "newline";
    if (this.#isLineStart) this.#isInItem = false;
    this.#position += lexeme.length;
    return undefined;
  }

  #here(problem: string): YamlHazard {
    const before = this.#text.slice(0, this.#position);
    return { line: before.split("\n").length, column: this.#position - before.lastIndexOf("\n"), problem };
  }
}

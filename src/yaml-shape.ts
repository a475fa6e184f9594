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

/**
 * Looks for shapes of which the YAML parser hangs, or takes memory until the process ends: a few hundred KiB of `? ? ?` or
 * of `- - -` are enough. Its lexer takes them in its stride. Undefined: the text can be parsed.
 */
export function findYamlHazard(text: string): YamlHazard | undefined {
  let position = 0;
  const here = (problem: string): YamlHazard => {
    const before = text.slice(0, position);
    return { line: before.split("\n").length, column: position - before.lastIndexOf("\n"), problem };
  };
  let depth = 0;
  let references = 0;
  let isLineStart = true;
  let isInItem = false;
  for (const lexeme of new Lexer().lex(text)) {
    const type = CST.tokenType(lexeme);
    switch (type) {
      // These three mark places in the stream and are not in the text.
      case "doc-mode":
      case "flow-error-end":
      case "scalar":
        if (lexeme.length === 1 && lexeme < " ") continue;
        break;
      case "explicit-key-ind":
        return here("keys that begin with ? are not allowed here");
      case "seq-item-ind":
        if (isInItem) return here("only one - is allowed in a line");
        isInItem = true;
        break;
      case "flow-map-start":
      case "flow-seq-start":
        if (++depth > maxDepth) return here(`more than ${maxDepth} brackets are open here`);
        break;
      case "flow-map-end":
      case "flow-seq-end":
        depth--;
        break;
      case "anchor":
      case "alias":
      case "tag":
        if (++references > maxReferences) return here("too many YAML anchors, aliases and tags");
        break;
      case "space":
        if (isLineStart && lexeme.length > maxIndent) {
          return here(`a line may begin with at most ${maxIndent} spaces`);
        }
    }
    isLineStart = type === "newline";
    if (isLineStart) isInItem = false;
    position += lexeme.length;
  }
  return undefined;
}

import { systemTenant } from "../names.js";
import { actions } from "./actions.js";
import { wildcard } from "./columns.js";
import { type Findings, type Place, quote } from "./findings.js";
import { didYouMean } from "../suggest.js";
import { topicMatch } from "./topic-pattern.js";

const all: readonly string[] = ["r.sub", "r.dom", "r.obj", "r.act", "p.sub", "p.dom", "p.obj", "p.act"];
const functions = ["g", topicMatch.name];
/** No name of a tenant, principal or topic: who may do what is for `policy.csv` to say, where the matrix watches it. */
const literals: readonly string[] = [wildcard, systemTenant, ...actions];
/** Functions of Casbin's that administrators will miss: those that run a text, and those that take it for an expression. */
const dangerous = /^(eval|(regex|key|glob|ip)\w*)$/i;

const tokens = /(?<space> +)|(?<operator>&&|\|\||==|!=|[!(),])|"(?<literal>[^"]*)"|(?<word>[A-Za-z_][A-Za-z0-9_.]*)/y;

/**
 * Lets through only the words and signs that a matcher needs. Casbin evaluates it as an expression in which JavaScript's
 * own objects are in reach, so this is a list of what is known to be safe and not of what is known to be bad.
 */
export function checkMatcher(text: string, start: Required<Place>, findings: Findings, variables = all): void {
  for (let at = 0; at < text.length;) {
    tokens.lastIndex = at;
    const match = tokens.exec(text);
    const place = { line: start.line, column: start.column + at };
    if (match === null) {
      const [sign] = text.slice(at);
      if (sign === '"') {
        findings.error(place, "this quote is never closed");
        return;
      }
      const expected = "expected && || ! == != ( ) , names and double-quoted words";
      findings.error(place, `${quote(sign!)} is not allowed in a matcher: ${expected}`);
      at += sign!.length;
      continue;
    }
    at = tokens.lastIndex;
    const { literal, word } = match.groups!;
    const isCall = /^ *\(/.test(text.slice(at));
    if (literal !== undefined && !literals.includes(literal)) {
      const hint = didYouMean(literal, literals) || `: expected one of ${literals.join(" ")}`;
      findings.error(place, `${quote(literal)} is not allowed in a matcher${hint}`);
    } else if (word !== undefined && isCall && !functions.includes(word)) {
      const known = `expected ${functions.join(" or ")}`;
      const why = dangerous.test(word) ? `; ${known}: patterns are no expressions, and no text is run as code` : "";
      findings.error(place, `unknown function ${quote(word)}${why || didYouMean(word, functions) || `; ${known}`}`);
    } else if (word !== undefined && !isCall && !variables.includes(word)) {
      const known = `expected one of ${variables.join(" ")}`;
      findings.error(place, `unknown name ${quote(word)}${didYouMean(word, variables) || `; ${known}`}`);
    }
  }
}

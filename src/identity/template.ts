import { type AlternativeKind, alternativeKinds, partsOf } from "./alternative-name.js";

/** What is taken from a certificate. */
export type Placeholder = "tenant" | "name";

/**
 * What an alternative name must look like: `spiffe://prod.example/ns/{tenant}/sa/{name}`. Part for part: `{tenant}` and
 * `{name}` stand for one whole part each, `*` for one whole part that does not matter, everything else for itself.
 */
export class Template {
  readonly kind: AlternativeKind;
  readonly text: string;
  readonly #parts: readonly string[];

  private constructor(kind: AlternativeKind, text: string, parts: readonly string[]) {
    this.kind = kind;
    this.text = text;
    this.#parts = parts;
  }

  /** The template, or why the text is none. */
  static parse(kind: AlternativeKind, text: string): Template | { readonly problem: string } {
    const found = alternativeKinds[kind].split(text);
    if ("problem" in found) return found;
    const { parts } = found;
    for (const [place, part] of parts.entries()) {
      if (isStandIn(part)) {
        if (kind === "spiffe" && place === 0) return { problem: "must name its trust domain" };
        if (part !== "*" && parts.indexOf(part) !== place) return { problem: `has ${part} twice` };
      } else if (/[{}*]/.test(part)) {
        return {
          problem: `has ${JSON.stringify(part)}: only {tenant}, {name} and * stand for a part, and for a whole one`,
        };
      }
    }
    // With its stand-ins filled in, a template is a value of its kind.
    const filled = partsOf(kind, text.replaceAll(standIn, "x"));
    if ("problem" in filled) return filled;
    return new Template(kind, text, parts);
  }

  has(placeholder: Placeholder): boolean {
    return this.#parts.includes(`{${placeholder}}`);
  }

  /** What stands in the place of the placeholder; undefined when the parts are not those of this template. */
  take(placeholder: Placeholder, parts: readonly string[]): string | undefined {
    if (parts.length !== this.#parts.length) return undefined;
    const fits = this.#parts.every((part, place) => isStandIn(part) || part === parts[place]);
    return fits ? parts[this.#parts.indexOf(`{${placeholder}}`)] : undefined;
  }
}

const standIn = /\{tenant\}|\{name\}|\*/g;

function isStandIn(part: string): boolean {
  return part === "{tenant}" || part === "{name}" || part === "*";
}

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
import { z } from "zod";
import { isTenantName, nameRules } from "../names.js";
import { type TenantLimits, defaultTenantLimits } from "../tenant-limits.js";
import { type TenantStanding, defaultTenantStanding } from "../tenant-standing.js";
import { breathe, Pace } from "./breathe.js";
import { type Findings, type Place, quote } from "./findings.js";
import { readLimits } from "./limits-yaml.js";
import type { SourceFile } from "./source-file.js";
import { readStanding } from "./standing-yaml.js";
import { didYouMean } from "../suggest.js";
import { findYamlHazard } from "../yaml-shape.js";

/** What can be said about one tenant. A name alone declares it. */
const anything = z.unknown().optional();
const tenantShape = z.strictObject({ limits: anything, suspended: anything, ca: anything }).nullable();
const fileShape = z.strictObject({ tenants: z.record(z.string(), tenantShape) });

/** What the file says of a tenant. */
export interface DeclaredTenant {
  /** What it may use. */
  readonly limits: TenantLimits;
  readonly standing: TenantStanding;
}

/** One about which the file says nothing but its name. */
export const defaultTenant: DeclaredTenant = { limits: defaultTenantLimits, standing: defaultTenantStanding };

/** Reads `tenants.yaml`: the declared tenants, sorted. Names that were refused are left out. */
export async function parseTenants(file: SourceFile): Promise<ReadonlyMap<string, DeclaredTenant>> {
  if (file.text === undefined) return new Map();
  const hazard = findYamlHazard(file.text);
  if (hazard !== undefined) {
    file.findings.error(hazard, hazard.problem);
    return new Map();
  }
  await breathe();
  return (await TenantsFile.parse(file.text, file.findings)).read();
}

class TenantsFile {
  readonly #lines: LineCounter;
  readonly #text: string;
  readonly #document: Document.Parsed;
  readonly #findings: Findings;
  readonly #second: Document.Parsed | undefined;

  private constructor(text: string, lines: LineCounter, documents: readonly Document.Parsed[], findings: Findings) {
    this.#text = text;
    this.#lines = lines;
    this.#document = documents[0]!;
    this.#second = documents[1];
    this.#findings = findings;
  }

  /** What the library's `parseDocument` does, with waiting calls let in between. */
  static async parse(text: string, findings: Findings): Promise<TenantsFile> {
    const lines = new LineCounter();
    const parser = new Parser(lines.addNewLine);
    lines.addNewLine(0);
    const pace = new Pace();
    const tokens: CST.Token[] = [];
    for (const lexeme of new Lexer().lex(text)) {
      for (const token of parser.next(lexeme)) tokens.push(token);
      await pace.step();
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
    const documents = [...composer.compose(tokens, true, text.length)];
    await breathe();
    return new TenantsFile(text, lines, documents, findings);
  }

  async read(): Promise<ReadonlyMap<string, DeclaredTenant>> {
    if (!this.#checkSyntax()) return new Map();
    await breathe();
    this.#checkShape();
    await breathe();
    const tenants = this.#document.get("tenants", true);
    return isMap(tenants) ? this.#readTenants(tenants) : new Map<string, DeclaredTenant>();
  }

  /** Whether it can be told what the file says, in spite of what was found. */
  #checkSyntax(): boolean {
    let isClear = true;
    const unclear = (place: Place, problem: string): void => {
      isClear = false;
      this.#findings.error(place, problem);
    };
    for (const { message, pos } of this.#document.errors) {
      // The parser says where it ran out of text, which can be very far from the mistake.
      const quote = /^Missing closing ['"]quote/.test(message) ? this.#quoteOpenAt(pos[0]) : undefined;
      if (quote === undefined) unclear(this.#at(pos[0]), message);
      else unclear(this.#of(quote), "this quote is never closed");
    }
    if (this.#second !== undefined) {
      unclear(this.#at(this.#second.range[0]), "a second YAML document is not allowed here");
    }
    const directive = this.#text.search(/^%/m);
    if (directive !== -1) unclear(this.#at(directive), "YAML directives are not allowed here");
    // Each of these lets one place of the file change the meaning of another.
    visit(this.#document, {
      Node: (_, node) => {
        if (isMap(node)) this.#checkUnique(node);
        if (isAlias(node)) unclear(this.#of(node), "YAML aliases are not allowed here");
        else if (node.anchor !== undefined) unclear(this.#of(node), "YAML anchors are not allowed here");
        if (node.tag !== undefined) unclear(this.#of(node), "YAML tags are not allowed here");
      },
    });
    return isClear;
  }

  #quoteOpenAt(end: number): Node | undefined {
    let found: Node | undefined;
    visit(this.#document, {
      Scalar: (_, node) => {
        if (node.type?.startsWith("QUOTE") && node.range?.[1] === end) found = node;
      },
    });
    return found;
  }

  #checkUnique(map: YAMLMap): void {
    const first = new Map<unknown, Place>();
    for (const { key } of map.items) {
      const name = isScalar(key) ? key.value : undefined;
      const earlier = first.get(name);
      if (earlier === undefined) first.set(name, this.#of(key));
      else this.#findings.error(this.#of(key), `the key ${quote(String(name))} is already on line ${earlier.line}`);
    }
  }

  #checkShape(): void {
    const result = fileShape.safeParse(this.#document.toJS());
    for (const issue of result.error?.issues ?? []) {
      const parent = issue.path.length === 0 ? this.#document.contents : this.#document.getIn(issue.path, true);
      if (issue.code === "unrecognized_keys") {
        const known = issue.path.length === 0 ? Object.keys(fileShape.shape) : Object.keys(tenantShape.unwrap().shape);
        for (const key of issue.keys) {
          this.#findings.error(this.#ofKey(parent, key), `unknown key ${quote(key)}${didYouMean(key, known)}`);
        }
      } else if (issue.path.length > 0 && parent === undefined) {
        this.#findings.error(this.#of(this.#document.contents), `the key ${quote(issue.path.join("."))} is missing`);
      } else {
        const where = issue.path.length === 0 ? "this file" : quote(issue.path.join("."));
        this.#findings.error(this.#of(parent), `${where} must be a map, as in "tenants:" with "  acme: {}" below it`);
      }
    }
  }

  /** From the keys as they are written: an object in between could lose one, such as `__proto__`. */
  #readTenants(tenants: YAMLMap): ReadonlyMap<string, DeclaredTenant> {
    if (tenants.items.length === 0) this.#findings.error(this.#of(tenants), "at least one tenant must be declared");
    const read = tenants.items.flatMap(({ key, value }): [string, DeclaredTenant][] => {
      const name = isScalar(key) ? String(key.value) : "";
      const said = isMap(value) ? value.get("limits", true) : undefined;
      const placeOf = (node: unknown): Place => this.#of(node);
      const limits = readLimits(said, `tenants.${name}.limits`, this.#findings, placeOf);
      const standing = readStanding(value, `tenants.${name}`, this.#findings, placeOf);
      if (isTenantName(name)) return [[name, { limits, standing }]];
      this.#findings.error(this.#of(key), `${quote(name)} is not a tenant name: expected ${nameRules.tenant}`);
      return [];
    });
    return new Map(read.toSorted(([one], [other]) => (one < other ? -1 : 1)));
  }

  #ofKey(parent: unknown, key: string): Place {
    const pair = isMap(parent) ? parent.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined;
    return this.#of(pair?.key);
  }

  #of(node: unknown): Place {
    const range = isNode(node) ? (node as Node).range : undefined;
    return this.#at(range?.[0] ?? 0);
  }

  #at(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    // A counter that has seen no line yet answers 0.
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }
}

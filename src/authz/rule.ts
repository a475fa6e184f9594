/** A `p` line: what a subject may or must not do. Some hundred thousand of them are held at a time, so it keeps little. */
export class Rule {
  readonly line: number;
  /** Subject, tenant, pattern, action, effect, as Casbin takes them. It hands this very array back to name the rule. */
  readonly cells: readonly string[];
  readonly #source: string;

  constructor(source: string, line: number, cells: readonly string[]) {
    this.#source = source;
    this.line = line;
    this.cells = cells;
  }

  get subject(): string {
    return this.cells[0]!;
  }

  get tenant(): string {
    return this.cells[1]!;
  }

  get pattern(): string {
    return this.cells[2]!;
  }

  get action(): string {
    return this.cells[3]!;
  }

  get effect(): string {
    return this.cells[4]!;
  }

  /** `policy/policy.csv:7` */
  get place(): string {
    return `${this.#source}:${this.line}`;
  }

  /** `p, acme/billing, acme, orders, produce, allow` */
  get text(): string {
    return ["p", ...this.cells].join(", ");
  }
}

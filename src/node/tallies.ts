import type { Action } from "../authz/index.js";
import type { StoreObserver } from "../log/index.js";
import type { Traffic } from "../service/index.js";
import type { Instruments } from "./instruments.js";

type Direction = "produced" | "consumed";

/** What happens with every call or every group: counted in plain numbers, and given to prom-client when it is asked for. */
export class Tallies {
  readonly #records: Record<Direction, number> = { produced: 0, consumed: 0 };
  readonly #recordBytes: Record<Direction, number> = { produced: 0, consumed: 0 };
  readonly #allowed = new Map<Action, number>();
  readonly #denied = new Map<string, number>();
  #groups = 0;
  #commits = 0;
  #journalBytes = 0;

  constructor(make: Instruments) {
    const number = (name: string, help: string, value: () => number): void =>
      make.read(name, help, (add) => add({}, value()));
    const byDirection = (name: string, help: string, counts: Readonly<Record<Direction, number>>): void =>
      make.read(
        name,
        help,
        (add) => Object.entries(counts).forEach(([direction, count]) => add({ direction }, count)),
        ["direction"],
      );
    byDirection(
      "aclog_records_total",
      "Records that were stored (produced) and read for a caller (consumed).",
      this.#records,
    );
    byDirection("aclog_record_bytes_total", "Bytes of these records, with their framing.", this.#recordBytes);
    make.read(
      "aclog_decisions_total",
      "Questions that the policy answered, by action and outcome: allow or deny. Lists are not counted.",
      (add) => {
        this.#allowed.forEach((count, action) => add({ action, outcome: "allow" }, count));
        this.#denied.forEach((count, action) => add({ action, outcome: "deny" }, count));
      },
      ["action", "outcome"],
    );
    number(
      "aclog_journal_groups_total",
      "Groups that the journal made durable: one write and one sync each.",
      () => this.#groups,
    );
    number("aclog_journal_commits_total", "Commits in these groups.", () => this.#commits);
    number("aclog_journal_bytes_total", "Bytes of these groups.", () => this.#journalBytes);
  }

  readonly traffic: Traffic = {
    produced: (_tenant, records, bytes) => this.#count("produced", records, bytes),
    consumed: (_tenant, records, bytes) => this.#count("consumed", records, bytes),
  };

  allowed(action: Action): void {
    this.#allowed.set(action, (this.#allowed.get(action) ?? 0) + 1);
  }

  denied(action: string): void {
    this.#denied.set(action, (this.#denied.get(action) ?? 0) + 1);
  }

  group({ commits, bytes }: Pick<Parameters<NonNullable<StoreObserver["onGroup"]>>[0], "commits" | "bytes">): void {
    this.#groups++;
    this.#commits += commits;
    this.#journalBytes += bytes;
  }

  #count(direction: Direction, records: number, bytes: number): void {
    this.#records[direction] += records;
    this.#recordBytes[direction] += bytes;
  }
}

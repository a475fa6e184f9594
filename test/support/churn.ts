import type { ChildProcess } from "node:child_process";
import type { LogStore } from "../../src/log/port.js";
import type { ChildMessage } from "./log-harness.js";
import { TopicLedger } from "./topic-ledger.js";

/** Retention may move the start at any time. */
const anyOffset = 2n ** 60n;

/** What a child says that it does, and is told, in the order in which it says it. */
export class Churn {
  ledger = new TopicLedger();
  notes = 0;
  readonly seen = { deleted: 0, trimmed: 0 };
  #onNote: (() => void) | undefined;

  listen(child: ChildProcess): Promise<void> {
    child.on("message", (message: ChildMessage) => {
      if (message.kind === "begin") this.ledger.begin(message["topic"] as string);
      if (message.kind === "note") this.#note(message as unknown as Note);
      this.notes++;
      this.#onNote?.();
    });
    // All that it said has arrived then, however it ended.
    return new Promise((resolve) => child.once("disconnect", resolve));
  }

  async reach(count: number): Promise<void> {
    while (this.notes < count) await new Promise<void>((resolve) => (this.#onNote = resolve));
  }

  /** Goes on with what is there. */
  take(store: LogStore): void {
    this.ledger = TopicLedger.of(store, "acme", this.ledger);
    for (const { topic, settings } of store.topics("acme")) {
      const { retentionBytes, retentionRecords } = settings;
      if ((retentionBytes ?? retentionRecords) !== undefined) this.ledger.current(topic)!.startAttempted = anyOffset;
    }
  }

  #note({ topic, id, life: { hasLimits, ...changes } }: Note): void {
    const life = this.ledger.current(topic)!;
    life.id ??= id;
    // Of one that was deleted meanwhile.
    if (life.id !== id) return;
    if (hasLimits === true) life.startAttempted = anyOffset;
    for (const [field, value] of Object.entries(changes)) {
      const number = typeof value === "string" ? BigInt(value) : undefined;
      if (number === undefined) Object.assign(life, { [field]: value });
      else if (number > life[field as "start"]) life[field as "start"] = number;
      if (field === "attempted" && number !== undefined) life.batchEnds = [...life.batchEnds, number];
    }
    // Each attempt is one batch.
    if (changes["attempted"] !== undefined) life.batchEnds = [...life.batchEnds, BigInt(changes["attempted"])];
    if (changes["deleted"] === true) this.seen.deleted++;
    if (changes["start"] !== undefined) this.seen.trimmed++;
  }
}

interface Note {
  readonly topic: string;
  readonly id: string;
  readonly life: { readonly hasLimits?: boolean } & Readonly<Record<string, string | boolean>>;
}

import { readFile } from "node:fs/promises";
import type { CommitLog, LogStore } from "../../src/log/port.js";
import { consumeResponseRecords, keyAt, valueOf } from "./records.mjs";

interface Attempt {
  readonly offset: number;
  readonly count: number;
  /** Refused: it left nothing behind. Unknown: it is there whole, or not at all. */
  state: "acked" | "refused" | "unknown";
}

interface Life {
  readonly name: string;
  readonly attempts: Map<number, Attempt>;
  /** What somebody has read ends here. */
  read: number;
  start: number;
  startAttempted: number;
  isCompacted: boolean;
  hasLimits: boolean;
  deletion: "none" | "attempted" | "done";
}

interface Entry {
  readonly kind: string;
  readonly id: string;
  readonly tenant: string;
  readonly topic: string;
  readonly n: number;
  readonly offset: number;
  readonly count: number;
  readonly next: number;
  readonly reason: string;
  readonly limits: { readonly compact: boolean; readonly limited: boolean };
}

/** Refusals that leave open whether the batch is there: its group was on its way to the disk. */
const openReasons: ReadonlySet<string> = new Set(["JOURNAL_FAILED"]);

/** What was found, in records. */
export interface Found {
  acked: number;
  found: number;
  lost: number;
  altered: number;
  duplicated: number;
}

/** What a process did and was told, as it wrote it down outside the data directory before it went on. */
export class Ledger {
  readonly #lives = new Map<string, Life>();
  readonly #creating = new Set<string>();
  readonly findings: string[] = [];

  static async read(path: string): Promise<Ledger> {
    const ledger = new Ledger();
    let isEnded = false;
    for (const line of (await readFile(path, "utf8")).split("\n")) {
      if (line === "") continue;
      const entry = JSON.parse(line) as Entry;
      if (entry.kind === "opening") isEnded = false;
      if (entry.kind === "ended") isEnded = true;
      if (entry.kind === "acked" && isEnded)
        ledger.findings.push("something was acknowledged after the journal failed");
      ledger.#take(entry);
    }
    return ledger;
  }

  /** Reads everything, and compares. What is wrong is added to the findings. */
  async check(store: LogStore): Promise<Found> {
    const sum: Found = { acked: 0, found: 0, lost: 0, altered: 0, duplicated: 0 };
    const logs = ["acme", "globex"].flatMap((tenant) => store.topics(tenant));
    for (const [id, life] of this.#lives) {
      const log = logs.find(({ topicId }) => topicId === id);
      if (log === undefined) {
        if (life.deletion === "none") {
          const acked = recordsOf(life, "acked");
          sum.acked += acked;
          sum.lost += Math.max(1, acked);
          this.findings.push(`${life.name} is gone, with ${acked} acknowledged records`);
        }
      } else if (life.deletion === "done") this.findings.push(`${life.name} is back, which was deleted`);
      else await this.#checkLife(log, life, sum);
    }
    for (const log of logs) {
      if (this.#lives.has(log.topicId)) continue;
      // Whoever asked for it was told nothing of it, or that it failed, and so nobody had it.
      if (!this.#creating.has(`${log.tenant}/${log.topic}`)) this.findings.push(`nobody asked for ${log.topic}`);
      if (log.range().next > 0n) this.findings.push(`${log.topic} has records, and nobody had it`);
    }
    return sum;
  }

  #take(entry: Entry): void {
    if (entry.kind === "creating") this.#creating.add(`${entry.tenant}/${entry.topic}`);
    if (entry.kind === "created") {
      this.#lives.set(entry.id, {
        name: `${entry.tenant}/${entry.topic} (${entry.id})`,
        attempts: new Map(),
        read: 0,
        start: 0,
        startAttempted: 0,
        isCompacted: entry.limits.compact,
        hasLimits: entry.limits.limited,
        deletion: "none",
      });
    }
    const life = this.#lives.get(entry.id);
    if (life === undefined) return;
    const { n, offset, count } = entry;
    const attempt = life.attempts.get(n);
    if (entry.kind === "try") life.attempts.set(n, { offset, count, state: "unknown" });
    if (entry.kind === "refused" && !openReasons.has(entry.reason)) attempt!.state = "refused";
    if (entry.kind === "acked") {
      attempt!.state = "acked";
      if (offset !== attempt!.offset) this.findings.push(`${life.name}: ${offset} instead of ${attempt!.offset}`);
    }
    if (entry.kind === "read") life.read = Math.max(life.read, entry.next);
    if (entry.kind === "trimming") life.startAttempted = Math.max(life.startAttempted, offset);
    if (entry.kind === "trimmed" || entry.kind === "start") life.start = Math.max(life.start, offset);
    if (entry.kind === "limits") {
      life.hasLimits ||= entry.limits.limited;
      life.isCompacted ||= entry.limits.compact;
    }
    if (entry.kind === "deleting") life.deletion = "attempted";
    if (entry.kind === "deleted") life.deletion = "done";
  }

  async #checkLife(log: CommitLog, life: Life, sum: Found): Promise<void> {
    const range = log.range();
    const [base, next] = [Number(range.base), Number(range.next)];
    const wrong = (text: string): void => void this.findings.push(`${life.name}, [${base}, ${next}): ${text}`);
    const records = await this.#readAll(log, wrong);
    sum.found += records.size;

    if (base < life.start) wrong(`begins before ${life.start}, to which it had been trimmed`);
    if (!life.hasLimits && base > Math.max(life.startAttempted, life.start)) wrong("begins where nobody wanted it");
    if (next < life.read) {
      sum.lost += life.read - next;
      wrong(`${life.read - next} records were read, and are gone`);
    }
    for (const [n, { offset, count, state }] of life.attempts) {
      const offsets = Array.from({ length: count }, (_, index) => offset + index).filter((at) => at >= base);
      const there = offsets.filter((at) => records.get(at)?.attempt === n);
      const overwritten = offsets.filter((at) => records.has(at) && records.get(at)!.attempt !== n);
      if (state === "acked") {
        sum.acked += offsets.length;
        const lost = offsets.filter((at) => at >= next).length + overwritten.length;
        sum.lost += lost;
        if (lost > 0) wrong(`${lost} acknowledged records from ${offset} on are lost`);
      } else if (state === "refused" && there.length > 0) {
        sum.duplicated += there.length;
        wrong(`attempt ${n} was refused, and ${there.length} records of it are there`);
      } else if (there.length > 0 && (overwritten.length > 0 || offset + count > next)) {
        wrong(`of attempt ${n} a part is there`);
      }
    }
    const missing = mustBeThere(base, next, life.isCompacted).filter((at) => !records.has(at));
    if (missing.length > 0) {
      sum.lost += missing.length;
      wrong(`${missing.length} offsets are missing, ${missing[0]!} first`);
    }
    for (const [at, { attempt, isAsSent }] of records) {
      const sent = life.attempts.get(attempt);
      const isItsOwn = sent !== undefined && sent.offset <= at && at < sent.offset + sent.count;
      if (isAsSent && isItsOwn) continue;
      sum.altered++;
      wrong(`what is at ${at} was never sent for there`);
    }
  }

  async #readAll(
    log: CommitLog,
    wrong: (text: string) => void,
  ): Promise<Map<number, { attempt: number; isAsSent: boolean }>> {
    const records = new Map<number, { attempt: number; isAsSent: boolean }>();
    const { base, next } = log.range();
    try {
      for (let from = base; from < next;) {
        const read = await log.read(from, { maxRecords: 1000, maxBytes: 1 << 20 });
        for (const { offset, value, key } of consumeResponseRecords(Buffer.concat(read.parts))) {
          const attempt = Number(value.toString("latin1").split(" ", 3)[2]);
          const isAsSent = value.toString() === valueOf(log.topicId, offset, attempt) && key === keyAt(offset);
          if (records.has(offset) || offset < Number(from)) wrong(`offset ${offset} comes twice`);
          records.set(offset, { attempt, isAsSent });
        }
        from = read.next;
      }
    } catch (error) {
      wrong(`cannot be read: ${String((error as { location?: string }).location ?? error)}`);
    }
    return records;
  }
}

function recordsOf({ attempts }: Life, state: Attempt["state"]): number {
  return [...attempts.values()].reduce((sum, attempt) => sum + (attempt.state === state ? attempt.count : 0), 0);
}

/** All of them; of what may have been compacted, those without a key and the last one of each. */
function mustBeThere(base: number, next: number, isCompacted: boolean): number[] {
  const all = Array.from({ length: Math.max(0, next - base) }, (_, index) => base + index);
  if (!isCompacted) return all;
  const last = new Map(all.map((offset) => [keyAt(offset), offset]));
  return all.filter((offset) => keyAt(offset) === "" || last.get(keyAt(offset)) === offset);
}

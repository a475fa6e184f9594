import type { Visible } from "./ledger.js";
import { type ModelRecord, commitAt } from "./records.js";
import type { Rules } from "./rules.js";
import type { ModelTopic } from "./topic.js";

/** Reads all of a topic as a consumer does: what is damaged is told, and never delivered. */
export function readAll(topic: ModelTopic, rules: Rules): Visible {
  const { startOffset, end } = topic;
  const records = new Map<number, ModelRecord>();
  let isDamaged = false;
  const take = (own: readonly ModelRecord[]): void => {
    for (const record of own) if (record.offset >= startOffset) records.set(record.offset, record);
  };
  for (const segment of topic.segments) {
    const cells = topic.fileOf(segment)?.cache ?? [];
    let expected = segment.base;
    for (let at = 0; at < segment.written;) {
      const commit = commitAt(cells, at);
      const isWrong =
        commit === undefined || commit.topicId !== topic.id || isMisplaced(commit.base, expected, segment.generation);
      if (isWrong || (commit.isDamaged === true && rules.commitChecksum)) {
        isDamaged = true;
        break;
      }
      take(commit.records);
      expected = commit.last + 1;
      at += commit.cells;
    }
  }
  for (const { commit } of topic.pending) take(commit.records);
  return { startOffset, next: end.next, records, isDamaged };
}

function isMisplaced(base: number, expected: number, generation: number): boolean {
  return generation > 0 ? base < expected : base !== expected;
}

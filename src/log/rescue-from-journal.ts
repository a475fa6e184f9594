import type { Checkpoint } from "./checkpoint.js";
import type { Sequence } from "./journal-format.js";
import { replay } from "./replay.js";
import { type Rescue, RescueWriter, readRescue } from "./rescue.js";

/**
 * Durably writes a rescue file for each of the topics: what an earlier one has, and then their commits in the journal behind
 * `covered` up to group `to`, all of which must be durable. The journal may be appended to meanwhile.
 *
 * @param topics by id: where the earlier rescue file ends, if there is one
 * @throws what kept one of them from being written; none of them counts then
 */
export async function rescueFromJournal(
  journalDirectory: string,
  covered: Pick<Checkpoint, "sequence" | "place">,
  to: Sequence,
  topics: ReadonlyMap<string, bigint | undefined>,
): Promise<ReadonlyMap<string, Rescue>> {
  const writers = new Map<string, RescueWriter>();
  const rescues = new Map<string, Rescue>();
  try {
    for (const [topicId, rescuedTo] of topics) {
      const writer = await RescueWriter.create(journalDirectory, topicId);
      writers.set(topicId, writer);
      if (rescuedTo === undefined) continue;
      for (const entry of await readRescue(journalDirectory, topicId, rescuedTo)) await writer.add(entry);
    }
    if (topics.size > 0 && to > covered.sequence) await addFromJournal(journalDirectory, covered, to, writers);
    for (const [topicId, writer] of writers) rescues.set(topicId, await writer.finish());
    return rescues;
  } catch (error) {
    for (const writer of writers.values()) await writer.discard();
    throw error;
  }
}

async function addFromJournal(
  journalDirectory: string,
  covered: Pick<Checkpoint, "sequence" | "place">,
  to: Sequence,
  writers: ReadonlyMap<string, RescueWriter>,
): Promise<void> {
  for await (const { sequence, entries } of replay(journalDirectory, covered.sequence, covered.place)) {
    for (const entry of entries) await writers.get(entry.topicId)?.add(entry);
    // What is behind it is on its way, and may look torn.
    if (sequence === to) return;
  }
  throw new Error(`the journal ends before group ${to}, which was durable`);
}

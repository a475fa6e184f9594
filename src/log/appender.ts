import type { RecordBatch } from "../wire/records.js";
import type { Appended } from "./port.js";
import type { NumberedBatch } from "./producer.js";
import type { TopicLog } from "./topic-log.js";

/** What a topic's log needs of the journal: admission, and a place in the queue. */
export interface Appender {
  /**
   * @param sectionBytes what its commit has to say of producers, at most
   * @throws the reason why nothing of this size can be taken at the moment
   */
  admit(tenant: string, batch: RecordBatch, sectionBytes: number): void;
  /** @param numbered the same batch, if a producer sent it */
  enqueue(log: TopicLog, batch: RecordBatch, offset: bigint, numbered: NumberedBatch | undefined): Promise<Appended>;
  /** Runs the task when no group is on its way that is made already; not at all once the journal has failed. */
  betweenGroups(task: () => void): Promise<void>;
}

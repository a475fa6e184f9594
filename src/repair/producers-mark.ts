import { join } from "node:path";
import { commitHeaderBytes, readCommitHeader } from "../log/commit.js";
import type { ProducersMark } from "../log/manifest.js";
import { decodeSection, encodeSection } from "../log/producer-section.js";
import { ProducerTable } from "../log/producer-table.js";
import { segmentFileName } from "../log/segment.js";
import { commitsOf } from "./runs.js";
import type { SoundCommit } from "./segment-scan.js";
import type { TopicPlan } from "./topic-plan.js";

/** True if the commit says something of producers. */
export function speaksOfProducers({ header }: SoundCommit): boolean {
  return header.headerBytes > commitHeaderBytes;
}

/** What a topic knows of its producers behind a repair. */
export interface KnownProducers {
  readonly mark: ProducersMark;
  /** `all`; or `gaps` if there were batches, maybe, of which nothing is left; or `nothing`: then all of them are refused. */
  readonly knows: "all" | "gaps" | "nothing";
}

/**
 * What is known of a topic's producers where it goes on in a new segment, from the one before. A batch of which nothing is
 * left may be stored again; one that is there, never: where that cannot be told any more, all producers are refused.
 *
 * @returns undefined if the topic has no producers, or goes on where it was
 */
export async function producersBehind(
  { directory, manifest, rewrites, end }: TopicPlan,
  goesOnAt: bigint,
): Promise<KnownProducers | undefined> {
  const { producers: mark, segments } = manifest;
  if (mark === undefined || end === undefined || end.position > 0 || end.segmentBase === goesOnAt) return undefined;
  const last = segments.findLast(({ sealed }) => sealed !== undefined);
  if (last === undefined) return { mark: mark.from === end.next ? mark : { from: end.next }, knows: "gaps" };
  const { base, generation = 0 } = last;
  const { bytes, next } = last.sealed!;
  const path = join(directory, segmentFileName(base, generation));
  const rewrite = rewrites.find((each) => each.base === base);
  const inPlace = { path, position: 0, bytes, base, last: next - 1n, timeMs: 0, from: base };
  const known = new Known(base, mark);
  for (const run of rewrite?.runs ?? [inPlace]) for await (const commit of commitsOf(run)) known.take(commit.bytes);
  known.reach(end.next);
  // Compaction leaves commits out, and what they said of producers with them.
  const table = generation - (rewrite === undefined ? 0 : 1) > 0 ? "lost" : known.table;
  const encoded = encodeSection({ table, batches: [] }).toString("base64");
  return {
    mark: { from: end.next, table: encoded },
    knows: table === "lost" ? "nothing" : known.hasGaps ? "gaps" : "all",
  };
}

/** What the commits of one segment say of producers, one after the other. */
class Known {
  hasGaps = false;
  #table: ProducerTable | "lost";
  readonly #from: bigint;
  #expected: bigint;
  /** False behind a commit of which the group may go on: what its producers have stored is said at the group's end. */
  #isBehindGroup = true;

  constructor(base: bigint, mark: ProducersMark) {
    this.#from = mark.from;
    this.#expected = base;
    this.#table = base <= mark.from ? marked(mark) : "lost";
  }

  get table(): ProducerTable | "lost" {
    return this.#table;
  }

  /** The next commit that is there. */
  take(bytes: Buffer): void {
    const header = readCommitHeader(bytes, 0)!;
    this.reach(header.base);
    this.#expected = header.last + 1n;
    // What came before the mark, the mark knows.
    if (this.#expected <= this.#from) return;
    this.#isBehindGroup = header.headerBytes > commitHeaderBytes;
    if (!this.#isBehindGroup) return;
    const section = decodeSection(bytes.subarray(commitHeaderBytes, header.headerBytes));
    if (section === undefined) this.#table = "lost";
    else if (section.table !== undefined) [this.#table, this.hasGaps] = [section.table, false];
    if (this.#table === "lost") return;
    for (const batch of section?.batches ?? []) this.#table.note(batch);
  }

  /** Nothing is there from the last commit up to this offset. */
  reach(offset: bigint): void {
    if (offset <= this.#expected || offset <= this.#from) return;
    this.hasGaps = true;
    if (!this.#isBehindGroup) this.#table = "lost";
  }
}

function marked({ table }: ProducersMark): ProducerTable | "lost" {
  if (table === undefined) return new ProducerTable();
  return decodeSection(Buffer.from(table, "base64"))?.table ?? "lost";
}

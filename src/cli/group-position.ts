/** Where a consumer group is in a topic: asked for at the start, and moved on behind what was printed. */
import type { Client, StartingPoint } from "../client/index.js";
import { ReaderGone } from "./output.js";

/** Which position: a group has one in each topic. */
export interface GroupTopic {
  readonly group: string;
  readonly topic: string;
  readonly tenant?: string | undefined;
}

const commitIntervalMs = 1000;

export class GroupPosition {
  /** Where to go on. */
  readonly start: bigint;
  readonly #client: Client;
  readonly #of: GroupTopic & { readonly topicId: Buffer };
  #printed: bigint | undefined;
  #committed: bigint | undefined;

  private constructor(client: Client, of: GroupTopic & { readonly topicId: Buffer }, start: bigint) {
    this.#client = client;
    this.#of = of;
    this.start = start;
  }

  /** @param from where a group begins that has not been here yet */
  static async fetch(client: Client, of: GroupTopic, from: StartingPoint, signal: AbortSignal): Promise<GroupPosition> {
    const { group, ...topic } = of;
    const { offset, topicId } = await client.offsets.fetch({ group, ...topic, signal });
    if (offset !== undefined) return new GroupPosition(client, { ...of, topicId }, offset);
    if (typeof from === "bigint") return new GroupPosition(client, { ...of, topicId }, from);
    const { records, highWaterMark } = await client.consume({ ...topic, topicId, from, maxRecords: 1, signal });
    const position = new GroupPosition(client, { ...of, topicId }, records[0]?.offset ?? highWaterMark);
    // Also if nothing comes: the end of now, or a time ago, is another place the next time.
    position.advance(position.start);
    return position;
  }

  /** The topic whose offsets they are: a topic that is deleted and made anew is another one. */
  get topicId(): Buffer {
    return this.#of.topicId;
  }

  /** Everything before `next` is done with. */
  advance(next: bigint): void {
    this.#printed = next;
  }

  /**
   * Runs `work`, commits every second what it has printed, and the rest once it has ended, also if it fails. The signal
   * that it gets aborts when `stopped` does or when a commit fails, which is thrown then.
   */
  async commitDuring(stopped: AbortSignal, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const failing = new AbortController();
    let committing = Promise.resolve();
    const timer = setInterval(() => {
      committing = committing
        .then(() => this.#commit())
        .catch((error: unknown) => {
          // Whoever follows waits for a server that is gone, and looks for a renewed certificate; what is printed can be
          // committed then. Where it does not go on, it fails itself.
          if (!mayGoOn(error)) failing.abort(error);
        });
    }, commitIntervalMs);
    const signal = AbortSignal.any([stopped, failing.signal]);
    let failure: unknown;
    try {
      await work(signal);
    } catch (error) {
      if (error !== signal.reason) failure = error;
    }
    clearInterval(timer);
    // Two commits under way could arrive in either order, and the group go back.
    await committing;
    failure ??= failing.signal.reason;
    // What was written into a pipe that nobody emptied was printed for nobody.
    if (!(failure instanceof ReaderGone)) {
      await this.#commit().catch((error: unknown) => {
        failure ??= error;
      });
    }
    if (failure !== undefined) throw failure as Error;
  }

  async #commit(): Promise<void> {
    const offset = this.#printed;
    if (offset === undefined || offset === this.#committed) return;
    await this.#client.offsets.commit({ ...this.#of, offset });
    this.#committed = offset;
  }
}

function mayGoOn(error: unknown): boolean {
  if (!(error instanceof Error && "codeName" in error)) return false;
  return error.codeName === "UNAVAILABLE" || error.codeName === "UNAUTHENTICATED";
}

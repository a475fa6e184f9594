import type { LogStore } from "../log/index.js";
import {
  type GroupPosition,
  GroupPositions,
  type OffsetsEvents,
  type Position,
  type PositionKey,
} from "./group-positions.js";

/**
 * The positions of every tenant's consumer groups: in memory, and durable as records of the tenant's `_offsets`, from
 * which they are read when they are first asked for. They are stored also where the tenant's storage is used up, and have
 * bounds of their own. Calls may overlap. Whoever asks has been allowed to.
 */
export class CommittedOffsets {
  readonly #store: LogStore;
  readonly #events: OffsetsEvents;
  readonly #tenants = new Map<string, Promise<GroupPositions>>();

  constructor(store: LogStore, events: OffsetsEvents) {
    this.#store = store;
    this.#events = events;
  }

  /**
   * Resolves once the position is on disk. Of two for one key, the later call's stays.
   *
   * @param owner the tenant whose consumer group it is
   * @throws LimitExceeded, and as `CommitLog.append`
   */
  async store(owner: string, key: PositionKey, position: Position): Promise<void> {
    await (await this.#of(owner)).store(key, position);
  }

  /** Resolves once no crash brings the position back. @throws as `CommitLog.append` */
  async forget(owner: string, key: PositionKey): Promise<void> {
    await (await this.#of(owner)).forget(key);
  }

  /** The position that was stored last, durably; undefined if there is none for the topic with this id. */
  async fetch(owner: string, key: PositionKey, topicId: string): Promise<Position | undefined> {
    const position = (await this.#of(owner)).get(key);
    return position?.topicId === topicId ? position : undefined;
  }

  /** All of them, by tenant, topic and group. Those of topics that are gone may be among them. */
  async all(owner: string): Promise<Iterable<GroupPosition>> {
    return (await this.#of(owner)).all();
  }

  #of(owner: string): Promise<GroupPositions> {
    const known = this.#tenants.get(owner);
    if (known !== undefined) return known;
    const loading = GroupPositions.load(this.#store, owner, this.#events);
    this.#tenants.set(owner, loading);
    // What failed once is tried again for whoever asks next.
    loading.catch(() => this.#tenants.delete(owner));
    return loading;
  }
}

/** Who a batch is from, so that the server knows it again when its answer was lost and it is sent once more. */
import { randomBytes } from "node:crypto";

/** One numbering of batches, from 0 on: a server takes it in order, without a gap, each of its batches once. */
export interface Numbering {
  /** 16 bytes. */
  readonly id: Buffer;
  /** A server refuses every batch of the same id that has a lower one from when it has stored a batch of this one. */
  readonly epoch: number;
}

const maxEpoch = 2 ** 32 - 1;
/** Those of streams of batches are numbered from here on. */
const firstOfStreams = 8;

/**
 * The ids of one client are alike but for their last four bytes. Ways of naming a topic that a server may find to be the
 * same topic differ there, because each of them is numbered for itself.
 */
export class ProducerIds {
  #prefix = randomBytes(12);
  #nextEpoch: number;
  readonly #streams = new Set<number>();

  constructor(firstEpoch = 0) {
    this.#nextEpoch = firstEpoch;
  }

  /** A new numbering for what names its topic in this way. Its epoch is higher than any before. */
  begin(names: { readonly topic: string; readonly tenant: string; readonly topicId?: Buffer }): Numbering {
    const named = [names.topic !== "", names.tenant !== "", (names.topicId?.length ?? 0) > 0];
    return this.#begin(named.reduce((flags, isNamed, at) => flags + (isNamed ? 2 ** at : 0), 0));
  }

  /** Lends the numberings of one stream of batches. An id that is given back is used again: servers keep few of them. */
  lend(): StreamNumbering {
    let which = firstOfStreams;
    while (this.#streams.has(which)) which++;
    this.#streams.add(which);
    return {
      begin: () => this.#begin(which),
      [Symbol.dispose]: () => void this.#streams.delete(which),
    };
  }

  #begin(which: number): Numbering {
    if (this.#nextEpoch > maxEpoch) {
      this.#prefix = randomBytes(12);
      this.#nextEpoch = 0;
    }
    const last = Buffer.alloc(4);
    last.writeUInt32BE(which);
    return { id: Buffer.concat([this.#prefix, last]), epoch: this.#nextEpoch++ };
  }
}

export interface StreamNumbering extends Disposable {
  /** As `ProducerIds.begin`. */
  begin(): Numbering;
}

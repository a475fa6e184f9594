/** One ProduceStream with request ids, and the packs that are on their way over it. */
import type { ClientDuplexStream } from "@grpc/grpc-js";
import { logServiceDefinition } from "../wire/definition.js";
import type { ProduceResponseOutput } from "../wire/generated/log/v1/ProduceResponse.js";
import type { Link } from "./connection.js";
import { alreadyEncoded } from "./encoding.js";
import type { Carrier, Pack } from "./pack.js";

/** What comes of it. Packs are in the order in which they were sent. */
export interface StreamEvents {
  onAnswer(pack: Pack, response: ProduceResponseOutput): void;
  /** The server takes no more: of these packs nothing is stored. */
  onLeave(packs: readonly Pack[], response: ProduceResponseOutput): void;
  /** It has ended although these packs were not answered; whether they are stored nobody knows. */
  onEnd(packs: readonly Pack[], error: unknown, wasAnswered: boolean): void;
  /** Nobody waits for the answers that are due: the stream was given up. */
  onGivenUp(packs: readonly Pack[]): void;
}

/** How long a server may take to end a stream that this end has ended. */
const partingMs = 1_000;

export class LaneStream implements Carrier {
  readonly #stream: ClientDuplexStream<Buffer, ProduceResponseOutput>;
  readonly #events: StreamEvents;
  readonly #packs = new Map<number, Pack>();
  #lastId = 0;
  /** Packs for which somebody waits. */
  #awaited = 0;
  #wasAnswered = false;
  #isOver = false;

  constructor(link: Link, events: StreamEvents) {
    this.#events = events;
    link.enter();
    const { path, responseDeserialize } = logServiceDefinition.ProduceStream;
    this.#stream = link.stubs.log.makeBidiStreamRequest(path, alreadyEncoded, responseDeserialize);
    this.#stream.on("data", (response: ProduceResponseOutput) => this.#answered(response));
    // These come behind the last answers, but "status" before some of them.
    this.#stream.on("error", (error) => this.#ended(error));
    this.#stream.on("end", () => this.#ended(undefined));
    this.#stream.on("status", () => link.leave());
  }

  send(pack: Pack): void {
    const id = ++this.#lastId;
    pack.carrier = this;
    this.#packs.set(id, pack);
    if (pack.waiting > 0) this.#awaited++;
    this.#stream.write(pack.encode(id));
  }

  dropped(pack: Pack): void {
    if (pack.waiting > 0 || this.#isOver) return;
    this.#awaited--;
    if (this.#awaited > 0) return;
    // Only a new stream could help whoever comes next: the server may have stopped for good.
    this.cancel();
    this.#events.onGivenUp(this.#taken());
  }

  /** Sends nothing more. There must be no answers that are due. */
  end(): void {
    this.#isOver = true;
    this.#stream.end();
    const timer = setTimeout(() => this.#stream.cancel(), partingMs).unref();
    this.#stream.on("status", () => clearTimeout(timer));
  }

  /** Ends it now, and tells nobody. */
  cancel(): void {
    this.#isOver = true;
    this.#stream.cancel();
    // Once more when this turn is over: in the turn in which a call is opened, grpc-js (1.14.7) opens it all the same.
    setImmediate(() => this.#stream.cancel());
  }

  #answered(response: ProduceResponseOutput): void {
    if (this.#isOver) return;
    if (response.requestId === undefined) {
      if (response.error !== null) {
        this.end();
        this.#events.onLeave(this.#taken(), response);
      }
      return;
    }
    const id = Number(response.requestId);
    const pack = this.#packs.get(id);
    if (pack === undefined) return;
    this.#wasAnswered = true;
    this.#packs.delete(id);
    if (pack.waiting > 0) this.#awaited--;
    pack.carrier = undefined;
    this.#events.onAnswer(pack, response);
  }

  #ended(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.onEnd(this.#taken(), error, this.#wasAnswered);
  }

  #taken(): Pack[] {
    const packs = [...this.#packs.values()];
    for (const pack of packs) pack.carrier = undefined;
    this.#packs.clear();
    return packs;
  }
}

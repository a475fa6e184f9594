import type { TLSSocket } from "node:tls";
import { formatAddress } from "../address.js";
import type { QuotaExceeded } from "../errors.js";
import { formatPrincipal } from "../names.js";
import { type Identity, IdentityRefused, type Presented } from "./identity.js";

/** A live connection whose peer is known. */
export interface Connection {
  /** Counts up: a newer one has a higher one. */
  readonly id: number;
  /** `10.0.0.1:40000` */
  readonly peer: string;
  /** By what was known when it was judged last. Its principal never changes. */
  readonly identity: Identity;
  readonly presented: Presented;
  readonly since: Date;
  readonly socket: TLSSocket;
  /** Why no call is let in: its tenant has as many connections as it may. */
  readonly refusal: QuotaExceeded | undefined;
  /** Why its peer is nobody any more, as far as is known. Nothing is let in then, and what was let in is judged again. */
  readonly ended: IdentityRefused | undefined;
  /** When that was found, by `performance.now()`. */
  readonly endedAt: number | undefined;
  /** The same, but looked for first if what identities rest on has changed. */
  whyEnded(): IdentityRefused | undefined;
  /** To be asked before each message is let in, and before it is acted on. Costs next to nothing. @throws IdentityRefused */
  check(): void;
}

/** What connections are judged by. */
export interface Judging {
  /** Another number: what identities rest on has changed. */
  readonly round: number;
  /** @throws IdentityRefused */
  judge(presented: Presented): Identity;
  noteEnded(connection: Connection): void;
}

type Parts = Pick<Connection, "id" | "socket" | "presented" | "identity" | "refusal">;

/** Remembers by what it was judged, and is judged again when somebody asks and that is not what holds any more. */
export class LiveConnection implements Connection {
  readonly id: number;
  readonly peer: string;
  readonly presented: Presented;
  readonly since = new Date();
  readonly socket: TLSSocket;
  readonly refusal: QuotaExceeded | undefined;
  identity: Identity;
  ended: IdentityRefused | undefined;
  endedAt: number | undefined;
  readonly #judging: Judging;
  #judgedIn: number;

  constructor(judging: Judging, { id, socket, presented, identity, refusal }: Parts) {
    this.id = id;
    this.peer = formatAddress({ host: socket.remoteAddress ?? "unknown", port: socket.remotePort ?? 0 });
    this.socket = socket;
    this.presented = presented;
    this.identity = identity;
    this.refusal = refusal;
    this.#judging = judging;
    this.#judgedIn = judging.round;
  }

  whyEnded(): IdentityRefused | undefined {
    if (this.#judgedIn !== this.#judging.round) this.judge();
    return this.ended;
  }

  check(): void {
    const ended = this.whyEnded();
    if (ended !== undefined) throw ended;
  }

  /** Whatever goes wrong ends it. */
  judge(): void {
    this.#judgedIn = this.#judging.round;
    if (this.ended !== undefined) return;
    try {
      const identity = this.#judging.judge(this.presented);
      const [before, now] = [this.identity, identity].map(({ principal }) => formatPrincipal(principal));
      if (before !== now) throw new IdentityRefused("no_name", "the certificate stands for another principal now");
      this.identity = identity;
    } catch (error) {
      this.ended = asRefusal(error);
      this.endedAt = performance.now();
      this.#judging.noteEnded(this);
    }
  }
}

function asRefusal(error: unknown): IdentityRefused {
  if (error instanceof IdentityRefused) return error;
  // A defect. Its message may name anything, and its caller is told what stands here.
  return new IdentityRefused("untrusted", "the certificate could not be judged again", { cause: error });
}

/** The axes, tried: cells of one moment together, so that an event is brought about once for many of them. */
import { randomBytes } from "node:crypto";
import { AxesCell, type Surroundings, type TriedAxesCell } from "./axes-cell.js";
import { endOf } from "./axes-facts.js";
import { AxesStage } from "./axes-stage.js";
import { credentials } from "./axes/credentials.js";
import type { Event } from "./axes/moments.js";
import { homeOf, keeper } from "./axes/policy.js";
import { type Share, shareOf } from "./axes-plan.js";
import { type Counters, counterName, miscounted, readCounters } from "./counters.js";
import { CredentialBox, endOfLife, shortLifeMs, untilPast } from "./credential-box.js";
import { inLanes } from "./lanes.js";
import { type Cell, entranceAfter } from "./oracle.js";
import { Marks } from "./sweep.js";
import { TopicView } from "./topic-view.js";
import { type Knock, type WireCall, WireConnection } from "./wire.js";
import { offsetsServiceDefinition } from "../wire/definition.js";

export interface ShareOptions {
  /** Every combination, and not only every pair. */
  readonly isFull: boolean;
  readonly share: Share;
  readonly signal?: AbortSignal | undefined;
  /** Told of every batch, in their order; none is kept. */
  readonly onTried: (tried: readonly TriedAxesCell[]) => void;
}

/** Tries them on a server of their own, each moment's together. */
export async function tryShare({ isFull, share, signal, onTried }: ShareOptions): Promise<void> {
  const ground = await Ground.prepare();
  try {
    for (const batch of shareOf(isFull, share)) {
      signal?.throwIfAborted();
      onTried(await ground.tryTogether(batch));
    }
  } finally {
    await ground[Symbol.asyncDispose]();
  }
}

/** Whose topics there are. */
const tenants = ["acme", "globex", "ops", "_system"];

/** A server, and what is needed to try it. */
class Ground implements AsyncDisposable {
  readonly #stage: AxesStage;
  readonly #box: CredentialBox;
  readonly #marks: Marks;
  readonly #keepersKnock: Knock;
  #keeper: WireConnection | undefined;
  /** How far topics were searched. */
  readonly #seen = new Map<string, bigint>();
  #cells = 0;
  /** How long certificates are good that are to expire. */
  #lifeMs = shortLifeMs;
  /** The last of what was asked of policies. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(stage: AxesStage, box: CredentialBox, keepersKnock: Knock) {
    this.#stage = stage;
    this.#box = box;
    this.#keepersKnock = keepersKnock;
    this.#marks = new Marks(randomBytes(6).toString("hex"));
  }

  static async prepare(): Promise<Ground> {
    const stage = await AxesStage.open();
    try {
      const box = await CredentialBox.fill(stage);
      const { certificatePem, keyPem } = stage.signers.authority.issue({
        subject: [
          ["O", keeper.tenant],
          ["CN", keeper.name],
        ],
      });
      const knock = { speaks: "TLS", options: { cert: certificatePem, key: keyPem } } as const;
      const ground = new Ground(stage, box, knock);
      // The first position that is committed makes the topic that the server keeps positions in.
      const home = new TopicView(stage.store, keeper.tenant, homeOf(0));
      await home.prepare();
      await ground.#keep(home, "first");
      return ground;
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** @param batch of one moment */
  async tryTogether(batch: readonly Cell[]): Promise<readonly TriedAxesCell[]> {
    for (;;) {
      const tried = await this.#tryOnce(batch);
      if (tried !== undefined) return tried;
      // On a slow machine it takes longer until all of them are in than their certificates were good.
      this.#lifeMs *= 2;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#keeper?.[Symbol.dispose]();
    await this.#stage[Symbol.asyncDispose]();
  }

  /** Undefined when certificates had expired before it was their turn. */
  async #tryOnce(batch: readonly Cell[]): Promise<readonly TriedAxesCell[] | undefined> {
    const { event } = batch[0]!.moment;
    // For those who are turned away in any case nothing is to be waited for.
    const isForWelcome = batch.some(({ credential }) => credential.entrance === "in");
    const notAfter = event === "the certificate expires" && isForWelcome ? endOfLife(this.#lifeMs) : undefined;
    const surroundings: Surroundings = {
      stage: this.#stage,
      box: this.#box,
      notAfter,
      inTurn: this.#inTurn,
      keep: this.#keep,
    };
    const cells = batch.map((cell, slot) => new AxesCell(cell, this.#marks.of(this.#cells++), slot, surroundings));
    const before = await readCounters(this.#stage.adminAddress);
    this.#stage.log.takeDenied();
    try {
      await inLanes(cells, (cell) => cell.prepare());
      await inLanes(cells, (cell) => cell.begin());
      if (notAfter !== undefined && Date.now() >= notAfter.getTime()) return undefined;
      const concerned = cells.flatMap(({ cell, held }) =>
        cell.credential.entrance === "in" && held.certificate !== undefined ? [held.certificate] : [],
      );
      const keepersEnd = this.#keepersEnd(event);
      const delay = event === "the server drains" ? await this.#delayDrain() : undefined;
      await this.#stage.happen(event, concerned);
      if (notAfter !== undefined) await untilPast(notAfter);
      const happenedAt = performance.now();
      await inLanes(cells, (cell) => cell.finish(happenedAt));
      this.#judgeCounters(cells, keepersEnd, before, await readCounters(this.#stage.adminAddress));
      delay?.cancel();
      await this.#stage.undo(event);
      // What can be seen of all of them only: where their records are.
      const records = await this.#marks.since(this.#stage.store, tenants, this.#seen);
      return cells.map((cell) => cell.result(records.filter(({ text }) => text.startsWith(cell.id))));
    } finally {
      for (const cell of cells) cell[Symbol.dispose]();
    }
  }

  /** @param others what has to be counted beside what is of the cells */
  #judgeCounters(cells: readonly AxesCell[], others: readonly string[], before: Counters, after: Counters): void {
    const due = new Map<string, number>();
    for (const name of [...cells.flatMap((cell) => cell.counters()), ...others])
      due.set(name, (due.get(name) ?? 0) + 1);
    // As often as the log says so; that it says so of each cell which must be denied is seen by its lines.
    for (const [action, count] of this.#stage.log.takeDenied())
      due.set(counterName("aclog_decisions_total", { action, outcome: "deny" }), count);
    for (const problem of miscounted(before, after, due)) {
      const suspects = cells.filter((cell) => cell.counters().some((name) => problem.startsWith(name)));
      for (const cell of suspects.length === 0 ? cells.slice(0, 1) : suspects) cell.blame(problem);
    }
  }

  readonly #inTurn: Surroundings["inTurn"] = (work) => {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  };

  /** How it is counted that an event ends the keeper's connection, which rests on a certificate that nothing happens to. */
  #keepersEnd(event: Event): readonly string[] {
    const isOthers = event === "the certificate is revoked" || event === "the certificate expires";
    return this.#keeper?.isOpen !== true || isOthers ? [] : endOf(entranceAfter(credentials[0]!, event));
  }

  /** Begins a call that a drain waits for, so that a server can be asked what it counted before it is gone. */
  async #delayDrain(): Promise<WireCall> {
    const connection = this.#keepersConnection();
    const call = connection.call(offsetsServiceDefinition.Commit.path, "keeper");
    await connection.entered;
    await connection.answersPing();
    return call;
  }

  #keepersConnection(): WireConnection {
    // An event may have ended the last one.
    if (this.#keeper?.isOpen !== true) this.#keeper = new WireConnection(this.#stage.port, this.#keepersKnock);
    return this.#keeper;
  }

  /** Commits a position of a group of `acme` in a topic. */
  readonly #keep: Surroundings["keep"] = async ({ tenant, topic, range }, group) => {
    const { Commit } = offsetsServiceDefinition;
    const call = this.#keepersConnection().call(Commit.path, "keeper");
    call.send(Commit.requestSerialize({ tenant, topic, group, offset: range.base }));
    call.finish();
    const { status, details } = await call.ended;
    if (status !== "OK") throw new Error(`no position could be committed in ${tenant}/${topic}: ${details}`);
  };
}

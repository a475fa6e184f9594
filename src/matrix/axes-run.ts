/** The axes, tried: cells of one moment together, so that an event is brought about once for many of them. */
import { randomBytes } from "node:crypto";
import { AxesCell, type Surroundings, type TriedAxesCell } from "./axes-cell.js";
import { endOf } from "./axes-facts.js";
import { AxesStage } from "./axes-stage.js";
import { actions } from "./axes/actions.js";
import { credentials } from "./axes/credentials.js";
import { type Event, moments } from "./axes/moments.js";
import { homeOf, keeper, slots } from "./axes/policy.js";
import { resources } from "./axes/resources.js";
import { type Counters, miscounted, readCounters } from "./counters.js";
import { allRows, coveringRows } from "./covering.js";
import { CredentialBox, endOfLife, shortLifeMs, untilPast } from "./credential-box.js";
import { inLanes } from "./lanes.js";
import { type Cell, entranceAfter } from "./oracle.js";
import { Marks } from "./sweep.js";
import { TopicView } from "./topic-view.js";
import { type Knock, type WireCall, WireConnection } from "./wire.js";
import { offsetsServiceDefinition } from "../wire/definition.js";

export interface AxesOptions {
  /** Every combination, and not only every pair. */
  readonly isFull: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, of: number) => void) | undefined;
  /** Told of every cell; none is kept. */
  readonly onTried: (tried: TriedAxesCell) => void;
}

/** How many cells there are: all, and those that are tried. */
export interface AxesCounts {
  readonly all: number;
  readonly tried: number;
}

/**
 * Every value and every pair of values of credential, action, resource and moment. What is turned away at the door never
 * comes to anything else, and would hide what it stands beside: so the pairs are made once of the welcome credentials and
 * once of the others.
 */
export function planAxes(isFull: boolean): { readonly count: number; readonly cells: Iterable<Cell> } {
  const groups = [true, false].map((isWelcome) =>
    credentials.filter(({ entrance }) => (entrance === "in") === isWelcome),
  );
  const shapes = groups.map((group) => [moments.length, group.length, actions.length, resources.length]);
  const rows = shapes.map((sizes) => (isFull ? { length: product(sizes), all: allRows(sizes) } : pairs(sizes)));
  function* cells(): Generator<Cell, void, undefined> {
    for (const [at, { all }] of rows.entries()) {
      for (const [moment, credential, action, resource] of all) {
        yield {
          moment: moments[moment!]!,
          credential: groups[at]![credential!]!,
          action: actions[action!]!,
          resource: resources[resource!]!,
        };
      }
    }
  }
  return { count: rows.reduce((sum, { length }) => sum + length, 0), cells: cells() };
}

function pairs(sizes: readonly number[]): { readonly length: number; readonly all: Iterable<readonly number[]> } {
  const all = coveringRows(sizes).toSorted((a, b) => a[0]! - b[0]!);
  return { length: all.length, all };
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((all, size) => all * size, 1);
}

/** Tries them, each moment's together. */
export async function tryAxes(options: AxesOptions): Promise<AxesCounts> {
  const { count, cells } = planAxes(options.isFull);
  const ground = await Ground.prepare();
  try {
    let done = 0;
    for (const batch of batches(cells)) {
      options.signal?.throwIfAborted();
      for (const tried of await ground.tryTogether(batch)) options.onTried(tried);
      done += batch.length;
      options.onProgress?.(done, count);
    }
    return { all: product([moments.length, credentials.length, actions.length, resources.length]), tried: count };
  } finally {
    await ground[Symbol.asyncDispose]();
  }
}

/** Whose topics there are. */
const tenants = ["acme", "globex", "ops", "_system"];

/** Cells of one moment, in their order, as many as there is room for. */
function* batches(cells: Iterable<Cell>): Generator<Cell[], void, undefined> {
  let batch: Cell[] = [];
  for (const cell of cells) {
    if (batch.length === slots || (batch[0] !== undefined && batch[0].moment !== cell.moment)) {
      yield batch;
      batch = [];
    }
    batch.push(cell);
  }
  if (batch.length > 0) yield batch;
}

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

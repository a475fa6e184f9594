/** One cell of the axes: a caller connects, begins, something happens, and it goes on or is ended. */
import { setTimeout } from "node:timers/promises";
import { type Facts, type Knocked, countersOf, isFollowing, problemsIn, saidOf, wrongRecords } from "./axes-facts.js";
import type { AxesStage } from "./axes-stage.js";
import type { Errand } from "./axes/actions.js";
import { callerOf, homeOf } from "./axes/policy.js";
import { type CredentialBox, type Held, successorOf } from "./credential-box.js";
import { type Cell, type Entrance, type Expected, expectedOf } from "./oracle.js";
import type { MarkedRecord } from "./sweep.js";
import { type TopicState, TopicView, preparedText } from "./topic-view.js";
import { type Ending, type WireCall, WireConnection } from "./wire.js";

/** What came of a cell. */
export interface TriedAxesCell {
  readonly cell: Cell;
  readonly expected: Expected;
  /** In words, each what is not as it must be; none: all is. */
  readonly problems: readonly string[];
  /** Of a refusal, in the server's own words; empty where there is none. */
  readonly said: string;
  /** The counters that a refusal made go up. */
  readonly counters: readonly string[];
}

/** What cells that are tried together share. */
export interface Surroundings {
  readonly stage: AxesStage;
  readonly box: CredentialBox;
  /** When the welcome certificates are to expire; undefined: not while they are tried. */
  readonly notAfter: Date | undefined;
  /** Of a tenant's questions about policies one is answered at a time. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
  /** Commits a position of a consumer group in a topic. */
  readonly keep: (topic: TopicView, group: string) => Promise<void>;
}

/** How long a caller waits to notice what became of it: much longer than what is promised, to tell late from never. */
const noticeMs = 3_000;
const patienceMs = 10_000;

export class AxesCell implements Disposable {
  readonly cell: Cell;
  readonly expected: Expected;
  /** Also the request id of its call. */
  readonly id: string;
  readonly held: Held;
  readonly #surroundings: Surroundings;
  readonly #topic: TopicView;
  readonly #who: { readonly tenant: string; readonly name: string };
  readonly #knocks: Knocked[] = [];
  readonly #troubles: string[] = [];
  #errand: Errand;
  #before: TopicState | undefined;
  #after: TopicState | undefined;
  #connection: WireConnection | undefined;
  #call: WireCall | undefined;
  #ending: Ending | undefined;
  #closedAfterMs: number | undefined;

  /** @param slot no other cell that is tried at the same time has the same */
  constructor(cell: Cell, id: string, slot: number, surroundings: Surroundings) {
    const { caller, tenant, topic } = cell.resource;
    this.cell = cell;
    this.id = id;
    this.expected = expectedOf(cell);
    this.#surroundings = surroundings;
    this.#who = callerOf(caller, slot);
    const { stage, box, notAfter } = surroundings;
    this.held = box.take(cell.credential, { ...this.#who, ...(notAfter && { notAfter }) });
    this.#errand = {
      principal: `${this.#who.tenant}/${this.#who.name}`,
      tenant,
      topic: topic(slot),
      offset: 0n,
      home: homeOf(slot),
      mark: `${id}.`,
      laterMark: `${id}-later.`,
    };
    this.#topic = new TopicView(stage.store, tenant, this.#errand.topic);
  }

  /** Sees to it that the topic is there, with something to be read, or is not. */
  async prepare(): Promise<void> {
    const { isThere, isNoName, isServersOwn, tenant } = this.cell.resource;
    const { path, isLater } = this.cell.action;
    const { stage, keep } = this.#surroundings;
    stage.log.note(this.id);
    if (isLater) await new TopicView(stage.store, this.#who.tenant, this.#errand.home).prepare();
    if (isNoName || tenant === "_system") return;
    if (isThere && !isServersOwn) await this.#topic.append(preparedText);
    if (!isThere) await this.#topic.remove();
    const { base, next } = this.#topic.range;
    this.#errand = { ...this.#errand, offset: isServersOwn || next === 0n ? base : next - 1n };
    // So that there is a position which an answer could give away.
    if (isThere && path.startsWith("/log.v1.Offsets/")) await keep(this.#topic, this.#errand.mark);
    this.#before = this.#topic.state();
  }

  /** What is to be there before the event: the connection, and a call that is under way when it happens. */
  async begin(): Promise<void> {
    const { credential, action, moment } = this.cell;
    if (credential.entrance !== "in") return;
    this.#connection = this.#knock(this.held);
    if (!(await this.#isLetIn(this.#connection, "in")) || moment.event === "nothing" || !action.isHeld) return;
    const call = (this.#call = this.#connection.call(action.path, this.id));
    call.send(action.first(this.#errand));
    if (action.kind === "server stream") call.finish();
    if (this.expected.isUnderWay) await this.#comesUnderWay(call);
    else this.#ending = await call.endedWithin(patienceMs);
  }

  /** What follows the event. @param happenedAt when that was, in milliseconds of `performance.now` */
  async finish(happenedAt: number): Promise<void> {
    if (this.cell.credential.entrance !== "in") await this.#triesToGetIn();
    else if (
      this.#connection !== undefined &&
      this.#knocks.every(({ seen }) => seen !== undefined && "principal" in seen)
    ) {
      if (this.#call !== undefined && this.expected.isUnderWay) await this.#triesToGoOn(this.#call);
      if (!this.expected.staysConnected) await this.#isEnded(this.#connection, happenedAt);
      if (this.#ending === undefined) await this.#inItsTurn(this.#connection);
      if (this.cell.moment.event !== "nothing") await this.#knocksAgain();
    }
    this.#after = this.#topic.state();
  }

  /** The counters that have to have gone up by one for it, each as often as it did. */
  counters(): readonly string[] {
    return countersOf(this.cell, this.expected, { knocks: this.#knocks });
  }

  /** Notes what is wrong that was found by whoever looked at several cells together. */
  blame(problem: string): void {
    this.#troubles.push(problem);
  }

  /** @param records those with the mark of this cell */
  result(records: readonly MarkedRecord[]): TriedAxesCell {
    const { cell, expected } = this;
    const facts: Facts = {
      knocks: this.#knocks,
      ending: this.#ending,
      messages: this.#call?.messages ?? [],
      before: this.#before,
      after: this.#after,
      lines: this.#surroundings.stage.log.linesOf(this.id),
      closedAfterMs: this.#closedAfterMs,
      troubles: this.#troubles,
    };
    const problems = [
      ...problemsIn(cell, expected, this.#errand, facts),
      ...wrongRecords(cell, expected, this.#errand, records),
    ];
    // The same may be wrong with both of its connections.
    return { cell, expected, problems: [...new Set(problems)], said: saidOf(facts), counters: this.counters() };
  }

  [Symbol.dispose](): void {
    this.#connection?.[Symbol.dispose]();
  }

  #knock({ knock }: Held): WireConnection {
    return new WireConnection(this.#surroundings.stage.port, knock);
  }

  /** Whether it is in; what the server says of it is kept. */
  async #isLetIn(connection: WireConnection, due: Entrance): Promise<boolean> {
    const isSpokenTo = await connection.entered;
    const { peer } = connection;
    if (peer === undefined) {
      this.#knocks.push({ due, seen: undefined, isSpokenTo });
      return false;
    }
    const entrance = await this.#surroundings.stage.log.entranceOf(peer).catch(() => undefined);
    if (entrance === undefined) this.blame("the log does not say what became of its connection");
    else if (entrance.refusal === undefined) {
      this.#knocks.push({ due, seen: { principal: entrance.principal }, isSpokenTo });
      return isSpokenTo;
    } else this.#knocks.push({ due, seen: { word: entrance.kind, said: entrance.refusal }, isSpokenTo });
    return false;
  }

  /** Knocks, and says at once what it wants, without waiting to be let in. */
  async #triesToGetIn(): Promise<void> {
    const { action } = this.cell;
    using connection = this.#knock(this.held);
    const call = (this.#call = connection.call(action.path, this.id));
    call.send(action.first(this.#errand));
    call.finish();
    await this.#isLetIn(connection, this.expected.entrance);
    this.#ending = await call.endedWithin(noticeMs);
  }

  async #comesUnderWay(call: WireCall): Promise<void> {
    const { kind, need, path } = this.cell.action;
    const isAnswered = kind === "server stream" || path.endsWith("/ProduceStream") || need === "nothing";
    // The others are silent until their caller is done, so the server is asked whether it has read so far.
    if (!isAnswered) await this.#connection!.answersPing();
    else if (!(await call.received(1, patienceMs))) this.blame("its call was not answered while it was allowed");
  }

  async #inItsTurn(connection: WireConnection): Promise<void> {
    const call = this.#call;
    const work = (): Promise<void> => (call === undefined ? this.#callsAtOnce(connection) : this.#goesOn(call));
    if (this.cell.action.path.startsWith("/policy.v1.")) await this.#surroundings.inTurn(work);
    else await work();
  }

  /** The whole call. */
  async #callsAtOnce(connection: WireConnection): Promise<void> {
    const { action } = this.cell;
    const call = (this.#call = connection.call(action.path, this.id));
    call.send(action.first(this.#errand));
    if (action.isLater) {
      if (action.kind === "bidirectional stream") await call.received(1, patienceMs);
      call.send(action.more!(this.#errand));
    }
    await this.#conclude(call, 1);
  }

  /** Sends more, or finds more to follow, whether or not it still may: only so does it show that an end comes at once. */
  async #triesToGoOn(call: WireCall): Promise<void> {
    const { action } = this.cell;
    if (action.more !== undefined) call.send(action.more(this.#errand));
    if (isFollowing(this.cell, this.expected)) await this.#topic.append(this.#errand.laterMark);
  }

  /** The rest of a call that was under way when the event happened, or its end by that. */
  async #goesOn(call: WireCall): Promise<void> {
    const { action } = this.cell;
    const isEnded = typeof this.expected.call === "object" && !action.isLater && !action.answer;
    if (isEnded) this.#ending = await call.endedWithin(noticeMs);
    else await this.#conclude(call, isFollowing(this.cell, this.expected) ? 2 : 1);
  }

  /** @param due how many messages a stream without an end is to have brought */
  async #conclude(call: WireCall, due: number): Promise<void> {
    const { kind, isHeld } = this.cell.action;
    call.finish();
    if (kind === "server stream" && isHeld && (await call.received(due, patienceMs))) {
      call.cancel();
      this.#ending = { status: "OK", reason: "", details: "" };
    } else this.#ending = await call.endedWithin(patienceMs);
  }

  /** What rests on something that is good no more ends by itself, and soon. */
  async #isEnded(connection: WireConnection, happenedAt: number): Promise<void> {
    if (this.#call !== undefined && this.expected.isUnderWay) this.#ending = await this.#call.endedWithin(noticeMs);
    await Promise.race([connection.closed, setTimeout(noticeMs)]);
    // How long a drain takes is for its callers to say.
    if (this.cell.moment.event === "the server drains") return;
    this.#closedAfterMs = (connection.closedAt ?? Infinity) - happenedAt;
  }

  async #knocksAgain(): Promise<void> {
    const { credential, moment } = this.cell;
    const isOver = moment.event === "a second authority comes";
    const { stage } = this.#surroundings;
    using again = this.#knock(isOver ? successorOf(credential, stage, this.#who) : this.held);
    await this.#isLetIn(again, this.expected.again);
  }
}

/** What was seen of a cell of the axes, and whether it is what the oracle says. Nothing here asks the server. */
import type { Errand } from "./axes/actions.js";
import { counterName, endedConnections, refusedConnections } from "./counters.js";
import type { CallEnd, Cell, Entrance, Expected } from "./oracle.js";
import type { Line } from "./server-log.js";
import type { MarkedRecord } from "./sweep.js";
import { type TopicState, changeBetween, preparedText } from "./topic-view.js";
import type { Ending } from "./wire.js";

/** What became of one connection. */
export interface Knocked {
  readonly due: Entrance;
  /** Whom the server takes the caller for, or why it turned him away; undefined: nobody listened. */
  readonly seen: { readonly principal: string } | { readonly word: string; readonly said: string } | undefined;
  /** Whether the server said anything in HTTP. */
  readonly isSpokenTo: boolean;
}

export interface Facts {
  readonly knocks: readonly Knocked[];
  /** Undefined: it was not over when it had to be, or was never made. */
  readonly ending: Ending | undefined;
  /** What the call delivered. */
  readonly messages: readonly Buffer[];
  readonly before: TopicState | undefined;
  readonly after: TopicState | undefined;
  /** What the log says of the call. */
  readonly lines: readonly Line[];
  /** How long the connection lived after the event, where it had to end; Infinity: it goes on. */
  readonly closedAfterMs: number | undefined;
  /** What kept the cell from being tried as it should be. */
  readonly troubles: readonly string[];
}

/** What is promised of connections that rest on what is good no more, in milliseconds. */
const promisedMs = 1_000;

/** In words, each what is not as it must be. */
export function problemsIn(cell: Cell, expected: Expected, errand: Errand, facts: Facts): readonly string[] {
  const isTold = facts.troubles.length > 0;
  return [
    ...facts.troubles,
    ...facts.knocks.flatMap((knocked) => wrongEntrance(knocked, errand)),
    ...wrongClosing(facts),
    ...(isTold ? [] : [...wrongEnd(cell, expected, errand, facts), ...wrongChange(cell, expected, facts)]),
    ...(isTold ? [] : wrongLog(cell, expected, errand, facts)),
  ];
}

/** The server's own words for a refusal; empty where there is none. */
export function saidOf({ knocks, lines, ending }: Facts): string {
  const turnedAway = knocks.map(({ seen }) => (seen !== undefined && "said" in seen ? seen.said : ""));
  const denied = lines.find(({ msg }) => msg === "denied")?.reason;
  return turnedAway.find((said) => said !== "") ?? denied ?? ending?.details ?? "";
}

/** The counters that a refusal makes go up by one, and the end of a connection, each as often as it does. */
export function countersOf(cell: Cell, expected: Expected, { knocks }: Pick<Facts, "knocks">): readonly string[] {
  const { call, again } = expected;
  const { path: method } = cell.action;
  const isAnswered = typeof call === "object" && call.status !== "cut off";
  const wasIn = knocks.some(({ due, seen }) => due === "in" && seen !== undefined && "principal" in seen);
  return [
    ...knocks.flatMap(({ seen }) =>
      seen !== undefined && "word" in seen ? [counterName(refusedConnections, { reason: seen.word })] : [],
    ),
    ...(isAnswered ? [counterName("aclog_call_duration_seconds_count", { method, code: call.status })] : []),
    ...(wasIn ? endOf(again) : []),
  ];
}

/** How it is counted that connections are ended which would not be let in any more. */
export function endOf(again: Entrance): readonly string[] {
  // A drain ends them too, and none for what its peer is.
  return again === "in" || again.layer === "port" ? [] : [counterName(endedConnections, { reason: again.word })];
}

/** Where what was sent must be, and nowhere else. @param records those with a mark of this cell */
export function wrongRecords(
  cell: Cell,
  expected: Expected,
  errand: Errand,
  records: readonly MarkedRecord[],
): readonly string[] {
  // A consumer group bears the mark too, and the server keeps positions in a topic of its own.
  const isPosition = ({ topic }: MarkedRecord): boolean => isAboutGroup(cell) && topic === "acme/_offsets";
  const found = records.filter((record) => !isPosition(record));
  const elsewhere = [...whereMarksBelong(cell, expected, errand)].flatMap(([mark, due]) => {
    const topics = found.filter(({ text }) => text.startsWith(mark)).map(({ topic }) => topic);
    return topics.join() === due.join()
      ? []
      : [`what was sent is stored in ${inList(topics)} and not in ${inList(due)}`];
  });
  const [positions, due] = [records.filter(isPosition).length, positionsDue(cell, expected)];
  return positions === due
    ? elsewhere
    : [...elsewhere, `what is stored of its group's position are ${positions} records and not ${due}`];
}

function isAboutGroup({ action: { path } }: Cell): boolean {
  return path.startsWith("/log.v1.Offsets/");
}

/** One that was there before, if the topic is, and what the call itself had to say. */
function positionsDue(cell: Cell, { call }: Expected): number {
  const { action, resource } = cell;
  if (!isAboutGroup(cell) || !resource.isThere) return 0;
  return action.changesGroup && call === "done" ? 2 : 1;
}

function whereMarksBelong(cell: Cell, expected: Expected, errand: Errand): ReadonlyMap<string, readonly string[]> {
  const { action, credential } = cell;
  const { tenant, topic, home, mark, laterMark, principal } = errand;
  const here = [`${tenant}/${topic}`];
  const isDone = expected.call === "done";
  const places = (first: readonly string[], later: readonly string[]): ReadonlyMap<string, readonly string[]> =>
    new Map([
      [mark, first],
      [laterMark, later],
    ]);
  if (action.proof === "stores the first mark") {
    if (credential.entrance !== "in") return places([], []);
    const goesOn = isDone && expected.isUnderWay;
    if (!action.isLater) return places(isDone || expected.isUnderWay ? here : [], goesOn ? here : []);
    const isBegun = expected.isUnderWay || (expected.staysConnected && !losesRights(cell));
    return places(isDone ? here : [], isBegun ? [`${principal.split("/", 1)[0]!}/${home}`] : []);
  }
  return places([], isFollowing(cell, expected) ? here : []);
}

/** Whether it follows a topic in which something more is stored behind the event; what only the server writes to is left alone. */
export function isFollowing({ action, resource }: Cell, { isUnderWay }: Expected): boolean {
  return action.proof === "hands over the record" && isUnderWay && !resource.isServersOwn;
}

function losesRights({ moment: { event } }: Cell): boolean {
  return event === "the rules go" || event === "the roles go";
}

function wrongEntrance({ due, seen, isSpokenTo }: Knocked, { principal }: Errand): readonly string[] {
  if (seen === undefined) return due !== "in" && due.layer === "port" ? [] : ["nobody listened"];
  if ("principal" in seen) {
    if (due !== "in") return [`was let in as ${seen.principal}`];
    return seen.principal === principal ? [] : [`is taken for ${seen.principal}`];
  }
  const spokenTo = isSpokenTo ? ["was spoken to in HTTP although he was turned away"] : [];
  const why = `${seen.word} (${seen.said})`;
  if (due === "in") return [`was turned away as ${why}`, ...spokenTo];
  return due.word === seen.word ? spokenTo : [`was turned away as ${why} and not as ${due.word}`, ...spokenTo];
}

function wrongClosing({ closedAfterMs }: Facts): readonly string[] {
  if (closedAfterMs === undefined || closedAfterMs <= promisedMs) return [];
  if (closedAfterMs === Infinity) return ["the connection stays open"];
  return [`the connection was closed only after ${Math.round(closedAfterMs)} ms`];
}

function wrongEnd(cell: Cell, expected: Expected, errand: Errand, facts: Facts): readonly string[] {
  const { call } = expected;
  if (facts.ending === undefined) return [`the call is still open and not ${inWords(call)}`];
  const seen = asSeen(cell, errand, facts, facts.ending);
  const isSame =
    typeof call === "string" || typeof seen === "string"
      ? seen === call
      : seen.status === call.status && seen.reason === call.reason;
  const { details } = facts.ending;
  if (!isSame) return [`came to ${inWords(seen)}${details === "" ? "" : ` (${details})`} and not ${inWords(call)}`];
  if (isDenied(call) && rightOn(cell) !== undefined && !saysNoMore(details, errand)) {
    return [`its words tell more than what was asked: ${details}`];
  }
  return call !== "done" && isDelivered(cell, expected, errand, facts) ? ["something was delivered all the same"] : [];
}

function isDenied(call: CallEnd): boolean {
  return typeof call === "object" && call.layer === "policy";
}

/** Whether a refusal reads the same whatever there is. */
function saysNoMore(details: string, { principal, tenant, topic }: Errand): boolean {
  const [who = "", what = ""] = details.split(" may not ");
  return who === principal && /^[a-z]+( to| from)? (\S+) \(decision [\w-]+\)$/.exec(what)?.[2] === `${tenant}/${topic}`;
}

/** Whether anything came that must not have, of a call that does not come to what it is for. */
function isDelivered(cell: Cell, { call, isUnderWay }: Expected, errand: Errand, facts: Facts): boolean {
  const { messages } = facts;
  // What was under way had brought what it was allowed to bring until then.
  if (isUnderWay) return messages.some((message) => message.includes(errand.laterMark));
  if (call === "shows nothing") return handsOver(cell, errand, facts);
  // A stream's first message, about the caller's own, has its answer.
  return messages.length > (cell.action.isLater ? 1 : 0);
}

/** Without the layer, which nobody sees. */
type SeenEnd = "done" | "shows nothing" | { readonly status: string; readonly reason: string };

function asSeen(cell: Cell, errand: Errand, facts: Facts, { status, reason }: Ending): SeenEnd {
  if (status !== "OK") return { status, reason };
  const { action, resource } = cell;
  const isSilent = action.proof.startsWith("hands over") && !handsOver(cell, errand, facts);
  // What the server writes for itself does not have the words of what was prepared.
  const isServersRecord = resource.isServersOwn === true && action.proof === "hands over the record";
  return isSilent && !(isServersRecord && facts.messages.length > 0) ? "shows nothing" : "done";
}

/** Whether anything came that only those may see who have the right to it. */
function handsOver({ action }: Cell, { mark }: Errand, { messages, before }: Facts): boolean {
  const id = Buffer.from(before?.topicId ?? "", "hex");
  const secrets: Readonly<Record<string, readonly Buffer[]>> = {
    "hands over the record": [Buffer.from(preparedText)],
    "hands over the topic's id": [id],
    "hands over the group's name": [Buffer.from(mark)],
  };
  const watched = secrets[action.proof] ?? [Buffer.from(preparedText), id];
  return messages.some((message) => watched.some((secret) => secret.length > 0 && message.includes(secret)));
}

/** What became of the topic. Of a stream that is let in records are looked for by their marks instead. */
function wrongChange(
  { action, resource }: Cell,
  { call, isUnderWay }: Expected,
  { before, after }: Facts,
): readonly string[] {
  if (resource.isServersOwn || resource.isNoName || (action.isHeld && (isUnderWay || call === "done"))) return [];
  const done = call === "done" ? (changes[action.proof] ?? "nothing") : "nothing";
  const due = done === "stored 1" && before === undefined ? `made the topic, ${done}` : done;
  const change = changeBetween(before, after);
  return change === due ? [] : [`what happened to the topic is "${change}" and not "${due}"`];
}

function wrongLog(cell: Cell, { call }: Expected, errand: Errand, { lines }: Facts): readonly string[] {
  if (typeof call !== "object") return [];
  const codes = lines.flatMap(({ code }) => (code === undefined ? [] : [code]));
  if (call.status === "cut off")
    return codes.length === 0 ? [] : ["the log has a call of somebody who was turned away"];
  return [
    ...(isDenied(call) && !lines.some((line) => line.msg === "denied" && isAbout(line, cell, errand))
      ? ["the log does not say that it was denied"]
      : []),
    ...(codes.includes(call.status) ? [] : [`the log has no call with ${call.status}`]),
  ];
}

/** Whether a line is about who asked, and about what, if that is what the policy is asked by. */
function isAbout(line: Line, cell: Cell, { principal, tenant, topic }: Errand): boolean {
  const right = rightOn(cell);
  const isSame = line.tenant === tenant && line.topic === topic && line.action === right;
  return line.principal === principal && (right === undefined || isSame);
}

/** The right on its topic that the call needs; of a stream that names several, a refusal may be about another one. */
function rightOn({ action: { need, isLater } }: Cell): string | undefined {
  return typeof need === "object" && "right" in need && !isLater ? need.right : undefined;
}

const changes: Readonly<Partial<Record<Cell["action"]["proof"], string>>> = {
  "stores the first mark": "stored 1",
  "makes the topic": "made the topic",
  "removes the topic": "removed the topic",
  "removes records": "removed records",
  "changes the settings": "changed the settings",
};

function inWords(end: CallEnd | SeenEnd): string {
  if (typeof end === "string") return `"${end}"`;
  return end.reason === end.status ? end.status : `${end.status} ${end.reason}`.trim();
}

function inList(topics: readonly string[]): string {
  return topics.length === 0 ? "no topic" : topics.join(" and ");
}

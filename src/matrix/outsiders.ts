/** Callers who must not get in at all, each against the running server. */
import { once } from "node:events";
import { connect } from "node:net";
import { logServiceDefinition } from "../wire/definition.js";
import { crossedDisguises } from "./crossed-disguises.js";
import { counterName, miscounted, readCounters, refusedConnections } from "./counters.js";
import { type Disguise, type Door, type OutsiderOptions, type Victim, disguises } from "./disguises.js";
import { type Request, askForPage, callOver } from "./knocking.js";
import { type Untried, likeOf, noneOf, signedDisguises, unsigned } from "./signed-disguises.js";
import { connectTls, localAddressOf } from "./sockets.js";
import type { Stage } from "./stage.js";

/** What became of one of them. */
export interface Outsider {
  readonly who: string;
  /** Why the server cut the connection, in its words; undefined when it did not. */
  readonly refusal: string | undefined;
  /** The word by which it counts that; undefined when it did not. */
  readonly kind: string | undefined;
  /** What is wrong; undefined when he was kept out and nothing came of it. */
  readonly problem: string | undefined;
}

/** Tries one after the other, so that whatever the server says is about one of them. */
export async function tryOutsiders(stage: Stage, options: OutsiderOptions): Promise<readonly Outsider[]> {
  const door = {
    ca: stage.ca,
    overTls: connectTls.bind(undefined, stage.port),
    inPlainText: () => connect(stage.port, "127.0.0.1"),
  };
  const outsiders: Outsider[] = [];
  const crossed = crossedDisguises(door, options);
  for (const disguise of [...disguises(door, options), ...(await signed(stage, door, options)), ...crossed]) {
    outsiders.push(
      "untried" in disguise
        ? notTried(disguise)
        : { who: disguise.who, ...(await tryOne(stage, disguise.victim ?? options.victim, disguise)) },
    );
  }
  return outsiders;
}

/** Nobody may take him for somebody who was kept out. */
export function notTried({ who, untried }: Untried): Outsider {
  return { who, refusal: undefined, kind: undefined, problem: `not tried: ${untried}` };
}

async function signed(
  { log }: Stage,
  door: Door,
  { victim, authority, noAuthority, undeclaredTenant }: OutsiderOptions,
): Promise<readonly (Disguise | Untried)[]> {
  if (authority === undefined) return unsigned(noAuthority);
  const socket = door.overTls({ ...likeOf(victim, authority) });
  socket.on("error", () => undefined);
  try {
    await once(socket, "connect");
    const { refusal, principal } = await log.entranceOf(localAddressOf(socket));
    const why = refusal ?? (principal === victim.principal ? undefined : `its bearer is ${principal}`);
    return why === undefined ? signedDisguises(door, victim, authority, undeclaredTenant) : [noneOf(victim, why)];
  } finally {
    socket.destroy();
  }
}

async function tryOne(
  { log, store, adminAddress }: Stage,
  victim: Victim,
  { knock, speaks, due: word, says }: Disguise,
): Promise<Omit<Outsider, "who">> {
  const stored = (): bigint | undefined => store.find(victim.tenant, victim.topic)?.range().next;
  const before = { calls: log.calls, stored: stored(), counters: await readCounters(adminAddress) };
  const socket = knock();
  // To be cut off is what is hoped for.
  socket.on("error", () => undefined);
  await once(socket, "connect");
  const peer = localAddressOf(socket);
  const { served } = await (speaks === "HTTP/1.1" ? askForPage(socket) : callOver(socket, asVictim(victim)));
  const entrance = await log.entranceOf(peer);
  const { refusal, principal } = entrance;
  const kind = entrance.refusal === undefined ? undefined : entrance.kind;
  socket.destroy();
  const due = new Map(kind === undefined ? [] : [[counterName(refusedConnections, { reason: kind }), 1]]);
  const problems = [
    served,
    refusal === undefined ? `the server takes him for ${principal}` : undefined,
    kind === undefined || kind === word ? undefined : `he is counted as ${kind}, and not as ${word}`,
    refusal === undefined || says === undefined || says.test(refusal)
      ? undefined
      : `he is refused for something else: ${refusal}`,
    log.calls === before.calls ? undefined : "it counts his calls",
    stored() === before.stored ? undefined : "something was stored",
    ...miscounted(before.counters, await readCounters(adminAddress), due),
  ].filter((problem) => problem !== undefined);
  return { refusal, kind, problem: problems.length === 0 ? undefined : problems.join(", ") };
}

/** Writes and reads, as the victim could. */
function asVictim({ tenant, topic }: Victim): readonly Request[] {
  const { Produce, ConsumeStream } = logServiceDefinition;
  const records = [{ value: Buffer.from("from outside") }];
  return [
    [Produce.path, Produce.requestSerialize({ tenant, topic, records })],
    [ConsumeStream.path, ConsumeStream.requestSerialize({ tenant, topic, start: "EARLIEST" })],
  ];
}

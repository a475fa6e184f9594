/** Callers who must not get in at all, each against the running server. */
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { type Socket, connect } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { type Principal, parsePrincipal } from "../names.js";
import { ShortLivedAuthority, type TrialAuthority, certificatesIn, issueSelfSigned } from "../pki/index.js";
import { logServiceDefinition } from "../wire/definition.js";
import { credentials } from "./axes/credentials.js";
import { counterName, miscounted, readCounters, refusedConnections } from "./counters.js";
import { connectTls, localAddressOf } from "./sockets.js";
import type { ClientKeys, Stage } from "./stage.js";
import { framed } from "./wire.js";

/** Who is neither cut off nor answered by then is not going to be. */
const patienceMs = 10_000;

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

/** Whose place an outsider tries to take: somebody who would get what he asks for. */
export interface Victim {
  readonly principal: string;
  readonly keys: ClientKeys;
  readonly tenant: string;
  readonly topic: string;
}

export interface OutsiderOptions {
  readonly victim: Victim;
  /** What signs as the real authority; without it, those are left out who have its signature and still must not get in. */
  readonly authority: ShortLivedAuthority | undefined;
  /** The same, for what no authority signs. */
  readonly trial?: TrialAuthority | undefined;
  /** A tenant that the policy does not know. */
  readonly undeclaredTenant: string;
}

/** Tries one after the other, so that whatever the server says is about one of them. */
export async function tryOutsiders(stage: Stage, options: OutsiderOptions): Promise<readonly Outsider[]> {
  const outsiders: Outsider[] = [];
  for (const disguise of disguises(stage, options)) {
    outsiders.push({ who: disguise.who, ...(await tryOne(stage, options.victim, disguise)) });
  }
  return outsiders;
}

/** What an outsider does. */
interface Disguise {
  readonly who: string;
  /** The word by which his refusal has to be counted, where only one will do. */
  readonly due?: string;
  /** Begins to connect. */
  readonly knock: () => Socket;
  /** Tries to be served on that connection. Resolves, once it is over, with how he was served, if he was. */
  readonly speak: (socket: Socket, victim: Victim) => Promise<string | undefined>;
}

function disguises(stage: Stage, { victim, authority, trial, undeclaredTenant }: OutsiderOptions): readonly Disguise[] {
  const principal = parsePrincipal(victim.principal)!;
  const overTls = (who: string, options: ConnectionOptions): Disguise => ({
    who,
    knock: () => connectTls(stage.port, options),
    speak: callOver,
  });
  const bearing = (who: string, { certificatePem, keyPem }: ReturnType<typeof issueSelfSigned>): Disguise =>
    overTls(who, { cert: certificatePem, key: keyPem });
  const knock = (): Socket => connect(stage.port, "127.0.0.1");
  const authorities = certificatesIn(stage.ca);
  const anyone = [
    { who: "plain text, HTTP/1.1", knock, speak: askForPage },
    { who: "plain text, HTTP/2", knock, speak: callOver },
    overTls("TLS without a certificate", {}),
    overTls("TLS 1.2, with the right certificate", {
      ...victim.keys,
      minVersion: "TLSv1.2",
      maxVersion: "TLSv1.2",
    }),
    bearing("a certificate signed by itself", issueSelfSigned(principal)),
    bearing("a certificate of another authority", ShortLivedAuthority.unknown().issue(principal)),
    ...authorities.map((pem) =>
      bearing(
        `a certificate of a same-named authority${authorities.length > 1 ? ` (${subjectOf(pem)})` : ""}`,
        ShortLivedAuthority.pretending(pem).issue(principal),
      ),
    ),
  ];
  if (authority === undefined) return anyone;
  const expired = { notBefore: hoursAgo(2), notAfter: hoursAgo(1) };
  return [
    ...anyone,
    bearing("a certificate that has expired", authority.issue(principal, expired)),
    bearing("a certificate for servers", authority.issue(principal, { usage: "serverAuth" })),
    bearing(
      "a certificate of a tenant that is not declared",
      authority.issue({ ...principal, tenant: undeclaredTenant }),
    ),
    ...(trial === undefined ? [] : misfits(trial, principal)).map(({ who, due, options }) => ({
      ...overTls(who, options),
      due,
    })),
  ];
}

/** Certificates of the real authority that make nobody a principal, whatever the policy says. */
function misfits(authority: TrialAuthority, who: Principal): readonly Misfit[] {
  return credentials.flatMap(({ name, entrance, isBadAnywhere, make }) => {
    if (!isBadAnywhere || make === undefined || entrance === "in") return [];
    // None of these is signed by another one.
    const signers = {
      authority,
      intermediate: authority,
      ofGlobex: authority,
      unknown: authority,
      namesake: authority,
    };
    const { certificate } = make(signers, who);
    const options = { cert: certificate.certificatePem, key: certificate.keyPem };
    return [{ who: `a certificate: ${name}`, due: entrance.word, options }];
  });
}

interface Misfit {
  readonly who: string;
  readonly due: string;
  readonly options: ConnectionOptions;
}

async function tryOne(
  { log, store, adminAddress }: Stage,
  victim: Victim,
  { knock, speak, due: word }: Disguise,
): Promise<Omit<Outsider, "who">> {
  const stored = (): bigint | undefined => store.find(victim.tenant, victim.topic)?.range().next;
  const before = { calls: log.calls, stored: stored(), counters: await readCounters(adminAddress) };
  const socket = knock();
  // To be cut off is what is hoped for.
  socket.on("error", () => undefined);
  await once(socket, "connect");
  const peer = localAddressOf(socket);
  const served = await speak(socket, victim);
  const entrance = await log.entranceOf(peer);
  const { refusal, principal } = entrance;
  const kind = entrance.refusal === undefined ? undefined : entrance.kind;
  socket.destroy();
  const due = new Map(kind === undefined ? [] : [[counterName(refusedConnections, { reason: kind }), 1]]);
  const problems = [
    served,
    refusal === undefined ? `the server takes him for ${principal}` : undefined,
    kind === undefined || word === undefined || kind === word
      ? undefined
      : `he is counted as ${kind}, and not as ${word}`,
    log.calls === before.calls ? undefined : "it counts his calls",
    stored() === before.stored ? undefined : "something was stored",
    ...miscounted(before.counters, await readCounters(adminAddress), due),
  ].filter((problem) => problem !== undefined);
  return { refusal, kind, problem: problems.length === 0 ? undefined : problems.join(", ") };
}

/** Tries to write and to read, as the victim could. */
async function callOver(socket: Socket, { tenant, topic }: Victim): Promise<string | undefined> {
  const { Produce, ConsumeStream } = logServiceDefinition;
  const records = [{ value: Buffer.from("from outside") }];
  const requests: readonly (readonly [path: string, message: Buffer])[] = [
    [Produce.path, Produce.requestSerialize({ tenant, topic, records })],
    [ConsumeStream.path, ConsumeStream.requestSerialize({ tenant, topic, start: "EARLIEST" })],
  ];
  const session = connectHttp2("http://localhost", { createConnection: () => socket });
  session.on("error", () => undefined);
  const headers = { ":method": "POST", "content-type": "application/grpc", te: "trailers" };
  const answered = new Set<string>();
  const calls = requests.map(([path, message]) => {
    const call = session.request({ ...headers, ":path": path }, { signal: AbortSignal.timeout(patienceMs) });
    call.on("error", () => undefined);
    call.on("response", () => {
      answered.add(path);
      call.resume().close();
    });
    call.end(framed(message));
    return new Promise((resolve) => call.once("close", resolve));
  });
  await Promise.all(calls);
  session.destroy();
  const paths = requests.map(([path]) => path).filter((path) => answered.has(path));
  return paths.length === 0 ? undefined : `${paths.join(" and ")} answered`;
}

/** Asks for a page: whatever comes back must not be one. */
function askForPage(socket: Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    let heard = "";
    socket.on("data", (bytes) => (heard += bytes.toString("latin1")));
    socket.on("close", () => resolve(heard.startsWith("HTTP/") ? "HTTP/1.1 was answered" : undefined));
    socket.setTimeout(patienceMs, () => socket.destroy());
    socket.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
  });
}

function subjectOf(pem: string): string {
  return new X509Certificate(pem).subject.replaceAll("\n", ",");
}

function hoursAgo(hours: number): Date {
  return new Date(Date.now() - hours * 3_600_000);
}

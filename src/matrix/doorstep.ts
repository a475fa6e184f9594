/** Callers who must not get in at all, seen from outside: each is cut off before HTTP/2 answers anything, or he is in. */
import { once } from "node:events";
import { TLSSocket } from "node:tls";
import { logServiceDefinition, offsetsServiceDefinition } from "../wire/definition.js";
import { onOneLine } from "./answer.js";
import { crossedDisguises } from "./crossed-disguises.js";
import { type Disguise, type OutsiderOptions, type Victim, disguises } from "./disguises.js";
import { type Request, askForPage, callOver } from "./knocking.js";
import { type LiveServer, wordsOf } from "./live-server.js";
import { type Outsider, notTried } from "./outsiders.js";
import { idleGroup, vain } from "./probes.js";
import { type Untried, likeOf, noneOf, signedDisguises, unsigned } from "./signed-disguises.js";

/** Tries one after the other. Nothing comes of what they ask for, even if one of them is let in. */
export async function knockFromOutside(server: LiveServer, options: OutsiderOptions): Promise<readonly Outsider[]> {
  const outsiders: Outsider[] = [];
  const crossed = crossedDisguises(server, options);
  for (const disguise of [...disguises(server, options), ...(await signed(server, options)), ...crossed]) {
    outsiders.push(
      "untried" in disguise
        ? notTried(disguise)
        : {
            who: disguise.who,
            kind: undefined,
            ...(await tryOne(server, disguise.victim ?? options.victim, disguise)),
          },
    );
  }
  return outsiders;
}

async function signed(
  server: LiveServer,
  { victim, authority, noAuthority, undeclaredTenant }: OutsiderOptions,
): Promise<readonly (Disguise | Untried)[]> {
  if (authority === undefined) return unsigned(noAuthority);
  const why = await server.whyNotIn(likeOf(victim, authority)).catch(wordsOf);
  return why === undefined ? signedDisguises(server, victim, authority, undeclaredTenant) : [noneOf(victim, why)];
}

async function tryOne(
  server: LiveServer,
  victim: Victim,
  { knock, speaks }: Disguise,
): Promise<Pick<Outsider, "refusal" | "problem">> {
  const socket = knock();
  let seen: string | undefined;
  socket.on("error", (error) => (seen ??= codeOf(error)));
  const isReached = await once(socket, "connect").then(
    () => true,
    () => false,
  );
  if (!isReached) return { refusal: undefined, problem: `the server cannot be reached: ${seen ?? ""}` };
  const metadata = { "x-request-id": `${server.requestIds}outsider` };
  const heard = await (speaks === "HTTP/1.1" ? askForPage(socket) : callOver(socket, inVain(victim), metadata));
  socket.destroy();
  const problem =
    impostor(socket) ??
    heard.served ??
    (heard.isIn ? "the server speaks HTTP/2 with him" : undefined) ??
    (heard.isOpen ? "he is neither cut off nor answered" : undefined) ??
    (await doubt(server, victim, socket, seen));
  return { refusal: problem === undefined ? `cut off${seen === undefined ? "" : `: ${seen}`}` : undefined, problem };
}

/** The like of what a victim could do, in a form that nothing comes of. */
function inVain({ tenant, topic }: Victim): readonly Request[] {
  const { Import } = logServiceDefinition;
  const { Delete } = offsetsServiceDefinition;
  return [
    [Import.path, Import.requestSerialize({ ...vain({ tenant, topic }), requestId: 1n })],
    [Delete.path, Delete.requestSerialize({ tenant, topic, group: idleGroup() })],
  ];
}

/**
 * Why it may not have been the server that cut somebody off, but its going away or whatever stands before it; undefined when
 * nothing speaks for that.
 */
async function doubt(
  server: LiveServer,
  victim: Victim,
  socket: unknown,
  seen: string | undefined,
): Promise<string | undefined> {
  const untold = "whether the server keeps him out cannot be told";
  if (socket instanceof TLSSocket) {
    // In TLS 1.3 it proves who it is before it looks at who calls, and any other version it refuses with an alert.
    const isAlert = seen?.startsWith("ERR_SSL_") === true;
    return socket.authorized || isAlert
      ? undefined
      : `${untold}: the connection was cut before it proved who it is (${seen ?? "closed"})`;
  }
  // In plain text it proves nothing. So right behind him somebody else has to get in.
  const why = await server.whyNotIn(victim.keys).catch(wordsOf);
  return why === undefined ? undefined : `${untold}: ${victim.principal} is not let in either (${why})`;
}

/** Why the other end is not the server that was asked for; undefined when nothing speaks against it. */
function impostor(socket: unknown): string | undefined {
  // Its type says that there always is one.
  const error = socket instanceof TLSSocket ? (socket.authorizationError as Error | string | null) : null;
  return error ? `whoever answers does not prove to be the server: ${onOneLine(String(error))}` : undefined;
}

function codeOf(error: Error): string {
  return "code" in error ? String(error.code) : wordsOf(error);
}

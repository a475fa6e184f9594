import { Pace } from "../authz/index.js";
import type { Connection } from "../identity/index.js";
import { formatPrincipal } from "../names.js";
import {
  type ConnectionOrder,
  type ConnectionPlace,
  type ListConnectionsRequest,
  connectionsPageToken,
} from "../wire/admin-requests.js";
import type { Connection as ConnectionMessage } from "../wire/generated/admin/v1/Connection.js";
import type { ListConnectionsResponse } from "../wire/generated/admin/v1/ListConnectionsResponse.js";

/** What a list tells of a connection. */
export type ListedConnection = Pick<Connection, "id" | "peer" | "since" | "identity" | "ended" | "socket">;

/** Where a list of connections comes from. */
export interface ConnectionSources {
  readonly connections: Iterable<ListedConnection>;
  /** How many calls of each method are open on a connection. */
  readonly openCallsOn: (socket: Connection["socket"]) => ReadonlyMap<string, number>;
}

/** What of a name an answer tells, in characters: a certificate may be long, and an answer has many of them. */
const maxNameLength = 200;
/** Twenty bytes, as RFC 5280 allows; authorities that do not keep to it exist. */
const maxSerialLength = 128;

/** Which comes first is negative. */
type Compare = (one: ConnectionPlace, other: ConnectionPlace) => number;

const compareBy: Readonly<Record<ConnectionOrder, Compare>> = {
  newest: (one, other) => other.id - one.id,
  "ends first": (one, other) => one.endsMs - other.endsMs || one.id - other.id,
};

/** One page of the connections that a request asks for. @throws whatever `signal` aborts with */
export async function listConnections(
  { connections, openCallsOn }: ConnectionSources,
  request: ListConnectionsRequest,
  signal: AbortSignal,
): Promise<ListConnectionsResponse> {
  const { order, page, after } = request;
  const pace = new Pace(signal);
  const compare = compareBy[order];
  const isAsked = asks(request);
  const first = new FirstOf(page.size + 1, compare);
  for (const connection of connections) {
    const pausing = pace.step();
    if (pausing !== undefined) await pausing;
    if (!isAsked(connection)) continue;
    const entry = { id: connection.id, endsMs: connection.identity.endsMs, connection };
    if (after === undefined || compare(after, entry) < 0) first.offer(entry);
  }
  const found = first.take();
  const shown = found.slice(0, page.size);
  const messages: ConnectionMessage[] = [];
  for (const { connection } of shown) {
    const pausing = pace.step();
    if (pausing !== undefined) await pausing;
    messages.push(messageOf(connection, openCallsOn(connection.socket)));
  }
  return {
    connections: messages,
    nextPageToken: found.length > shown.length ? connectionsPageToken(shown.at(-1)!) : "",
  };
}

function asks(request: ListConnectionsRequest): (connection: ListedConnection) => boolean {
  const { tenant, principal, endsWithinMs } = request;
  const name = principal.slice(tenant.length + 1);
  const endsBefore = Date.now() + endsWithinMs;
  return ({ identity, ended }) =>
    ended === undefined &&
    (tenant === "" || identity.principal.tenant === tenant) &&
    (principal === "" || identity.principal.name === name) &&
    identity.endsMs < endsBefore;
}

interface Entry extends ConnectionPlace {
  readonly connection: ListedConnection;
}

/** The first so many in an order, of what comes in any: however many come, no more than twice as many are kept and sorted. */
class FirstOf {
  readonly #most: number;
  readonly #compare: Compare;
  readonly #kept: Entry[] = [];

  constructor(most: number, compare: Compare) {
    this.#most = most;
    this.#compare = compare;
  }

  offer(entry: Entry): void {
    this.#kept.push(entry);
    if (this.#kept.length >= 2 * this.#most) this.take();
  }

  take(): readonly Entry[] {
    this.#kept.sort(this.#compare).splice(this.#most);
    return this.#kept;
  }
}

function messageOf({ id, peer, since, identity, socket }: ListedConnection, calls: ReadonlyMap<string, number>) {
  const { principal, serial, subject, issuer, fingerprint256, endsMs } = identity;
  return {
    id,
    principal: formatPrincipal(principal),
    peer,
    sinceMs: since.getTime(),
    certificate: {
      serial: serial.slice(0, maxSerialLength),
      subject: shortened(subject),
      issuer: shortened(issuer),
      fingerprint: fingerprint256,
      endsMs,
    },
    calls: Array.from(calls, ([method, count]) => ({ method, count })),
    // Of a socket that has closed meanwhile there is nothing more to say.
    protocol: socket.getProtocol() ?? "",
    cipher: (socket.getCipher() as { name: string } | undefined)?.name ?? "",
  } satisfies ConnectionMessage;
}

/** It is all ASCII: names are written so that nothing in them can look like something else. */
function shortened(name: string): string {
  return name.length > maxNameLength ? `${name.slice(0, maxNameLength)}…` : name;
}

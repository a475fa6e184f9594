/** `client.connections`: who is connected to a server, and with which certificate. */
import type { ConnectionOutput } from "../wire/generated/admin/v1/Connection.js";
import type { ListConnectionsResponseOutput } from "../wire/generated/admin/v1/ListConnectionsResponse.js";
import type { Calls } from "./calls.js";
import { duration, expected, requireOptions, requireText } from "./misuse.js";
import { optionNames } from "./option-names.js";
import { allPages, pageRequest } from "./pages.js";
import type { TenantOptions } from "./topics.js";

/** Everybody's connections unless a tenant or a principal is named. */
export interface ListConnectionsOptions extends TenantOptions {
  /** Only this principal's, such as `acme/billing`. */
  readonly principal?: string | undefined;
  /** Only those whose certificate ends within so many milliseconds. */
  readonly endsWithinMs?: number | undefined;
  /** `newest` connection first, which is the default, or the one first whose certificate `endsFirst`. */
  readonly order?: "newest" | "endsFirst" | undefined;
  /** Most connections in one answer, at most 250. Default 100. */
  readonly pageSize?: number | undefined;
}

/** One connection as it was when the server was asked. */
export interface ConnectionInfo {
  /** Counts up from the start of the server. */
  readonly id: number;
  readonly principal: string;
  /** Where it comes from, such as `10.0.0.1:40000`. */
  readonly peer: string;
  /** When it was let in, in milliseconds since 1970. */
  readonly sinceMs: number;
  readonly certificate: {
    /** Upper-case hexadecimal. */
    readonly serial: string;
    /** As RFC 4514 writes it, cut to 200 characters. */
    readonly subject: string;
    readonly issuer: string;
    /** SHA-256, as `AB:CD:…`. */
    readonly fingerprint: string;
    /** When it ends, or the first of those that lead to the authority, in milliseconds since 1970. */
    readonly endsMs: number;
  };
  /** The calls that are open on it, by their methods, such as `/log.v1.Log/ConsumeStream`. */
  readonly calls: readonly { readonly method: string; readonly count: number }[];
  readonly protocol: string;
  readonly cipher: string;
}

/** Every method throws `CallError` on a status other than OK. */
export class Connections {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** Who is connected; page after page, each within `timeoutMs`. */
  async *list(options: ListConnectionsOptions = {}): AsyncGenerator<ConnectionInfo, void, undefined> {
    requireOptions(options, optionNames.listConnections);
    const request = {
      ...pageRequest(options),
      tenant: requireText("tenant", options.tenant ?? ""),
      principal: requireText("principal", options.principal ?? ""),
      endsWithinMs: endsWithin(options.endsWithinMs),
      order: orderOf(options.order ?? "newest"),
    };
    const page = async (pageToken: string) => {
      const { connections, nextPageToken } = await this.#calls.unary<ListConnectionsResponseOutput>(
        options,
        (stubs, ...rest) => stubs.connections.list({ ...request, pageToken }, ...rest),
      );
      return { items: connections.map(fromWire), nextPageToken };
    };
    yield* allPages(page);
  }
}

/** On the wire, 0 is for whenever it ends. */
function endsWithin(ms: number | undefined): number {
  return ms === undefined ? 0 : Math.ceil(duration("endsWithinMs", ms, 1, Number.MAX_SAFE_INTEGER));
}

const orders = { newest: "NEWEST", endsFirst: "ENDS_FIRST" } as const;

function orderOf(order: string): (typeof orders)[keyof typeof orders] {
  if (order === "newest" || order === "endsFirst") return orders[order];
  throw expected("order", '"newest" or "endsFirst"', order);
}

function fromWire({ id, sinceMs, certificate, ...rest }: ConnectionOutput): ConnectionInfo {
  const { endsMs, ...names } = certificate!;
  return { ...rest, id: Number(id), sinceMs: Number(sinceMs), certificate: { ...names, endsMs: Number(endsMs) } };
}

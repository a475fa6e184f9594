import { InvalidField } from "../errors.js";
import { parsePrincipal } from "../names.js";
import {
  type Page,
  PageFields,
  SelectorFields,
  type TopicSelector,
  type UnreadableRequest,
  guarded,
  readFields,
  readNumber,
  readText,
  safeInteger,
} from "./request-fields.js";

/** The requests of `admin.v1`: each reader gives a frozen request or the error that answers it, and never throws. */

/** In which order connections are named: `newest` first, or the one first whose certificate `ends first`. */
export type ConnectionOrder = "newest" | "ends first";

/** What is known of a connection by its place in either order. */
export interface ConnectionPlace {
  readonly id: number;
  /** In milliseconds since 1970. */
  readonly endsMs: number;
}

/** An empty tenant means everybody's. Its `topic` is empty. */
export interface ListConnectionsRequest extends TopicSelector {
  /** Empty: every principal's of the tenant. */
  readonly principal: string;
  /** Only certificates that end within so many milliseconds; Infinity: whenever they end. */
  readonly endsWithinMs: number;
  readonly order: ConnectionOrder;
  readonly page: Page;
  /** The connection behind which the page begins. */
  readonly after: ConnectionPlace | undefined;
}

/** How many connections one answer may have: the bytes of so many are put together within some 10 ms. */
const maxPageSize = 250;

/** Reads a serialised ListConnectionsRequest. */
export function readListConnectionsRequest(bytes: Buffer): ListConnectionsRequest | UnreadableRequest {
  return guarded(() => {
    const selector = new SelectorFields();
    const page = new PageFields();
    let [principal, endsWithin, order] = ["", 0n, 0n];
    readFields(bytes, [1, 6], (reader, field, type) => {
      if (field === 1) selector.readTenant(reader, type);
      else if (field === 2) principal = readText(reader, type, "principal");
      else if (field === 3) endsWithin = readNumber(reader, field, type);
      else if (field === 4) order = readNumber(reader, field, type);
      else if (field === 5) page.readSize(reader, field, type);
      else if (field === 6) page.readToken(reader, type);
      else reader.skip(type);
    });
    const scope = selector.finish();
    const { size, token } = page.finish((text) => placeIn(text) !== undefined);
    return Object.freeze({
      ...scope,
      tenant: tenantOf(scope.tenant, principal),
      principal,
      endsWithinMs: safeInteger("ends_within_ms", endsWithin) || Infinity,
      order: orderOf(order),
      page: Object.freeze({ size: Math.min(size, maxPageSize), token }),
      after: placeIn(token),
    });
  });
}

/** What a page ends with, so that the next one can go on behind it. */
export function connectionsPageToken({ id, endsMs }: ConnectionPlace): string {
  return `${id}.${endsMs}`;
}

function placeIn(token: string): ConnectionPlace | undefined {
  const [, id, endsMs] = /^(\d{1,15})\.(\d{1,15})$/.exec(token) ?? [];
  return id === undefined ? undefined : { id: Number(id), endsMs: Number(endsMs) };
}

const orders: readonly ConnectionOrder[] = ["newest", "ends first"];

function orderOf(value: bigint): ConnectionOrder {
  const order = orders[Number(value)];
  if (order === undefined) throw new InvalidField("order", `${value} is none of 0 to ${orders.length - 1}`);
  return order;
}

/** Whoever asks about one principal need not name the tenant too. */
function tenantOf(tenant: string, principal: string): string {
  if (principal === "") return tenant;
  const home = parsePrincipal(principal)?.tenant;
  if (home === undefined) throw new InvalidField("principal", "not a principal, such as acme/billing");
  if (tenant !== "" && tenant !== home) throw new InvalidField("tenant", "not the principal's");
  return home;
}

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type TLSSocket, connect, createServer } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { IdentityRefused } from "../../src/identity/index.js";
import { type ListedConnection, listConnections } from "../../src/transport/connection-list.js";
import { type ListConnectionsRequest, readListConnectionsRequest } from "../../src/wire/admin-requests.js";
import { connectionsServiceDefinition } from "../../src/wire/definition.js";
import { TestAuthority } from "../support/certificates.js";
import { encoded } from "../support/messages.js";
import { Random } from "../support/random.js";

let socket: TLSSocket;
let close: () => void;

beforeAll(async () => {
  const authority = await TestAuthority.create();
  const { certPem: cert, keyPem: key } = authority.server();
  const server = createServer({ cert, key, ca: authority.caPem }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: "127.0.0.1", ca: authority.caPem });
  [socket] = (await once(server, "secureConnection")) as [TLSSocket];
  close = () => {
    client.destroy();
    socket.destroy();
    server.close();
  };
});
afterAll(() => close());

const calls = new Map([["/log.v1.Log/ConsumeStream", 3]]);

function connectionsOf(count: number, random: Random): ListedConnection[] {
  return Array.from({ length: count }, (_, index) => {
    const principal = { tenant: random.pick(["acme", "globex"]), name: random.pick(["a", "b", "c"]) };
    return {
      id: index + 1,
      peer: "10.0.0.1:40000",
      since: new Date(),
      socket,
      ended: undefined,
      identity: {
        principal,
        serial: "4F".repeat(16),
        subject: `CN=${principal.name},O=${principal.tenant}`,
        issuer: "CN=authority",
        fingerprint256: "AB:".repeat(31) + "AB",
        // Many end together.
        endsMs: Date.now() + random.below(50) * 1000,
      },
    };
  });
}

function requestOf(fields: object): ListConnectionsRequest {
  return readListConnectionsRequest(encoded("admin.v1.ListConnectionsRequest", fields)) as ListConnectionsRequest;
}

/** The ids of every page. */
async function idsOf(connections: readonly ListedConnection[], fields: object): Promise<number[]> {
  const ids: number[] = [];
  let pageToken = "";
  do {
    const sources = { connections, openCallsOn: () => calls };
    const answer = await listConnections(sources, requestOf({ ...fields, pageToken }), new AbortController().signal);
    ids.push(...(answer.connections as { id: number }[]).map(({ id }) => id));
    pageToken = answer.nextPageToken!;
  } while (pageToken !== "");
  return ids;
}

test.each([
  [{}, 3],
  [{ tenant: "acme" }, 7],
  [{ principal: "globex/b" }, 1],
  [{ order: "ENDS_FIRST" }, 4],
  [{ order: "ENDS_FIRST", tenant: "globex" }, 1000],
  [{ tenant: "initech" }, 5],
] as const)("all pages together are what %j asks for, in its order, %i at a time", async (asked, pageSize) => {
  const random = new Random(pageSize);
  for (let round = 0; round < 20; round++) {
    const connections = connectionsOf(random.below(60), random);
    const { tenant, principal, order }: Record<string, string | undefined> = asked;
    const wanted = connections
      .filter(({ identity }) => tenant === undefined || identity.principal.tenant === tenant)
      .filter(
        ({ identity: { principal: each } }) => principal === undefined || `${each.tenant}/${each.name}` === principal,
      )
      .reverse();
    if (order !== undefined) wanted.reverse().sort((a, b) => a.identity.endsMs - b.identity.endsMs);
    expect(await idsOf(connections, { ...asked, pageSize })).toEqual(wanted.map(({ id }) => id));
  }
});

test("one answer has 250 connections at most, of as many as there are", async () => {
  const sources = { connections: connectionsOf(5000, new Random(1)), openCallsOn: () => calls };
  const request = requestOf({ order: "ENDS_FIRST", pageSize: 1000 });
  const answer = await listConnections(sources, request, new AbortController().signal);
  expect(answer.connections).toHaveLength(250);
  expect(connectionsServiceDefinition.List.responseSerialize(answer).length).toBeLessThan(128 * 1024);
});

test("a connection whose peer is nobody any more is not named while it is being closed", async () => {
  const [first, second] = connectionsOf(2, new Random(1)) as [ListedConnection, ListedConnection];
  const ended = new IdentityRefused("revoked", "the certificate was revoked");
  expect(await idsOf([first, { ...second, ended }], {})).toEqual([first.id]);
});

test("looking through many lets others go on, and ends with its caller", async () => {
  const [each] = connectionsOf(1, new Random(1));
  function* endless(): Generator<ListedConnection> {
    for (;;) yield each!;
  }
  const caller = new AbortController();
  const listing = listConnections({ connections: endless(), openCallsOn: () => calls }, requestOf({}), caller.signal);
  await new Promise(setImmediate);
  caller.abort(new Error("gone"));
  await expect(listing).rejects.toThrow("gone");
});

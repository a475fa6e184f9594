import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { type TLSSocket, connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CallError, Client, type ConnectionInfo, type ListConnectionsOptions } from "../../src/client/index.js";
import { connectionsServiceDefinition } from "../../src/wire/definition.js";
import { type IssueOptions, type IssuedCertificate } from "../support/certificates.js";
import { encoded } from "../support/messages.js";
import { type TestNode, startTestNode } from "../support/test-node.js";

const list = "/admin.v1.Connections/List";
const dayMs = 24 * 3_600_000;

const policy = {
  "tenants.yaml": "tenants:\n  acme: { limits: { connections: 5000 } }\n  globex: {}\n  ops: {}\n",
  "policy.csv": [
    "p, role:root, *, *, *, allow",
    "p, role:operator, _system, *, admin, allow",
    "p, acme/watcher, acme, connections, admin, allow",
    "p, acme/billing, acme, *, *, allow",
    "p, acme/billing, acme, connections, *, deny",
    "g, acme/root, role:root, acme",
    "g, globex/root, role:root, globex",
    "g, ops/root, role:root, ops",
    "g, ops/root, role:operator, _system",
    "",
  ].join("\n"),
};

let node: TestNode;
beforeAll(async () => {
  node = await startTestNode({ policy });
});
afterAll(() => node[Symbol.asyncDispose]());

/** A client with a certificate of its own, connected. */
async function connected(options: IssueOptions): Promise<{ client: Client; issued: IssuedCertificate }> {
  const issued = node.authority.issue(options);
  const keys = { ca: node.authority.caPem, cert: issued.certPem, key: issued.keyPem };
  const client = Client.connect({ address: node.address, ...keys });
  await client.topics.list().next();
  return { client, issued };
}

const inDays = (days: number): Date => new Date(Date.now() + days * dayMs);

async function listed(options: ListConnectionsOptions = {}, principal = "ops/root"): Promise<ConnectionInfo[]> {
  const found: ConnectionInfo[] = [];
  for await (const each of node.as(principal).connections.list(options)) found.push(each);
  return found;
}

/** Resolves when a principal has so many connections; whoever makes it so is not ours to await. */
async function reaches(principal: string, count: number): Promise<void> {
  while ((await listed({ principal, pageSize: 250 })).length !== count) await new Promise(setImmediate);
}

async function refusalOf(principal: string, options: ListConnectionsOptions): Promise<CallError> {
  const error: unknown = await listed(options, principal).then(
    (found) => new Error(`it was told of ${found.length}`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof CallError)) throw error;
  return error;
}

describe("whoever runs the server", () => {
  test("sees who is connected, from where, since when, with which certificate, and what is open there", async () => {
    const before = Date.now();
    const { client, issued } = await connected({ principal: "acme/billing", notAfter: inDays(20) });
    const following = client.follow({ topic: "default" });
    await client.produce("v", { topic: "default" });
    await following.next();
    const [found, ...others] = await listed({ principal: "acme/billing" });
    expect(others).toEqual([]);
    const certificate = new X509Certificate(issued.der);
    expect(found).toMatchObject({
      principal: "acme/billing",
      certificate: {
        serial: certificate.serialNumber,
        subject: "CN=billing,O=acme",
        issuer: certificate.issuer,
        fingerprint: certificate.fingerprint256,
        endsMs: Date.parse(certificate.validTo),
      },
      protocol: "TLSv1.3",
    });
    expect(found!.calls).toContainEqual({ method: "/log.v1.Log/ConsumeStream", count: 1 });
    expect(found!.cipher).toMatch(/^TLS_AES_/);
    expect(found!.peer).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(found!.sinceMs).toBeGreaterThanOrEqual(before);
    expect(found!.sinceMs).toBeLessThanOrEqual(Date.now());
    // Its own connection is there too, with the call that asks.
    const [own] = await listed({ tenant: "ops" });
    expect(own).toMatchObject({ principal: "ops/root", calls: [{ method: list, count: 1 }] });
    await following.return();
    await client.close();
    await reaches("acme/billing", 0);
  });

  test("sees the newest first or whose certificate ends first, and can leave out those that are good for longer", async () => {
    const clients: Client[] = [];
    for (const days of [20, 300, 2]) {
      const { client } = await connected({ principal: "acme/billing", notAfter: inDays(days) });
      clients.push(client);
    }
    const daysOf = (found: readonly ConnectionInfo[]): number[] =>
      found.map(({ certificate }) => Math.round((certificate.endsMs - Date.now()) / dayMs));
    const billing = { principal: "acme/billing" };
    expect(daysOf(await listed(billing))).toEqual([2, 300, 20]);
    expect(daysOf(await listed({ ...billing, order: "endsFirst" }))).toEqual([2, 20, 300]);
    expect(daysOf(await listed({ ...billing, endsWithinMs: 21 * dayMs }))).toEqual([2, 20]);
    expect(daysOf(await listed({ ...billing, endsWithinMs: dayMs }))).toEqual([]);
    for (const client of clients) await client.close();
    await reaches("acme/billing", 0);
  });

  test("gets every connection once, page after page, while others come and go", async () => {
    const many = node.authority.issue({ principal: "acme/many" });
    const sockets = await connections(many, 12);
    for (const order of ["newest", "endsFirst"] as const) {
      const ids: number[] = [];
      for await (const { id } of node.as("ops/root").connections.list({ principal: "acme/many", pageSize: 5, order })) {
        ids.push(id);
        if (ids.length === 5) sockets.push(...(await connections(many, 2)));
      }
      expect(new Set(ids).size).toBe(ids.length);
      expect(ids.length).toBeGreaterThanOrEqual(12);
      const wanted = order === "newest" ? ids.toSorted((a, b) => b - a) : ids.toSorted((a, b) => a - b);
      // They share a certificate, so that the order of the ids is left.
      expect(ids).toEqual(wanted);
    }
    await closed(sockets);
  });
});

describe("who may see whom", () => {
  test("a tenant's administrator sees that tenant's principals and nobody else", async () => {
    await listed({ tenant: "globex" }, "globex/root");
    const own = await listed({ tenant: "acme" }, "acme/root");
    expect(new Set(own.map(({ principal }) => principal.split("/", 1)[0]))).toEqual(new Set(["acme"]));
    expect(await listed({ principal: "acme/root" }, "acme/root")).toHaveLength(1);
    expect((await listed({ tenant: "acme" }, "acme/watcher")).length).toBe(own.length + 1);
    expect((await listed({ tenant: "globex" })).map(({ principal }) => principal)).toEqual(["globex/root"]);
  });

  const refused: readonly (readonly [string, ListConnectionsOptions])[] = [
    ["acme/root", {}],
    ["acme/root", { tenant: "_system" }],
    ["acme/root", { tenant: "globex" }],
    ["acme/root", { tenant: "initech" }],
    ["acme/root", { principal: "globex/root" }],
    ["globex/root", { tenant: "acme" }],
    ["acme/watcher", { tenant: "ops" }],
    // Whose administrator a deny line takes it from, and whoever has a certificate and no more.
    ["acme/billing", { tenant: "acme" }],
    ["acme/nobody", { principal: "acme/nobody" }],
  ];
  test.each(refused)("%s is refused with %j, and learns nothing", async (principal, options) => {
    const error = await refusalOf(principal, options);
    expect(error).toMatchObject({ codeName: "PERMISSION_DENIED", reason: "PERMISSION_DENIED" });
    expect(Object.keys(error.facts)).toEqual(["decision"]);
    const line = await node.log.until(({ id }) => id === error.facts["decision"]);
    expect(line).toMatchObject({ msg: "denied", principal, method: list, topic: "connections" });
  });

  test("every method of the service is tried here", () => {
    expect(Object.keys(connectionsServiceDefinition)).toEqual(["List"]);
  });
});

test.each<[string, object, string[]]>([
  ["a principal that is none", { principal: "acme" }, ["principal"]],
  ["a principal of another tenant", { tenant: "globex", principal: "acme/root" }, ["tenant"]],
  ["a tenant that is none", { tenant: "../acme" }, ["tenant"]],
  ["an order that there is not", { order: 7 }, ["order"]],
  ["a time that no number holds", { endsWithinMs: 2n ** 60n }, ["ends_within_ms"]],
  ["a page token of somebody's own", { pageToken: "1" }, ["page_token"]],
  ["another one", { pageToken: "-1.5" }, ["page_token"]],
])("%s is refused", async (_, request, fields) => {
  const bytes = encoded("admin.v1.ListConnectionsRequest", request);
  const answered = await node.raw("ops/root").call(list, [bytes]);
  expect(answered).toMatchObject({ code: "INVALID_ARGUMENT", reason: "INVALID_FIELD", fields, messages: [] });
});

test("bytes that are no request are refused", async () => {
  const answered = await node.raw("ops/root").call(list, [Buffer.from([0xff])]);
  expect(answered).toMatchObject({ code: "INVALID_ARGUMENT", reason: "MALFORMED_MESSAGE", messages: [] });
});

test("odd names of a certificate are told in visible characters, and long ones cut, so that the largest answer is small", async () => {
  const odd = { type: "OU", value: '\x1b[31m\u009b2J\n\r\0 a,b+c="d"' } as const;
  const long = Array.from({ length: 40 }, () => ({ type: "OU", value: "𝔞".repeat(60) }) as const);
  const subject = [...long, odd, { type: "O", value: "acme" }, { type: "CN", value: "many" }] as const;
  const sockets = await connections(node.authority.issue({ subject }), 20);
  await reaches("acme/many", 20);
  const request = encoded("admin.v1.ListConnectionsRequest", { principal: "acme/many" });
  const answered = await node.raw("ops/root").answer(list, request);
  // Of as many as one answer may have.
  expect((answered.length / 20) * 250).toBeLessThan(1024 * 1024);
  const { connections: found } = connectionsServiceDefinition.List.responseDeserialize(answered);
  expect(found).toHaveLength(20);
  const { subject: told } = found[0]!.certificate!;
  expect(told).toHaveLength(201);
  expect(told).toMatch(/^CN=many,O=acme,OU=\\1B\[31m\\C2\\9B2J[ -~]*,OU=[ -~]*…$/);
  await closed(sockets);
});

/** Connections that say nothing, under one certificate. */
async function connections({ certPem, keyPem }: IssuedCertificate, count: number): Promise<TLSSocket[]> {
  const options = { ca: node.authority.caPem, cert: certPem, key: keyPem, ALPNProtocols: ["h2"] };
  const sockets = Array.from({ length: count }, () => connect({ port: node.port, host: "localhost", ...options }));
  await Promise.all(sockets.map((socket) => once(socket, "secureConnect")));
  for (const socket of sockets) socket.on("error", () => undefined).resume();
  return sockets;
}

async function closed(sockets: readonly TLSSocket[]): Promise<void> {
  for (const socket of sockets) socket.destroy();
  await reaches("acme/many", 0);
}

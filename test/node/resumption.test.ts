import { once } from "node:events";
import { type ConnectionOptions, type TLSSocket, connect } from "node:tls";
import { expect, test } from "vitest";
import { type TestNode, startTestNode } from "../support/test-node.js";

interface Visit {
  /** Whether the server answered with a byte of HTTP/2. */
  readonly wasLetIn: boolean;
  readonly wasReused: boolean;
  /** Whatever a client could come back with. */
  readonly sessions: readonly Buffer[];
}

/** Stays until the server has spoken, or has closed. */
async function visit(node: TestNode, options: ConnectionOptions): Promise<Visit> {
  const target = { host: "127.0.0.1", servername: "localhost", port: node.port, ALPNProtocols: ["h2"] };
  const socket: TLSSocket = connect({ ...target, ca: node.authority.caPem, ...options });
  const sessions: Buffer[] = [];
  let wasReused = false;
  socket.on("error", () => undefined);
  socket.on("session", (session) => sessions.push(session));
  socket.on("secureConnect", () => {
    wasReused = socket.isSessionReused();
    // Without a ticket too, OpenSSL has something to remember.
    const session = socket.getSession();
    if (session !== undefined) sessions.push(session);
  });
  const spoken = once(socket, "data").then(
    () => true,
    () => false,
  );
  const closed = new Promise<false>((resolve) => socket.once("close", () => resolve(false)));
  // What is refused in TLS 1.3 has finished its handshake by its own lights, and is told so behind it.
  const wasLetIn = await Promise.race([spoken, closed]);
  socket.destroy();
  await closed;
  return { wasLetIn, wasReused, sessions };
}

/** With the sessions of an earlier visit, with the certificate that they were made by and without any. */
async function comeBack(node: TestNode, sessions: readonly Buffer[], keys: ConnectionOptions): Promise<Visit[]> {
  const visits: Visit[] = [];
  for (const session of sessions)
    for (const shown of [keys, {}])
      visits.push(await visit(node, { ...shown, session, checkServerIdentity: () => undefined }));
  return visits;
}

const suspended = "tenants:\n  acme: {}\n  globex: { suspended: true }\n";

test("no session of a caller who was let in brings it back once it is nobody, nor without its certificate before", async () => {
  await using node = await startTestNode({
    policy: { "tenants.yaml": "tenants:\n  acme: {}\n  globex: {}\n", "policy.csv": "" },
  });
  const keys = node.keysOf("globex/reader");
  const { wasLetIn, sessions } = await visit(node, keys);
  expect(wasLetIn).toBe(true);
  expect(sessions.length).toBeGreaterThan(0);
  const before = await comeBack(node, sessions, keys);
  expect(before.map((each) => [each.wasLetIn, each.wasReused])).toEqual(
    sessions.flatMap(() => [
      [true, false],
      [false, false],
    ]),
  );
  await node.writePolicy({ "tenants.yaml": suspended });
  await node.reloadPolicy();
  for (const each of await comeBack(node, [...sessions, ...before.flatMap((earlier) => earlier.sessions)], keys))
    expect(each).toMatchObject({ wasLetIn: false, wasReused: false });
  expect(await node.metric("aclog_connections")).toBe(0);
  expect(await node.metric('aclog_connections_refused_total{reason="resumed"}')).toBe(0);
  expect(await node.metric('aclog_connections_refused_total{reason="tenant_suspended"}')).toBeGreaterThan(0);
});

test("nor once its certificate has expired", async () => {
  await using node = await startTestNode();
  const notAfter = new Date(Math.floor(Date.now() / 1000) * 1000 + 2_000);
  const { certPem, keyPem } = node.authority.issue({ principal: "acme/billing", notAfter });
  const keys = { cert: certPem, key: keyPem };
  const { wasLetIn, sessions } = await visit(node, keys);
  expect(wasLetIn).toBe(true);
  while (Date.now() < notAfter.getTime()) await new Promise((resolve) => setTimeout(resolve, 50));
  for (const each of await comeBack(node, sessions, keys))
    expect(each).toMatchObject({ wasLetIn: false, wasReused: false });
  expect(await node.metric('aclog_connections_refused_total{reason="expired"}')).toBeGreaterThan(0);
});

test.each<readonly [string, ConnectionOptions]>([
  ["TLS 1.2, whose sessions have ids and tickets,", { maxVersion: "TLSv1.2" }],
  ["a pre-shared key of its own", { pskCallback: () => ({ psk: Buffer.alloc(32, 1), identity: "globex/reader" }) }],
  [
    "a pre-shared key of TLS 1.2",
    {
      maxVersion: "TLSv1.2",
      ciphers: "PSK+HIGH",
      pskCallback: () => ({ psk: Buffer.alloc(32, 1), identity: "globex/reader" }),
    },
  ],
])("%s brings nobody in", async (_what, options) => {
  await using node = await startTestNode();
  const refused = await node.metric("aclog_connections_refused_total");
  const keys = options.maxVersion === undefined ? {} : node.keysOf("acme/billing");
  expect(await visit(node, { ...keys, ...options })).toMatchObject({ wasLetIn: false, wasReused: false });
  await node.metricReaches("aclog_connections_refused_total", refused + 1);
});

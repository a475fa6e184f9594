import { afterEach, beforeEach, expect, test } from "vitest";
import { Client } from "../../src/client/index.js";
import { type TestNode, startTestNode } from "../support/test-node.js";

const dayMs = 24 * 3_600_000;
const dayS = 24 * 3600;

let node: TestNode;
let clients: Client[];
beforeEach(async () => {
  clients = [];
  node = await startTestNode({ config: { metricsTenants: true } });
});
afterEach(async () => {
  for (const client of clients) await client.close();
  await node[Symbol.asyncDispose]();
});

/** So many connections under one certificate, which was issued long ago. */
async function connect(principal: string, days: number, count = 1): Promise<void> {
  const [notBefore, notAfter] = [-300, days].map((each) => new Date(Date.now() + each * dayMs)) as [Date, Date];
  const { certPem: cert, keyPem: key } = node.authority.issue({ principal, notBefore, notAfter });
  for (let index = 0; index < count; index++) {
    const client = Client.connect({ address: node.address, ca: node.authority.caPem, cert, key });
    clients.push(client);
    await client.topics.list().next();
  }
}

const within = (label: string, tenant?: string): Promise<number> =>
  tenant === undefined
    ? node.metric(`aclog_client_certificates{ends_within="${label}"}`)
    : node.metric(`aclog_tenant_client_certificates{tenant="${tenant}",ends_within="${label}"}`);

test("the callers' certificates are counted once each, by how soon they end, for all and for each tenant", async () => {
  expect(await within("any")).toBe(0);
  expect((await node.probe("/metrics")).body).toContain("\naclog_client_certificate_remaining_seconds +Inf\n");
  await connect("acme/billing", 2, 3);
  await connect("acme/reports", 20);
  await connect("globex/root", 300);
  const labels = ["1d", "3d", "7d", "14d", "30d", "90d", "any"];
  expect(await Promise.all(labels.map((label) => within(label)))).toEqual([0, 1, 1, 1, 2, 2, 3]);
  expect(await Promise.all(labels.map((label) => within(label, "acme")))).toEqual([0, 1, 1, 1, 2, 2, 2]);
  expect(await Promise.all(labels.map((label) => within(label, "globex")))).toEqual([0, 0, 0, 0, 0, 0, 1]);
  const remaining = async (metric: string): Promise<number> => Math.round((await node.metric(metric)) / dayS);
  expect(await remaining("aclog_client_certificate_remaining_seconds")).toBe(2);
  expect(await remaining('aclog_tenant_client_certificate_remaining_seconds{tenant="globex"}')).toBe(300);
  for (const client of clients.splice(0)) await client.close();
  await node.metricReaches('aclog_client_certificates{ends_within="any"}', 0);
  const { body } = await node.probe("/metrics");
  expect(body).not.toMatch(/aclog_tenant_client_certificates\{/);
});

test("whose certificate ends soon is logged once, with all that is needed to find him", async () => {
  await connect("globex/root", 300);
  await connect("acme/billing", 2, 3);
  await connect("acme/reports", 20);
  const warnings = node.log.lines.filter(({ msg }) => msg === "a client's certificate ends soon");
  expect(warnings.map(({ principal, withinDays }) => [principal, withinDays])).toEqual([
    ["acme/billing", 3],
    ["acme/reports", 30],
  ]);
  const [{ peer, serial, fingerprint, ends, level }] = warnings as [(typeof warnings)[number]];
  expect(peer).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(serial).toMatch(/^[0-9A-F]{32}$/);
  expect(fingerprint).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  expect(Math.round((Date.parse(ends as string) - Date.now()) / dayMs)).toBe(2);
  expect(level).toBe(40);
});

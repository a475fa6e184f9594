import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "vitest";
import { Client } from "../../src/client/index.js";
import { type Outcome } from "./command.js";
import { sharedServer } from "./served.js";

const dayMs = 24 * 3_600_000;
const shared = sharedServer();

function aclog(principal: string, ...args: string[]): Promise<Outcome> {
  return shared.server.aclog(principal, ["connections", ...args]);
}

/** A client that has called, with the certificate that `certs init` made. */
async function connectedAs(principal: string) {
  const read = (name: string): Promise<Buffer> => readFile(join(shared.directory, "certs", name));
  const [ca, cert, key] = await Promise.all([
    read("ca.crt"),
    read(`clients/${principal}.crt`),
    read(`clients/${principal}.key`),
  ]);
  const client = Client.connect({
    address: `localhost:${shared.server.ready.address.replace(/^.*:/, "")}`,
    ca,
    cert,
    key,
  });
  await client.topics.list().next();
  return { client, certificate: new X509Certificate(cert), [Symbol.asyncDispose]: () => client.close() };
}

test("a person sees a table, the newest connection first", async () => {
  await using connected = await connectedAs("acme/root");
  const { client, certificate } = connected;
  const following = client.follow({ topic: "default", from: "earliest" });
  await client.produce("v");
  await following.next();
  const { code, stdout, stderr } = await aclog("ops/root");
  assert.deepEqual([code, stderr], [0, ""]);
  const [head, own, other, ...rest] = stdout.split("\n");
  assert.match(head!, /^PRINCIPAL {2,}FROM {2,}CONNECTED {2,}SERIAL {2,}ISSUER {2,}ENDS IN {2,}CALLS$/);
  assert.match(own!, /^ops\/root .* 1 List$/);
  const days = Math.floor((Date.parse(certificate.validTo) - Date.now()) / dayMs);
  const words = [
    "acme/root",
    "127\\.0\\.0\\.1:\\d+",
    "\\d+s ago",
    certificate.serialNumber,
    certificate.issuer,
    `${days}d`,
  ];
  assert.match(other!, new RegExp(`^${words.join(" +")}  .*1 ConsumeStream`));
  assert.deepEqual(rest, [""]);
});

test.each([
  ["--tenant", "globex"],
  ["--principal", "globex/root"],
])("a program gets one object for each: %s %s", async (...flags) => {
  await using connected = await connectedAs("globex/root");
  const { certificate } = connected;
  const { code, stdout } = await aclog("ops/root", "--json", ...flags);
  assert.equal(code, 0);
  const told = JSON.parse(stdout.split("\n", 1)[0]!) as Record<string, unknown>;
  assert.equal(told["principal"], "globex/root");
  assert.deepEqual(told["certificate"], {
    serial: certificate.serialNumber,
    subject: "CN=root,O=globex",
    issuer: certificate.issuer.split("\n").reverse().join(","),
    fingerprint256: certificate.fingerprint256,
    ends: new Date(certificate.validTo).toISOString(),
  });
  assert.ok(Math.abs(Date.parse(told["since"] as string) - Date.now()) < 60_000);
});

test("a tenant's administrator has to name the tenant, and is refused another one", async () => {
  const { code, stdout } = await aclog("acme/root", "--tenant", "acme");
  assert.equal(code, 0);
  const [, ...rows] = stdout.trimEnd().split("\n");
  assert.match(rows[0]!, /^acme\/root .* 1 List$/);
  assert.deepEqual(new Set(rows.map((row) => row.split(" ", 1)[0])), new Set(["acme/root"]));
  for (const [flags, isTold] of [
    [[], true],
    [["--tenant", "globex"], false],
  ] as const) {
    const refused = await aclog("acme/root", ...flags);
    assert.deepEqual([refused.code, refused.stdout], [1, ""]);
    assert.match(refused.stderr, /connections \(decision /);
    assert.equal(refused.stderr.includes(" With --tenant acme it lists "), isTold);
  }
});

test("it can ask for those alone whose certificates end soon", async () => {
  const { stdout: none } = await aclog("ops/root", "--expiring-within", "1");
  assert.equal(none, "no such connections\n");
  const { stdout: all } = await aclog("ops/root", "--expiring-within", "36500");
  assert.match(all, /\nops\/root /);
  const { code, stderr } = await aclog("ops/root", "--expiring-within", "soon");
  assert.equal(code, 2);
  assert.match(stderr, /whole number from 1/i);
});

import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile, readdir, watch } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { outcomeOf, run, start } from "../cli/command.js";
import { Places } from "./places.js";

const policy = {
  "tenants.yaml": "tenants:\n  acme: {}\n  globex: {}\n",
  "policy.csv": "p, acme/billing, acme, orders, *, allow\n",
  "matrix.csv": "acme/billing, acme, orders, *, allow\nglobex/auditor, acme, orders, consume, deny\n",
};

/** Where `aclog matrix` finds everything, with a temporary folder of its own. */
async function makePlaces(): Promise<AsyncDisposable & { places: Places; flags: string[]; env: { TMPDIR: string } }> {
  const places = await Places.make(["acme/billing", "globex/auditor"]);
  const { policyDir, server, certificates } = places.options("rules");
  const flags = ["matrix", "--policy", policyDir, "--clients", certificates.clients];
  const tmp = join(places.path, "tmp");
  await mkdir(tmp);
  return {
    places,
    flags: [...flags, "--ca", server.ca, "--no-ca-key", "--cert", server.cert, "--key", server.key],
    env: { TMPDIR: tmp },
    [Symbol.asyncDispose]: () => places[Symbol.asyncDispose](),
  };
}

test("a matrix that holds is drawn, counted and left without a trace", async () => {
  await using made = await makePlaces();
  const { places, flags, env } = made;
  await places.policy("rules", policy);
  const { code, stdout, stderr } = await run(flags, { cwd: places.path, env });
  expect(stderr).toBe("");
  expect(code).toBe(0);
  const lines = stdout.split("\n").map((line) => line.trim().replace(/ +/g, " "));
  expect(lines.slice(0, 4)).toEqual([
    "Topics of acme",
    "produce consume describe create delete admin",
    "acme/billing orders ✓ ✓ ✓ ✓ ✓ ✓",
    "globex/auditor orders · ✗ · · · ·",
  ]);
  expect(stdout).not.toContain("\u001b");
  for (const line of stdout.split("\n").slice(0, 6)) expect(line.length).toBeLessThanOrEqual(120);
  expect(lines.at(-2)).toMatch(
    /matrix\.csv \(version [0-9a-f]{12}\): 7 cells, \d+ calls on the wire, 7 of 7 outsiders kept out, 0 differences, [\d.]+ s$/,
  );
  expect(await readdir(env.TMPDIR)).toEqual([]);
  expect((await readdir(places.path)).sort()).toEqual(["people", "pki", "rules", "tmp"]);
});

test("a difference ends with 1, its line and the rule that decided, also where no report can be written", async () => {
  await using made = await makePlaces();
  const { places, flags, env } = made;
  await places.policy("rules", { ...policy, "matrix.csv": "acme/billing, acme, orders, produce, deny\n" });
  const { code, stdout, stderr } = await run([...flags, "--junit", "/dev/full"], { env });
  expect(code).toBe(1);
  expect(stderr).toContain("aclog: not every report could be written:");
  expect(stderr).toContain("  /dev/full: no space is left on the device");
  expect(stdout).toContain("✓!");
  expect(stdout).toContain(
    "rules/matrix.csv:1: acme/billing produce acme/orders: expected deny, got allow; the policy says allow",
  );
  expect(stdout).toContain("rules/policy.csv:1: p, acme/billing, acme, orders, *, allow)");
  expect(stdout).toContain("1 difference,");
});

test("by a server's settings, with --json it is one object, and a page and a report for CI are written beside it", async () => {
  await using made = await makePlaces();
  const { places, env } = made;
  await places.policy("rules", policy);
  const at = (name: string): string => join(places.path, name);
  await places.write(
    "server.yaml",
    "policy: nowhere\nca: pki/root.pem\ncert: pki/log.crt\nkey: pki/log.key\nidentity: who.yaml\n",
  );
  await places.write(
    "who.yaml",
    "rules: [{ tenant: { from: O, map: { Acme Inc.: acme, globex: globex } }, name: { from: CN } }]\n",
  );
  const company = places.authority.issue({
    subject: [
      { type: "O", value: "Acme Inc." },
      { type: "CN", value: "billing" },
    ],
  });
  await places.pair("pki/clients/acme/billing", company);
  await places.pair("pki/clients/globex/auditor", places.authority.issue({ principal: "globex/auditor" }));
  const flags = ["matrix", "--config", "server.yaml", "--policy", "rules", "--no-ca-key", "--json"];
  const reports = ["--html", "m.html", "--junit", "m.xml"];
  const { code, stdout } = await run([...flags, ...reports], { cwd: places.path, env });
  expect(code).toBe(0);
  expect(await readFile(at("m.html"), "utf8")).toContain("Everything came out as it must.");
  expect(await readFile(at("m.xml"), "utf8")).toContain('failures="0"');
  const report = JSON.parse(stdout) as { ok: boolean; cells: object[]; outsiders: object[]; differences: object[] };
  expect(report).toMatchObject({ ok: true, differences: [] });
  expect(report.outsiders).toHaveLength(7);
  const fingerprintOf = async (path: string): Promise<string> =>
    new X509Certificate(await readFile(at(path))).fingerprint256;
  expect(report).toMatchObject({
    authorities: [{ subject: "CN=Initech Trust Services\\, G2", fingerprint256: await fingerprintOf("pki/root.pem") }],
    serverCertificates: [{ subject: "CN=log.initech.example", fingerprint256: await fingerprintOf("pki/log.crt") }],
  });
  expect(report.cells[0]).toMatchObject({
    principal: "acme/billing",
    tenant: "acme",
    topic: "orders",
    action: "produce",
    rows: [{ line: 1, expected: "allow" }],
    got: "allow",
    onTheWire: true,
  });
});

test("where a report could not be written nothing is tried, and what is there stays as it is", async () => {
  await using made = await makePlaces();
  const { places, flags, env } = made;
  await places.write("m.xml", "the last one");
  const at = (name: string): string => join(places.path, name);
  const nowhere = await run([...flags, "--junit", at("nowhere/m.xml"), "--html", at("pki")], { env });
  expect(nowhere).toMatchObject({ code: 1, stdout: "" });
  expect(nowhere.stderr).toContain("aclog: nothing was tried, for not every report could be written:");
  const next = "; name a file in a folder that is there\n";
  expect(nowhere.stderr).toContain(
    `  ${at("nowhere/m.xml")}: there is no such folder, and none can be made there${next}`,
  );
  expect(nowhere.stderr).toContain(`  ${at("pki")}: it is a directory, not a file${next}`);
  // There is no policy.
  const failed = await run([...flags, "--junit", at("m.xml"), "--html", at("m.html")], { env });
  expect(failed).toMatchObject({ code: 1, stdout: "" });
  expect(await readFile(at("m.xml"), "utf8")).toBe("the last one");
  expect((await readdir(places.path)).sort()).toEqual(["m.xml", "people", "pki", "tmp"]);
});

test("files that are missing end with 1, and a wrong flag with 2", async () => {
  await using made = await makePlaces();
  const { places, flags, env } = made;
  await places.policy("rules", { ...policy, "matrix.csv": "acme/nobody, acme, orders, produce, deny\n" });
  const missing = await run(flags, { env });
  expect(missing.code).toBe(1);
  expect(missing.stderr).toContain(join(places.path, "people/acme/nobody.crt"));
  expect(missing.stderr).toContain(join(places.path, "people/acme/nobody.key"));
  expect((await run(["matrix", "--polcy", "rules"])).code).toBe(2);
  expect((await run(["matrix", "--policy", ""])).code).toBe(2);
});

test("stopped in the middle, it leaves nothing behind", async () => {
  await using made = await makePlaces();
  const { places, flags, env } = made;
  const rows = Array.from({ length: 300 }, (_each, at) => `acme/billing, globex, topic-${at}, *, deny\n`);
  await places.policy("rules", { ...policy, "matrix.csv": rows.join("") });
  const watching = watch(env.TMPDIR, { signal: AbortSignal.timeout(30_000) });
  const child = start(flags, { env });
  const ended = outcomeOf(child);
  const exited = once(child, "exit");
  for await (const { filename } of watching) if (filename?.startsWith("aclog-matrix-")) break;
  child.kill("SIGTERM");
  await ended;
  expect(await exited).toEqual([null, "SIGTERM"]);
  expect(await readdir(env.TMPDIR)).toEqual([]);
});

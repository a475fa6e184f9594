import { X509Certificate, createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { createSecureServer } from "node:http2";
import { type AddressInfo, createServer } from "node:net";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Action, StatedCase } from "../../src/authz/index.js";
import { CallError } from "../../src/client/index.js";
import { Caller } from "../../src/matrix/callers.js";
import {
  type MatrixReport,
  type OutsideOptions,
  formatReport,
  matrixAsHtml,
  matrixAsJunit,
  reportObject,
  runMatrixOutside,
} from "../../src/matrix/index.js";
import { knockFromOutside } from "../../src/matrix/doorstep.js";
import { LiveServer } from "../../src/matrix/live-server.js";
import { Patience, probeCell } from "../../src/matrix/probe-cell.js";
import { run } from "../cli/command.js";
import { TestAuthority } from "../support/certificates.js";
import { type PolicyTexts, type TestNode, startTestNode } from "../support/test-node.js";

const policy: Required<Omit<PolicyTexts, "model.conf">> = {
  "tenants.yaml": "tenants:\n  acme: {}\n  ops: {}\n",
  "policy.csv": [
    "p, acme/root, acme, *, *, allow",
    "p, acme/root, acme, _offsets, *, allow",
    "p, acme/billing, acme, orders, produce, allow",
    "p, ops/root, _system, policy, admin, allow",
    "p, ops/root, _system, connections, admin, allow",
    "",
  ].join("\n"),
  "matrix.csv": [
    "acme/root, acme, orders, *, allow",
    "acme/root, acme, default, *, allow",
    "acme/root, ops, orders, *, deny",
    "acme/billing, acme, orders, produce, allow",
    "acme/billing, acme, orders, consume, deny",
    "acme/billing, acme, missing, create, deny",
    "acme/billing, acme, default, *, deny",
    "ops/root, _system, policy, admin, allow",
    "ops/root, _system, connections, admin, allow",
    "ops/root, acme, orders, *, deny",
    "",
  ].join("\n"),
};

/** A server with records, a consumer group, and no `default`: nobody has used it. */
async function startServer(changes: PolicyTexts = {}): Promise<TestNode> {
  const node = await startTestNode({ policy: { ...policy, ...changes } });
  const client = node.as("acme/root");
  await client.produce([{ value: "one" }, { value: "two" }], { topic: "orders" });
  await client.offsets.commit({ group: "readers", topic: "orders", offset: 1n });
  // So that nothing is on its way to the disk any more.
  await node.restart();
  return node;
}

/** What is on the disk of topics and policies, once everything is there. */
async function stored(node: TestNode): Promise<Record<string, string>> {
  await node.restart();
  const files = ["tenants", "policy"].map(async (part) => {
    const root = join(node.config.dataDir, part);
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const hash = async (path: string) =>
      createHash("sha256")
        .update(await readFile(path))
        .digest("hex");
    return Promise.all(paths.map(async (path) => [path.slice(node.directory.length), await hash(path)] as const));
  });
  return Object.fromEntries((await Promise.all(files)).flat());
}

async function optionsFor(node: TestNode, principals: readonly string[]): Promise<OutsideOptions> {
  const clients = join(node.directory, "clients");
  for (const principal of principals) {
    const { cert, key } = node.keysOf(principal);
    await mkdir(join(clients, dirname(principal)), { recursive: true });
    await writeFile(join(clients, `${principal}.crt`), cert);
    await writeFile(join(clients, `${principal}.key`), key);
  }
  const caKey = join(node.directory, "ca.key");
  return {
    policyDir: node.config.policyDir,
    address: { host: "localhost", port: node.port },
    certificates: { clients, ca: node.config.tls.ca, caKey: existsSync(caKey) ? caKey : undefined },
  };
}

/** Another policy than that of the server, in a folder beside it. */
async function otherPolicy(node: TestNode, texts: PolicyTexts): Promise<string> {
  const folder = join(node.directory, "other");
  await cp(node.config.policyDir, folder, { recursive: true });
  for (const [name, text] of Object.entries(texts)) await writeFile(join(folder, name), text);
  return folder;
}

function fingerprintOf(pem: string | Buffer): string {
  return new X509Certificate(pem).fingerprint256;
}

function told({ differences }: MatrixReport): string[] {
  return differences.map(({ line, problem }) => `${line ?? "-"}: ${problem.replace(/; the policy here says .*$/, "")}`);
}

const everyone = ["acme/root", "acme/billing", "ops/root"];

describe("a server that does as its policy says", () => {
  let node: TestNode;
  let before: Record<string, string>;

  beforeAll(async () => {
    node = await startServer();
    before = await stored(node);
  });

  afterAll(() => node[Symbol.asyncDispose]());

  test("is asked by calls that it judges first and that come to nothing", async () => {
    const server = new LiveServer({ host: "localhost", port: node.port }, Buffer.from(node.authority.caPem));
    const methods = {
      produce: ["Produce", "ProduceStream", "ProduceStream with request ids", "Import"],
      consume: ["Consume", "ConsumeStream", "Offsets.Delete", "Offsets.Commit", "Offsets.Fetch"],
      describe: ["Topics.Describe"],
      create: [],
      delete: ["Topics.Truncate", "Topics.Delete"],
      admin: ["Topics.Update"],
    } as const satisfies Record<Action, readonly string[]>;
    const onDefault = {
      produce: ["ProduceStream", "Import"],
      consume: ["Offsets.Delete"],
      describe: [],
      create: ["Topics.Create"],
      delete: [],
      admin: [],
    };
    const shown = { consume: [...methods.consume, "Offsets.List"], describe: ["Topics.Describe", "Topics.List"] };
    const cases: readonly [topic: string, ifAllowed: typeof onDefault | object, ifDenied: typeof onDefault | object][] =
      [
        ["acme/orders", { ...methods, ...shown }, methods],
        ["acme/missing", { ...methods, create: ["Produce to a missing topic"] }, methods],
        ["acme/default", onDefault, onDefault],
        [
          "acme/_offsets",
          { ...methods, describe: shown.describe, create: ["Topics.Create"] },
          { ...methods, create: ["Topics.Create"] },
        ],
        ["_system/policy", { admin: ["Topics.Update", "Policy.Status", "Policy.Rollback"] }, {}],
        ["_system/connections", { admin: ["Topics.Update", "Connections.List"] }, {}],
      ];
    for (const [name, ifAllowed, ifDenied] of cases) {
      const [tenant = "", topic = ""] = name.split("/");
      for (const [got, expected] of [["allow", ifAllowed] as const, ["deny", ifDenied] as const]) {
        const principal = got === "deny" ? "acme/billing" : tenant === "acme" ? "acme/root" : "ops/root";
        using caller = new Caller(server.address, server.credentials(node.keysOf(principal)), server);
        for (const [action, ways] of Object.entries(expected) as [Action, string[]][]) {
          // What billing may, it may.
          if (got === "deny" && name === "acme/orders" && action === "produce") continue;
          const cell: StatedCase = { principal, tenant, topic, action, rows: [], decision: got, why: "" };
          const tried = await probeCell(cell, caller, new Patience(undefined, 0));
          const came = tried?.attempts.map((attempt) => ({ ...attempt, refusal: undefined })) ?? [];
          expect(came, `${principal} ${action} ${name}`).toEqual(ways.map((method) => ({ method, got })));
        }
      }
    }
    expect(await stored(node)).toEqual(before);
  });

  test("is found to be so, and is what it was before", async () => {
    const report = await runMatrixOutside(await optionsFor(node, everyone));
    expect(told(report)).toEqual([]);
    expect(report.ok).toBe(true);
    expect(await stored(node)).toEqual(before);
    expect(await node.topics()).toEqual(["acme/_offsets", "acme/orders"]);
    expect(await node.valuesOf("acme", "orders")).toEqual(["one", "two"]);
    expect(await node.as("acme/root").offsets.fetch({ group: "readers", topic: "orders" })).toMatchObject({
      offset: 1n,
    });

    const { outside, outsiders, policyVersion } = report;
    const address = /localhost:\d+/.exec(outside!.address)![0];
    expect(outside).toMatchObject({ address, policyVersion, askedBy: "ops/root" });
    expect(report.authorities.map((each) => each.fingerprint256)).toEqual([fingerprintOf(node.authority.caPem)]);
    const serverPem = await readFile(node.config.tls.cert);
    expect(report.serverCertificates.map((each) => each.fingerprint256)).toEqual([fingerprintOf(serverPem)]);
    expect(outsiders).toHaveLength(7);
    expect(outsiders.map(({ problem }) => problem)).toEqual(outsiders.map(() => undefined));
    const line = await node.log.until(({ requestId }) => String(requestId).startsWith(outside!.requestIds));
    expect(line).toBeDefined();

    expect(matrixAsHtml(report)).not.toContain("and done");
    const texts = [formatReport(report, (_kind, text) => text), matrixAsHtml(report), matrixAsJunit(report)];
    for (const text of [...texts, JSON.stringify(reportObject(report))]) {
      expect(text).toContain(address);
      expect(text).toContain("Seen from outside");
      expect(text).toContain("was not looked at");
      expect(text).toContain(outside!.requestIds);
      expect(text.split(policyVersion).length).toBeGreaterThan(2);
    }
  });

  test("the command takes an address, and no flag that is about a server of its own", async () => {
    const { address, certificates } = await optionsFor(node, everyone);
    const flags = ["matrix", "--policy", node.config.policyDir, "--clients", certificates.clients];
    const at = ["--address", `localhost:${address.port}`, "--ca", certificates.ca, "--no-ca-key"];
    const elsewhere = ["--address", `localhost:${await unusedPort()}`, "--ca", certificates.ca];
    const [held, wrong, nobody] = await Promise.all([
      run([...flags, ...at]),
      run([...flags, "--address", "localhost:1", "--pairs"]),
      run([...flags, ...elsewhere]),
    ]);
    expect(held).toMatchObject({ code: 0, stderr: "" });
    expect(held.stdout).toMatch(
      / at localhost:\d+: \d+ cells, \d+ calls on the wire, 7 of 7 outsiders kept out, 0 differences/,
    );
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain("cannot be used with option '--pairs'");
    expect(nobody.code).toBe(1);
    expect(nobody.stderr).toContain("Nobody listens at localhost:");
  });
});

describe("a server that does not", () => {
  let node: TestNode;

  beforeAll(async () => {
    // Nobody here knows of one tenant that it has.
    node = await startServer({ "tenants.yaml": `${policy["tenants.yaml"]}  undeclared: {}\n` });
    await writeFile(join(node.directory, "ca.key"), node.authority.caKeyPem);
  });

  afterAll(() => node[Symbol.asyncDispose]());

  test("is told from what is stated, and what could not be tried is told, too", async () => {
    const policyDir = await otherPolicy(node, {
      "policy.csv": `${policy["policy.csv"]}p, acme/billing, acme, orders, consume, allow\n`,
      "matrix.csv": [
        "acme/billing, acme, orders, consume, allow",
        "acme/ghost, acme, orders, *, deny",
        "acme/late, acme, orders, produce, deny",
        "acme/other, acme, orders, consume, deny",
        "ops/root, _system, policy, admin, allow",
      ].join("\n"),
    });
    const options = await optionsFor(node, ["acme/billing", "acme/late", "acme/other", "ops/root"]);
    const { clients, ca } = options.certificates;
    const lapsed = { notBefore: new Date(Date.now() - 7_200_000), notAfter: new Date(Date.now() - 3_600_000) };
    const { certPem, keyPem } = node.authority.issue({ principal: "acme/late", ...lapsed });
    await writeFile(join(clients, "acme/late.crt"), certPem);
    await writeFile(join(clients, "acme/late.key"), keyPem);
    for (const kind of ["crt", "key"]) {
      await cp(join(clients, `acme/billing.${kind}`), join(clients, `acme/other.${kind}`));
    }
    const certificates = { clients, ca, caKey: undefined };
    const report = await runMatrixOutside({ ...options, policyDir, certificates });
    expect(report.ok).toBe(false);
    expect(told(report)).toEqual([
      "1: acme/billing consume acme/orders: expected allow, got deny",
      expect.stringMatching(
        /^2: acme\/ghost produce acme\/orders: not tried: acme\/ghost has no certificate here \(.*ghost\.crt: there is no such file, .*\) \(and 5 more of this line\)$/,
      ),
      expect.stringMatching(
        /^3: acme\/late produce acme\/orders: not tried: acme\/late is not let in: the server cuts the connection \(.*\); its log says why$/,
      ),
      "4: acme/other consume acme/orders: expected deny, got Consume: the server takes the caller for acme/billing",
      expect.stringMatching(
        /^-: the policy in force at localhost:\d+ is version [0-9a-f]{12}, and that of .* is [0-9a-f]{12}$/,
      ),
    ]);
    expect(matrixAsJunit(report)).toContain('name="has this policy in force"');
    expect(formatReport(report, (_kind, text) => text)).toContain("?!");
  });

  test("lets somebody in who must not get in", async () => {
    const policyDir = await otherPolicy(node, policy);
    const report = await runMatrixOutside({ ...(await optionsFor(node, everyone)), policyDir });
    const problems = report.outsiders.filter(({ problem }) => problem !== undefined);
    const problem = "/log.v1.Log/Import and /log.v1.Offsets/Delete answered";
    expect(problems).toEqual([
      { who: "a certificate of a tenant that is not declared", refusal: undefined, kind: undefined, problem },
    ]);
    expect(told(report)[0]).toBe(`-: a certificate of a tenant that is not declared must not get in: ${problem}`);
  });

  test("may not be asked by anybody what cannot be asked without effect", async () => {
    const policyDir = await otherPolicy(node, { "matrix.csv": "acme/billing, acme, missing, create, deny\n" });
    const report = await runMatrixOutside({ ...(await optionsFor(node, ["acme/billing"])), policyDir });
    expect(report.outside?.policyVersion).toBeUndefined();
    const why = "it cannot be asked without effect, and nobody at hand may ask the policy there";
    expect(told(report)).toContain(`1: acme/billing create acme/missing: not tried: ${why}`);
  });

  test("is at a limit for a while, which is waited for", async () => {
    await node.writePolicy({ "tenants.yaml": "tenants:\n  acme: { limits: { streams: 1 } }\n  ops: {}\n" });
    await node.reloadPolicy();
    const policyDir = await otherPolicy(node, { "matrix.csv": "acme/billing, acme, orders, produce, allow\n" });
    const records = node.as("acme/root").follow({ topic: "orders", from: "earliest" });
    await records.next();
    const server = new LiveServer({ host: "localhost", port: node.port }, Buffer.from(node.authority.caPem));
    using caller = new Caller(server.address, server.credentials(node.keysOf("acme/billing")), server);
    const cell = { principal: "acme/billing", tenant: "acme", topic: "orders", action: "produce" } as const;
    const impatient = await probeCell(
      { ...cell, rows: [], decision: "allow", why: "" },
      caller,
      new Patience(undefined, 0),
    );
    expect(impatient).toMatchObject({
      got: "neither",
      attempts: [
        { method: "Produce", got: "allow" },
        { method: "ProduceStream", problem: "RESOURCE_EXHAUSTED: tenant acme is at its limit: streams is 1" },
      ],
    });
    const seen = new Set(node.log.lines);
    const running = runMatrixOutside({ ...(await optionsFor(node, ["acme/billing"])), policyDir });
    await node.log.until((line) => line["code"] === "RESOURCE_EXHAUSTED" && !seen.has(line));
    await records.return(undefined);
    expect((await running).cells).toMatchObject([{ got: "allow", attempts: { length: 4 } }]);
  });

  test("is not there, or is another one", async () => {
    const options = await optionsFor(node, everyone);
    const port = await unusedPort();
    const nobody = runMatrixOutside({ ...options, address: { host: "localhost", port } });
    await expect(nobody).rejects.toThrow(CallError);
    await expect(nobody).rejects.toThrow("ECONNREFUSED");
    const ca = join(node.directory, "other.crt");
    await writeFile(ca, (await TestAuthority.create()).caPem);
    const stranger = runMatrixOutside({ ...options, certificates: { ...options.certificates, ca, caKey: undefined } });
    await expect(stranger).rejects.toThrow(/unable to|self-signed/);
  });

  test("asks nobody for a certificate, and says no to everything", async () => {
    const [cert, key] = await Promise.all([readFile(node.config.tls.cert), readFile(node.config.tls.key)]);
    const server = createSecureServer({ cert, key });
    server.on("stream", (stream) => {
      stream.on("error", () => undefined);
      // To clear a terminal's screen, to begin a line, and to turn round what follows.
      const message = "%1B[2Jno%0A%E2%80%AE";
      const headers = {
        ":status": 200,
        "content-type": "application/grpc",
        "grpc-status": "7",
        "grpc-message": message,
      };
      stream.respond(headers, { endStream: true });
    });
    await once(server.listen(0), "listening");
    try {
      const { port } = server.address() as AddressInfo;
      const policyDir = await otherPolicy(node, policy);
      const options = await optionsFor(node, everyone);
      const certificates = { ...options.certificates, caKey: undefined };
      const at = { address: { host: "localhost", port } };
      const report = await runMatrixOutside({ ...options, policyDir, certificates, ...at });
      const letIn = report.outsiders.filter(({ problem }) => problem?.endsWith("answered")).map(({ who }) => who);
      expect(letIn).toEqual([
        "TLS without a certificate",
        "TLS 1.2, with the right certificate",
        "a certificate signed by itself",
        "a certificate of another authority",
        "a certificate of a same-named authority",
      ]);
      const no = String.raw`PERMISSION_DENIED: \u{1b}[2Jno\u{a}\u{202e}`;
      expect(told(report)).toContain(`10: ops/root produce acme/orders: expected deny, got Produce: ${no}`);
      expect(told(report)).toContain(`-: which policy is in force could not be asked: ops/root was told ${no}`);
    } finally {
      server.close();
    }
  });

  test("has something before it that cuts off whoever comes, which says nothing of the server", async () => {
    const gate = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => socket.destroy());
    });
    await once(gate.listen(0), "listening");
    try {
      const { port } = gate.address() as AddressInfo;
      const server = new LiveServer({ host: "localhost", port }, Buffer.from(node.authority.caPem));
      const keys = node.keysOf("acme/root");
      const victim = { principal: "acme/root", tenant: "acme", topic: "orders", keys };
      const without = { authority: undefined, noAuthority: undefined, bindings: [] };
      const outsiders = await knockFromOutside(server, { victim, ...without, undeclaredTenant: "undeclared" });
      const untold = "whether the server keeps him out cannot be told";
      const problems = outsiders.map(({ who, refusal, problem }) => {
        expect(refusal, who).toBeUndefined();
        return problem?.replace(/ \(.*\)$/, "");
      });
      const inPlainText = `${untold}: acme/root is not let in either`;
      const overTls = `${untold}: the connection was cut before it proved who it is`;
      expect(problems).toEqual([inPlainText, inPlainText, ...new Array<string>(5).fill(overTls)]);
    } finally {
      gate.close();
    }
  });

  test("goes away while it is tried", async () => {
    const policyDir = await otherPolicy(node, policy);
    let leaving: Promise<void> | undefined;
    const report = await runMatrixOutside({
      ...(await optionsFor(node, everyone)),
      policyDir,
      onProgress: () => void (leaving ??= node.drain()),
    });
    await leaving;
    expect(report.ok).toBe(false);
    expect(told(report)).toContainEqual(
      expect.stringMatching(/^\d+: .*: not tried: the server does not answer \(.*[^ ]\)/),
    );
    expect(told(report)).toContainEqual(
      expect.stringMatching(/^-: which policy is in force could not be asked: the server does not answer/),
    );
  });
});

/** Of a port that somebody has just had and given back. */
async function unusedPort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

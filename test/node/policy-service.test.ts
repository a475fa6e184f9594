import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { CallError } from "../../src/client/index.js";
import { policyServiceDefinition } from "../../src/wire/definition.js";
import { encoded } from "../support/messages.js";
import { type TestNode, startTestNode } from "../support/test-node.js";

const tenants = "tenants:\n  acme: {}\n  globex: {}\n  ops: {}\n";
const rules = [
  "p, role:root, *, *, *, allow",
  "p, role:operator, _system, *, admin, allow",
  "p, role:reader, acme, orders, describe, allow",
  "p, role:reader, acme, orders.cards, *, deny",
  "g, acme/root, role:root, acme",
  "g, globex/root, role:root, globex",
  "g, ops/root, role:operator, _system",
  "g, acme/billing, role:reader, acme",
];
const policyOf = (...more: string[]): string => `${[...rules, ...more].join("\n")}\n`;
const matrix = "acme/billing, acme, orders, produce, deny\n";
const policy = { "tenants.yaml": tenants, "policy.csv": policyOf(), "matrix.csv": matrix };

/** What of a report these tests look at. */
interface Permissions {
  readonly permissions: readonly { readonly principal: string; readonly topic: string }[];
}

/** The error that a call ends with. */
async function refusal(call: Promise<unknown>): Promise<CallError> {
  const error = await call.then(
    (answer) => new Error(`it was answered: ${JSON.stringify(answer)}`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof CallError)) throw error;
  return error;
}

/** Which id a refused produce is given. */
async function deniedProduce(node: TestNode, principal: string, topic: string, tenant = "acme"): Promise<string> {
  const { facts } = await refusal(node.as(principal).produce("v", { tenant, topic }));
  return facts["decision"]!;
}

describe("one who administers the policy", () => {
  let node: TestNode;
  beforeAll(async () => {
    node = await startTestNode({ policy });
  });
  afterAll(() => node[Symbol.asyncDispose]());

  test("sees what is in force and gets its files, changes them, and finds the change in force, on disk and in the log", async () => {
    const { policy: admin } = node.as("ops/root");
    const before = await admin.status();
    expect(before).toMatchObject({ refused: [], active: { how: "start", author: "files" } });
    expect(before.filesVersion).toBe(before.active.version);
    const { version, files } = await admin.files();
    expect(version).toBe(before.active.version);
    expect(files["policy.csv"]!.toString()).toBe(policy["policy.csv"]);

    const changed = { ...files, "policy.csv": policyOf("p, acme/billing, acme, invoices, *, allow") };
    const checked = await admin.validate(changed);
    expect(checked).toMatchObject({ findings: [], counts: { rules: 5, assignments: 4, tenants: 3, matrixRows: 1 } });
    await deniedProduce(node, "acme/billing", "invoices");
    const active = await admin.activate(changed, { basedOn: version });
    expect(active).toMatchObject({ version: checked.version, author: "ops/root", how: "activate", basedOn: version });
    await node.as("acme/billing").produce("v", { topic: "invoices" });
    expect((await admin.files()).files["policy.csv"]!.toString()).toBe(changed["policy.csv"]);
    await node.log.until((line) => line["policyVersion"] === active.version && line["author"] === "ops/root");

    const back = await admin.rollback(version, { basedOn: active.version });
    expect(back).toMatchObject({ version, how: "rollback", author: "ops/root", basedOn: active.version });
    await deniedProduce(node, "acme/billing", "invoices");
    const { versions, truncated } = await admin.history();
    expect(versions.map(({ how }) => how)).toEqual(["rollback", "activate", "start"]);
    expect(truncated).toBe(false);
    expect(await admin.history({ pageSize: 1 })).toMatchObject({ versions: [{ how: "rollback" }], truncated: true });
    // What is not in force any more can still be read.
    expect((await admin.files({ version: active.version })).files["policy.csv"]!.toString()).toBe(
      changed["policy.csv"],
    );
  });

  test("cannot undo what came into force meanwhile, nor activate mistakes", async () => {
    const { policy: admin } = node.as("ops/root");
    const { version, files } = await admin.files();
    const moved = await refusal(admin.activate(files, { basedOn: "0123456789ab" }));
    expect(moved).toMatchObject({ codeName: "ABORTED", reason: "POLICY_MOVED", facts: { inForce: version } });
    const wrong = { ...files, "policy.csv": policyOf("p, acme/billing, acme, orders, prodcue, allow") };
    const refused = await refusal(admin.activate(wrong, { basedOn: version }));
    expect(refused).toMatchObject({ codeName: "INVALID_ARGUMENT", reason: "POLICY_REFUSED" });
    expect(refused.fieldViolations).toMatchObject([{ field: "policy.csv:9:32" }]);
    const opened = { ...files, "policy.csv": policyOf("p, acme/billing, acme, orders, produce, allow") };
    const untrue = await refusal(admin.activate(opened, { basedOn: version }));
    expect(untrue.fieldViolations).toMatchObject([{ field: "matrix.csv:1:38" }]);
    expect((await admin.status()).active.version).toBe(version);
    const unknown = await refusal(admin.rollback("0123456789ab", { basedOn: version }));
    expect(unknown).toMatchObject({ codeName: "NOT_FOUND", reason: "POLICY_VERSION_UNKNOWN" });
  });

  test("sees by effect what other files would change, also where their matrix does not hold", async () => {
    const { policy: admin } = node.as("ops/root");
    const { files } = await admin.files();
    const opened = { ...files, "policy.csv": policyOf("p, acme/billing, acme, orders, produce, allow") };
    const diff = (await admin.diff({ files: opened })) as { widens: boolean; changes: unknown[] };
    expect(diff).toMatchObject({ widens: true, counts: { gaining: 1, losing: 0 } });
    expect(JSON.stringify(diff.changes)).toContain("acme/billing");
    expect(await admin.diff()).toMatchObject({ widens: false, changes: [] });
    expect(await admin.diff({ files: opened, tenant: "globex" })).toMatchObject({ widens: false, changes: [] });
  });

  test("lists who may do something and what somebody may do, with topics that only exist", async () => {
    const { policy: admin } = node.as("ops/root");
    await node.as("acme/root").produce("v", { topic: "unheard-of" });
    const who = (await admin.who({ action: "describe", tenant: "acme", topic: "orders" })) as Permissions;
    expect(who.permissions.map(({ principal }) => principal)).toEqual(["acme/billing", "acme/root"]);
    const all = (await admin.who({ action: "*", tenant: "acme", topic: "*" })) as Permissions;
    expect(new Set(all.permissions.map(({ principal }) => principal))).toEqual(new Set(["acme/root"]));
    const what = (await admin.what({ principal: "acme/root" })) as Permissions;
    expect(what.permissions.map(({ topic }) => topic)).toContain("unheard-of");
    const none = (await admin.what({ principal: "acme/root", tenant: "globex" })) as Permissions;
    expect(none.permissions).toEqual([]);
    const everybody = (await admin.what()) as Permissions;
    expect(new Set(everybody.permissions.map(({ principal }) => principal))).toContain("globex/root");
    const undeclared = await refusal(admin.what({ principal: "acme/root", tenant: "initech" }));
    expect(undeclared).toMatchObject({ codeName: "INVALID_ARGUMENT", reason: "INVALID_FIELD" });
  });

  test("runs the matrix of what is in force, of a version that is kept, and of other files", async () => {
    const { policy: admin } = node.as("ops/root");
    const { version, files } = await admin.files();
    expect(await admin.test()).toMatchObject({ ok: true, policyVersion: version, counts: { rows: 1, differences: 0 } });
    expect(await admin.test({ version })).toMatchObject({ ok: true });
    expect(await admin.test({ tenant: "globex" })).toMatchObject({ ok: true, counts: { rows: 0 } });
    const opened = { ...files, "policy.csv": policyOf("p, acme/billing, acme, orders, produce, allow") };
    expect(await admin.test({ files: opened })).toMatchObject({ ok: false, counts: { differences: 1 } });
    const wrong = await refusal(admin.test({ files: { ...files, "matrix.csv": "nothing\n" } }));
    expect(wrong).toMatchObject({ codeName: "INVALID_ARGUMENT", reason: "POLICY_REFUSED" });
  });

  test("brings a policy of 5 MB into force, which is more than one message holds", async () => {
    const { policy: admin } = node.as("ops/root");
    const { version, files } = await admin.files();
    const remarks = "# a rule that was there once and is kept for those who remember it\n".repeat(80_000);
    const large = { ...files, "policy.csv": remarks + policyOf() };
    const active = await admin.activate(large, { basedOn: version });
    expect((await admin.files()).files["policy.csv"]!.toString()).toBe(large["policy.csv"]);
    await admin.rollback(version, { basedOn: active.version });
  });

  test("is told why a request was refused, by the policy that refused it", async () => {
    const { policy: admin } = node.as("ops/root");
    const missing = await admin.why({ decision: await deniedProduce(node, "acme/billing", "orders") });
    const { version } = (await admin.status()).active;
    expect(missing.refusal).toMatchObject({
      policyVersion: version,
      principal: "acme/billing",
      method: "/log.v1.Log/ProduceStream",
      action: "produce",
      tenant: "acme",
      topic: "orders",
      reason: "no rule allows it",
      rule: undefined,
    });
    expect(missing.explanation).toMatchObject({ decision: "deny", rule: undefined, policyVersion: version });
    const denied = await admin.why({ decision: await deniedProduce(node, "acme/billing", "orders.cards") });
    expect(denied.explanation.rule).toMatchObject({
      text: "p, role:reader, acme, orders.cards, *, deny",
      line: 4,
      through: [{ text: "g, acme/billing, role:reader, acme", line: 8 }],
    });
    expect(denied.refusal?.rule).toMatch(/policy\.csv:4: p, role:reader, acme, orders\.cards, \*, deny$/);
    const unknown = await refusal(admin.why({ decision: "aaaaaaaaaaaa" }));
    expect(unknown).toMatchObject({ codeName: "NOT_FOUND", reason: "DECISION_UNKNOWN" });
  });
});

describe("one who administers a tenant", () => {
  let node: TestNode;
  beforeAll(async () => {
    node = await startTestNode({ policy });
  });
  afterAll(() => node[Symbol.asyncDispose]());

  test("is told nothing of the whole policy and changes nothing of it", async () => {
    const { policy: admin } = node.as("acme/root");
    const { version, files } = await node.as("ops/root").policy.files();
    const calls = {
      status: () => admin.status(),
      history: () => admin.history(),
      files: () => admin.files(),
      validate: () => admin.validate(files),
      activate: () => admin.activate(files, { basedOn: version }),
      rollback: () => admin.rollback(version, { basedOn: version }),
      diff: () => admin.diff({ files }),
      "diff in another tenant": () => admin.diff({ tenant: "globex" }),
      "test of everything": () => admin.test(),
      "test of another tenant": () => admin.test({ tenant: "globex" }),
      "who in another tenant": () => admin.who({ action: "produce", tenant: "globex", topic: "orders" }),
      "what everybody may": () => admin.what(),
      "what everywhere": () => admin.what({ principal: "acme/billing" }),
      "what in another tenant": () => admin.what({ principal: "acme/billing", tenant: "globex" }),
      "why in another tenant": () =>
        admin.why({ principal: "globex/root", action: "produce", tenant: "globex", topic: "orders" }),
    };
    for (const [name, call] of Object.entries(calls)) {
      expect([name, (await refusal(call())).reason]).toEqual([name, "PERMISSION_DENIED"]);
    }
    expect((await node.as("ops/root").policy.status()).active.version).toBe(version);
  });

  test("sees what other files would change for its own topics, and nothing of others", async () => {
    const { files } = await node.as("ops/root").policy.files();
    const remarks = "# a remark that makes it more than one message\n".repeat(40_000);
    const changed = policyOf(
      "p, acme/nobody, acme, orders, consume, allow",
      "p, globex/nobody, globex, x, consume, allow",
    );
    const diff = await node.as("acme/root").policy.diff({
      tenant: "acme",
      files: { ...files, "policy.csv": remarks + changed },
    });
    expect(diff).toMatchObject({ widens: true, counts: { gaining: 1 } });
    expect(JSON.stringify(diff)).not.toContain("globex");
  });

  test("sees who may do what in its own tenant, and not where the server keeps its files", async () => {
    const { policy: admin } = node.as("acme/root");
    const reports = [
      await admin.who({ action: "describe", tenant: "acme", topic: "orders" }),
      await admin.what({ principal: "acme/billing", tenant: "acme" }),
      await admin.test({ tenant: "acme" }),
      await admin.why({ principal: "acme/billing", action: "consume", tenant: "acme", topic: "orders" }),
    ];
    const told = JSON.stringify(reports);
    expect(told).toContain("role:reader");
    expect(told).not.toContain("globex");
    expect(told).not.toContain(node.directory);
  });

  test("is told why requests to its own topics were refused, and cannot tell another's from one that never was", async () => {
    const { policy: admin } = node.as("acme/root");
    const own = await admin.why({ decision: await deniedProduce(node, "globex/root", "orders") });
    expect(own.refusal).toMatchObject({ principal: "globex/root", tenant: "acme" });
    const others = await deniedProduce(node, "acme/billing", "orders", "globex");
    const [somebodys, nobodys] = await Promise.all(
      [others, "aaaaaaaaaaaa"].map((decision) => refusal(admin.why({ decision }))),
    );
    const words = ({ codeName, reason, details }: CallError): unknown => ({
      codeName,
      reason,
      details: details.replace(/decision [\w-]+/, "decision ID"),
    });
    expect(words(somebodys!)).toEqual(words(nobodys!));
    expect(somebodys).toMatchObject({ reason: "PERMISSION_DENIED" });
  });
});

describe("one who administers nothing", () => {
  let node: TestNode;
  beforeAll(async () => {
    node = await startTestNode({ policy });
  });
  afterAll(() => node[Symbol.asyncDispose]());

  test("is told why it was refused itself, where it may describe the topic, and of its own roles alone", async () => {
    const { policy: self } = node.as("acme/billing");
    const id = await deniedProduce(node, "acme/billing", "orders");
    const { refusal: told, explanation } = await self.why({ decision: id });
    expect(told).toMatchObject({ id, principal: "acme/billing", reason: "no rule allows it" });
    expect(explanation).toMatchObject({ decision: "deny", others: [], misses: [], moreOthers: 0 });
    const allowed = await self.why({ principal: "acme/billing", action: "describe", tenant: "acme", topic: "orders" });
    expect(allowed.explanation).toMatchObject({ decision: "allow", rule: { subject: "role:reader" }, others: [] });
    expect(JSON.stringify(allowed)).not.toContain(node.directory);
  });

  test("is not told why where it may not describe the topic, nor about anybody else", async () => {
    const { policy: self } = node.as("acme/billing");
    const other = await deniedProduce(node, "acme/nobody", "orders");
    const hidden = await deniedProduce(node, "acme/billing", "orders.cards");
    for (const decision of [other, hidden, "aaaaaaaaaaaa"])
      expect((await refusal(self.why({ decision }))).reason).toBe("PERMISSION_DENIED");
    for (const [principal, topic] of [
      ["acme/billing", "orders.cards"],
      ["acme/nobody", "orders"],
    ] as const) {
      const asked = refusal(self.why({ principal, action: "produce", tenant: "acme", topic }));
      expect((await asked).reason).toBe("PERMISSION_DENIED");
    }
  });
});

describe("every method", () => {
  const version = "0123456789ab";
  const question = { action: "produce", tenant: "acme", topic: "orders" };
  const requests: Readonly<Record<string, object>> = {
    Status: {},
    Files: {},
    History: {},
    Validate: { part: { name: "policy.csv" } },
    Activate: { basedOn: version },
    Rollback: { version, basedOn: version },
    Test: {},
    Diff: {},
    Why: { principal: "acme/billing", ...question },
    Who: question,
    What: { principal: "acme/billing" },
  };
  let node: TestNode;
  beforeAll(async () => {
    node = await startTestNode({ policy });
  });
  afterAll(() => node[Symbol.asyncDispose]());

  test("is tried here", () => {
    expect(Object.keys(requests).sort()).toEqual(Object.keys(policyServiceDefinition).sort());
  });

  test.each(Object.entries(requests))(
    "%s is refused to whom no rule allows it, and to a tenant's root",
    async (method, request) => {
      const { version: before } = (await node.as("ops/root").policy.status()).active;
      for (const principal of ["acme/nobody", "globex/root", "ops/nobody"]) {
        const bytes = encoded(`policy.v1.${method}Request`, request);
        const answered = await node.raw(principal).call(`/policy.v1.Policy/${method}`, [bytes]);
        expect(answered).toMatchObject({ code: "PERMISSION_DENIED", reason: "PERMISSION_DENIED", messages: [] });
        expect(Object.keys(answered.facts)).toEqual(["decision"]);
        const line = await node.log.until(({ id }) => id === answered.facts["decision"]);
        expect(line).toMatchObject({
          msg: "denied",
          principal,
          method: `/policy.v1.Policy/${method}`,
          topic: "policy",
        });
      }
      expect((await node.as("ops/root").policy.status()).active.version).toBe(before);
    },
  );

  test.each(Object.keys(requests))("%s is refused with bytes that are no request", async (method) => {
    const answered = await node.raw("ops/root").call(`/policy.v1.Policy/${method}`, [Buffer.from([0xff])]);
    expect(answered).toMatchObject({ code: "INVALID_ARGUMENT", reason: "MALFORMED_MESSAGE", messages: [] });
  });
});

describe("uploads", () => {
  let node: TestNode;
  beforeAll(async () => {
    node = await startTestNode({ policy });
  });
  afterAll(() => node[Symbol.asyncDispose]());

  const part = (name: string, content: string | Buffer): Buffer =>
    encoded("policy.v1.ValidateRequest", { part: { name, content: Buffer.from(content) } });
  const validate = (messages: readonly Buffer[]) => node.raw("ops/root").call("/policy.v1.Policy/Validate", messages);

  test("are refused that are no files of a policy, have too many parts, or too much in them", async () => {
    const refused = [
      [[], "INVALID_FIELD", "request"],
      [[part("policy.txt", "")], "INVALID_FIELD", "part.name"],
      [[part("../policy.csv", "")], "INVALID_FIELD", "part.name"],
      [[part("policy.csv", "#"), part("matrix.csv", "#"), part("policy.csv", "#")], "INVALID_FIELD", "part.name"],
      [Array.from({ length: 1_025 }, () => part("policy.csv", "#")), "LIMIT_EXCEEDED", "part"],
      [[part("tenants.yaml", Buffer.alloc(256 * 1024 + 1, "#"))], "LIMIT_EXCEEDED", "part.content"],
    ] as const;
    for (const [messages, reason, field] of refused)
      expect(await validate(messages)).toMatchObject({ reason, fields: [field], messages: [] });
  });

  test("say more than their files in the first message alone", async () => {
    const based = encoded("policy.v1.ActivateRequest", { basedOn: "0123456789ab" });
    const answered = await node.raw("ops/root").call("/policy.v1.Policy/Activate", [based, based]);
    expect(answered).toMatchObject({ code: "INVALID_ARGUMENT", fields: ["request"] });
  });

  test("are taken one at a time from a caller, and not at all from one who may not", async () => {
    const first = node.raw("ops/root").open("/policy.v1.Policy/Validate");
    first.send(part("policy.csv", "#"));
    // Behind this answer on the same connection, the server has read the message.
    await node.raw("ops/root").call("/grpc.health.v1.Health/Check", [Buffer.alloc(0)]);
    expect(await validate([part("policy.csv", "#")])).toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      reason: "POLICY_BUSY",
    });
    first.halfClose();
    expect(await first.end()).toMatchObject({ code: "OK" });
    expect(await validate([part("policy.csv", "#")])).toMatchObject({ code: "OK" });
    const stranger = node.raw("acme/root").open("/policy.v1.Policy/Validate");
    stranger.send(part("policy.csv", "#"));
    // It ends although its sender has not.
    expect(await stranger.end()).toMatchObject({ code: "PERMISSION_DENIED" });
  });

  test("that are left unfinished keep their sender from no other change, and end when nothing comes for long", async () => {
    await using own = await startTestNode({ policy });
    const admin = own.as("ops/root").policy;
    const { version, files } = await admin.files();
    const ping = () => own.raw("ops/root").call("/grpc.health.v1.Health/Check", [Buffer.alloc(0)]);
    onTestFinished(() => void vi.useRealTimers());
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const [looking, changing] = ["Validate", "Activate"].map((method) =>
      own.raw("ops/root").open(`/policy.v1.Policy/${method}`),
    );
    looking!.send(part("policy.csv", "#"));
    changing!.send(encoded("policy.v1.ActivateRequest", { basedOn: version, part: { name: "policy.csv" } }));
    await ping();
    expect(await admin.rollback(version, { basedOn: version })).toMatchObject({ version });
    await vi.advanceTimersByTimeAsync(29_999);
    await ping();
    await vi.advanceTimersByTimeAsync(1);
    const idle = { code: "DEADLINE_EXCEEDED", reason: "UPLOAD_IDLE" };
    expect([await looking!.end(), await changing!.end()]).toMatchObject([idle, idle]);
    vi.useRealTimers();
    expect(await admin.activate(files, { basedOn: version })).toMatchObject({ version });
    expect((await admin.validate(files)).findings).toEqual([]);
  });

  test("that wait while their sender loses the right to them change nothing", async () => {
    await using own = await startTestNode({ policy });
    const { version, files } = await own.as("ops/root").policy.files();
    const call = own.raw("ops/root").open("/policy.v1.Policy/Activate");
    const message = { basedOn: version, part: { name: "policy.csv", content: Buffer.from(policyOf("# another\n")) } };
    call.send(encoded("policy.v1.ActivateRequest", message));
    for (const name of ["model.conf", "tenants.yaml", "matrix.csv"] as const) {
      call.send(encoded("policy.v1.ActivateRequest", { part: { name, content: files[name] } }));
    }
    const withoutOperator = policyOf()
      .replace("g, ops/root, role:operator, _system\n", "")
      .replace(/^p, role:operator.*\n/m, "");
    await own.writePolicy({ "policy.csv": withoutOperator });
    await own.reloadPolicy();
    call.halfClose();
    expect(await call.end()).toMatchObject({ code: "PERMISSION_DENIED" });
    expect(await readFile(join(own.config.policyDir, "policy.csv"), "utf8")).toBe(withoutOperator);
  });
});

describe("the break-glass principal", () => {
  const lockedOut = {
    "tenants.yaml": "tenants:\n  acme:\n    limits: { streams: 0 }\n",
    "policy.csv": "p, acme/billing, acme, orders, produce, allow\n",
  };

  test("brings a policy into force although it is nobody by the one in force, and that is told loudly", async () => {
    await using node = await startTestNode({
      policy: lockedOut,
      config: { breakGlass: { tenant: "ops", name: "root" } },
    });
    const { policy: admin } = node.as("ops/root");
    const { version, files } = await admin.files();
    const mended = {
      ...files,
      ...Object.fromEntries(Object.entries(policy).map(([name, text]) => [name, Buffer.from(text)])),
    };
    expect(await admin.validate(mended)).toMatchObject({ findings: [] });
    expect(await admin.diff({ files: mended })).toMatchObject({ widens: true });
    const active = await admin.activate(mended, { basedOn: version });
    expect(active).toMatchObject({ author: "ops/root", how: "activate" });
    const line = await node.log.until(
      ({ msg, method }) => msg.startsWith("break-glass") && String(method).endsWith("Activate"),
    );
    expect(line).toMatchObject({ level: 50, principal: "ops/root" });
    const used = await node.metric("aclog_break_glass_total");
    expect(used).toBeGreaterThanOrEqual(4);
    // By the new policy it is an operator, and breaks nothing.
    await admin.rollback(version, { basedOn: active.version });
    expect(await node.metric("aclog_break_glass_total")).toBe(used);
    expect((await admin.history()).versions).toHaveLength(3);
  });

  test("gets at the policy with no stream and no connection left to its tenant, and at nothing else", async () => {
    await using node = await startTestNode({
      policy: lockedOut,
      config: { breakGlass: { tenant: "acme", name: "root" } },
    });
    const { policy: admin } = node.as("acme/root");
    const { version, files } = await admin.files();
    const same = await admin.activate(files, { basedOn: version });
    expect(same.version).toBe(version);
    expect((await refusal(node.as("acme/root").produce("v", { topic: "orders" }))).codeName).not.toBe("OK");
    expect(await node.raw("acme/root").call("Consume", [Buffer.alloc(0)])).toMatchObject({ code: "PERMISSION_DENIED" });
    const asked = admin.why({ principal: "acme/billing", action: "produce", tenant: "acme", topic: "orders" });
    expect((await refusal(asked)).reason).toBe("PERMISSION_DENIED");
    expect(await node.as("acme/root").topics.list().next()).toMatchObject({ done: true });
  });

  test("is nobody where the server's settings do not name it", async () => {
    await using node = await startTestNode({ policy: lockedOut });
    expect((await refusal(node.as("acme/root").policy.status())).reason).toBe("PERMISSION_DENIED");
    expect((await refusal(node.as("ops/root").policy.status())).codeName).toBe("UNAVAILABLE");
  });
});

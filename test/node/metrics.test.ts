import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import parse, { type Family } from "parse-prometheus-text-format";
import { framed, openCall } from "../support/http2-client.js";
import { consumeBytes, consumed, produceBytes } from "../support/raw-client.js";
import { type TestNode, startTestNode } from "../support/test-node.js";

/** Every metric of aclog, with its labels. */
const families: Readonly<Record<string, readonly [Family["type"], ...labels: string[]]>> = {
  aclog_build_info: ["GAUGE", "version", "node"],
  aclog_call_duration_seconds: ["HISTOGRAM", "method", "code"],
  aclog_certificate_remaining_seconds: ["GAUGE", "certificate"],
  aclog_checkpoint_duration_seconds: ["HISTOGRAM"],
  aclog_client_certificate_remaining_seconds: ["GAUGE"],
  aclog_client_certificates: ["GAUGE", "ends_within"],
  aclog_clock_jumps_total: ["COUNTER"],
  aclog_connections: ["GAUGE"],
  aclog_break_glass_total: ["COUNTER"],
  aclog_connections_accepted_total: ["COUNTER"],
  aclog_connections_cut_total: ["COUNTER"],
  aclog_connections_ended_total: ["COUNTER", "reason"],
  aclog_connections_refused_total: ["COUNTER", "reason"],
  aclog_credentials_refused: ["GAUGE"],
  aclog_credentials_reloads_total: ["COUNTER", "result"],
  aclog_decisions_total: ["COUNTER", "action", "outcome"],
  aclog_disk_free_bytes: ["GAUGE"],
  aclog_disk_used_bytes: ["GAUGE"],
  aclog_journal_bytes_total: ["COUNTER"],
  aclog_journal_commits_total: ["COUNTER"],
  aclog_journal_groups_total: ["COUNTER"],
  aclog_journal_sync_duration_seconds: ["HISTOGRAM"],
  aclog_journal_waiting_bytes: ["GAUGE"],
  aclog_maintenance_duration_seconds: ["HISTOGRAM"],
  aclog_maintenance_failures_total: ["COUNTER"],
  aclog_open_calls: ["GAUGE", "method"],
  aclog_open_consumes: ["GAUGE"],
  aclog_policy_activation_timestamp_seconds: ["GAUGE"],
  aclog_policy_files_refused: ["GAUGE"],
  aclog_policy_info: ["GAUGE", "version"],
  aclog_policy_reloads_total: ["COUNTER", "result"],
  aclog_ready: ["GAUGE"],
  aclog_record_bytes_total: ["COUNTER", "direction"],
  aclog_records_total: ["COUNTER", "direction"],
  aclog_refused_requests_total: ["COUNTER", "code"],
  aclog_replay_duration_seconds: ["GAUGE"],
  aclog_replay_groups: ["GAUGE"],
  aclog_revocation_lists_expired: ["GAUGE"],
  aclog_stray_requests_total: ["COUNTER", "code"],
  aclog_topic_failures_total: ["COUNTER"],
  aclog_waiting_readers: ["GAUGE"],
};
const tenantFamilies: typeof families = {
  aclog_tenant_client_certificate_remaining_seconds: ["GAUGE", "tenant"],
  aclog_tenant_client_certificates: ["GAUGE", "tenant", "ends_within"],
  aclog_tenant_denials_total: ["COUNTER", "tenant"],
  aclog_tenant_record_bytes_total: ["COUNTER", "tenant", "direction"],
  aclog_tenant_records_total: ["COUNTER", "tenant", "direction"],
  aclog_tenant_stored_bytes: ["GAUGE", "tenant"],
  aclog_tenant_topics: ["GAUGE", "tenant"],
};

/** The labels of a family's samples, sorted. */
function labelsOf({ name, type, metrics }: Family, page: string): string[][] {
  if (type !== "HISTOGRAM") return metrics.map(({ labels }) => Object.keys(labels ?? {}).sort());
  // The parser adds up a histogram's series.
  const counts = page.split("\n").filter((line) => line.startsWith(`${name}_count`));
  return counts.map((line) => [...line.matchAll(/[{,]([a-z]+)=/g)].map((match) => match[1]!).sort());
}

/** Something of everything that has labels. */
async function exercise(node: TestNode): Promise<void> {
  await node.as("acme/root").produce(["a", "b"], { topic: "secret.topic" });
  await node.as("acme/root").consume({ topic: "secret.topic", from: "earliest" });
  expect((await node.raw("acme/nobody").call("Produce", [produceBytes({ records: ["v"] })])).code).not.toBe("OK");
  await expect(node.as("acme/nobody").produce("v")).rejects.toThrow();
  expect((await node.raw("acme/root").call("/log.v1.Log/Missing", [])).code).toBe("UNIMPLEMENTED");
}

let node: TestNode;
beforeAll(async () => (node = await startTestNode()));
afterAll(() => node[Symbol.asyncDispose]());

const tables = { "without tenants": [false, families], "with tenants": [true, { ...families, ...tenantFamilies }] };
for (const [name, [metricsTenants, table]] of Object.entries(tables) as [string, [boolean, typeof families]][]) {
  test(`a Prometheus parser reads every metric, with its type, its unit, its help and its labels: ${name}`, async () => {
    await using own = await startTestNode({ config: { metricsTenants } });
    await exercise(own);
    const { body } = await own.probe("/metrics");
    const scraped = parse(body);
    const ours = scraped.filter((family) => family.name.startsWith("aclog_"));
    expect(ours.map((family) => family.name).sort()).toEqual(Object.keys(table).sort());
    for (const family of ours) {
      const { name, type, help, metrics } = family;
      const [expected, ...labels] = table[name]!;
      expect([name, type]).toEqual([name, expected]);
      expect(help, name).toMatch(/^(1|[A-Z]).{10,}\.$/);
      expect(name.endsWith("_total"), name).toBe(type === "COUNTER");
      if (type === "HISTOGRAM") expect(name).toMatch(/_seconds$/);
      expect(metrics.length, name).toBeGreaterThan(0);
      for (const found of labelsOf(family, body)) expect(found, name).toEqual(labels.toSorted());
    }
    expect(scraped.find((family) => family.name === "process_resident_memory_bytes")?.type).toBe("GAUGE");
  });
}

test("the operators' guide tells of every metric what the metric says of itself", async () => {
  const guide = await readFile(new URL("../../docs/operations.md", import.meta.url), "utf8");
  const told = new Set(guide.match(/\baclog_[a-z_]+/g));
  expect([...told].sort()).toEqual(Object.keys({ ...families, ...tenantFamilies }).sort());
  await using own = await startTestNode({ config: { metricsTenants: true } });
  const ours = parse((await own.probe("/metrics")).body).filter(({ name }) => name.startsWith("aclog_"));
  for (const { name, type, help } of ours)
    expect(guide).toContain(`| \`${name}\` | ${type.toLowerCase()} | ${help} |\n`);
});

test("nothing names a tenant unless that was asked for", async () => {
  await exercise(node);
  const { body } = await node.probe("/metrics");
  for (const name of ["acme", "globex", "billing", "root", "nobody", "secret"]) expect(body).not.toContain(name);
});

/** How much a metric, given with all its labels, has grown by what is done. */
async function growth(names: readonly string[], work: () => Promise<void>): Promise<number[]> {
  const values = (): Promise<number[]> => Promise.all(names.map((name) => node.metric(name).catch(() => 0)));
  const before = await values();
  await work();
  return (await values()).map((value, index) => value - before[index]!);
}

describe("what is counted", () => {
  test("records and bytes, in and out, and what the journal made of them", async () => {
    const names = [
      'aclog_records_total{direction="produced"}',
      'aclog_records_total{direction="consumed"}',
      "aclog_journal_groups_total",
      "aclog_journal_commits_total",
      "aclog_journal_sync_duration_seconds_count",
    ];
    await node.as("acme/root").produce("first", { topic: "counted" });
    expect(
      await growth(names, async () => {
        await node.as("acme/root").produce(["a", "b", "c"], { topic: "counted" });
        await node.as("acme/root").consume({ topic: "counted", from: 1n, maxRecords: 2 });
      }),
    ).toEqual([3, 2, 1, 1, 1]);
    const value = Buffer.alloc(1000).toString();
    const [inBytes, outBytes, journalBytes] = await growth(
      [
        'aclog_record_bytes_total{direction="produced"}',
        'aclog_record_bytes_total{direction="consumed"}',
        "aclog_journal_bytes_total",
      ],
      async () => {
        const stream = node.raw("acme/root").open("ProduceStream");
        for (let count = 0; count < 10; count++) stream.send(produceBytes({ topic: "counted", records: [value] }));
        stream.halfClose();
        expect((await stream.end()).messages).toHaveLength(10);
        const follow = node.raw("acme/root").open("ConsumeStream");
        follow.send(consumeBytes({ topic: "counted", offset: 4n, maxRecords: 100 }));
        follow.halfClose();
        // What is read at a time may end where what is in memory begins.
        for (let messages = 1, records = 0; records < 10; messages++)
          records = (await follow.received(messages)).flatMap((bytes) => consumed(bytes).records).length;
        follow.cancel();
      },
    );
    for (const bytes of [inBytes!, outBytes!, journalBytes!]) expect(bytes).toBeGreaterThanOrEqual(10_000);
    expect(outBytes).toBeLessThan(11_000);
  });

  test("decisions by action and outcome, and policies", async () => {
    const names = [
      'aclog_decisions_total{action="produce",outcome="allow"}',
      'aclog_decisions_total{action="produce",outcome="deny"}',
      'aclog_policy_reloads_total{result="unchanged"}',
      'aclog_policy_reloads_total{result="changed"}',
      'aclog_policy_reloads_total{result="refused"}',
    ];
    await using own = await startTestNode();
    const version = /aclog_policy_info\{version="([0-9a-f]+)"\} 1/;
    const [, first] = version.exec((await own.probe("/metrics")).body)!;
    await own.as("acme/root").produce("v");
    await own.raw("acme/nobody").call("Produce", [produceBytes({ records: ["v"] })]);
    await own.reloadPolicy();
    await own.writePolicy({
      "policy.csv": "p, acme/root, acme, *, produce, allow\n",
      "matrix.csv": "# states nothing\n",
    });
    await own.reloadPolicy();
    await own.writePolicy({ "policy.csv": "p, acme/root, acme, *, prodcue, allow\n" });
    await expect(own.reloadPolicy()).rejects.toThrow();
    expect(await Promise.all(names.map((name) => own.metric(name)))).toEqual([1, 1, 1, 1, 1]);
    const { body } = await own.probe("/metrics");
    expect(version.exec(body)![1]).not.toBe(first);
    expect(body.match(/^aclog_policy_info/gm)).toHaveLength(1);
    const activated = await own.metric("aclog_policy_activation_timestamp_seconds");
    expect(Math.abs(activated - Date.now() / 1000)).toBeLessThan(60);
  });

  test("calls by the code that they ended with, also where grpc-js answers by itself", async () => {
    const named = (method: string, code: string): string =>
      `aclog_call_duration_seconds_count{method="/log.v1.Log/${method}",code="${code}"}`;
    const names = [
      named("Consume", "DEADLINE_EXCEEDED"),
      named("ConsumeStream", "DEADLINE_EXCEEDED"),
      named("Produce", "RESOURCE_EXHAUSTED"),
      named("Consume", "CANCELLED"),
      'aclog_stray_requests_total{code="UNIMPLEMENTED"}',
      'aclog_stray_requests_total{code="NOT_GRPC"}',
    ];
    const session = node.http2("acme/root");
    await node.as("acme/root").produce("v", { topic: "ends" });
    const waiting = consumeBytes({ topic: "ends", start: "LATEST", maxWaitMs: 60_000 });
    expect(
      await growth(names, async () => {
        const late = openCall(session, "Consume", { "grpc-timeout": "30m" });
        late.end(framed(waiting));
        const stream = openCall(session, "ConsumeStream", { "grpc-timeout": "200m" });
        stream.end(framed(consumeBytes({ topic: "ends" })));
        const large = openCall(session, "Produce");
        large.end(Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]));
        const missing = openCall(session, "Missing");
        const other = openCall(session, "Produce", { "content-type": "text/plain" });
        const open = [late, stream, large, missing, other];
        await Promise.all(open.map((call) => new Promise((resolve) => call.resume().once("close", resolve).end())));
        const cancelled = node.raw("acme/root").open("Consume");
        cancelled.send(waiting);
        cancelled.halfClose();
        await node.metricReaches("aclog_waiting_readers", 1);
        cancelled.cancel();
        await node.metricReaches("aclog_waiting_readers", 0);
      }),
    ).toEqual([1, 1, 1, 1, 1, 1]);
    session.destroy();
  });

  test("calls, readers and connections as long as they are open", async () => {
    const streams = 'aclog_open_calls{method="/log.v1.Log/ConsumeStream"}';
    await node.as("acme/root").produce("v", { topic: "open" });
    const connections = await node.metric("aclog_connections");
    const accepted = await node.metric("aclog_connections_accepted_total");
    const session = node.http2("acme/root");
    const calls = Array.from({ length: 3 }, () => {
      const call = openCall(session, "ConsumeStream");
      call.end(framed(consumeBytes({ topic: "open" })));
      return call.resume();
    });
    await node.metricReaches("aclog_waiting_readers", 3);
    expect(await node.metric(streams)).toBe(3);
    expect(await node.metric("aclog_open_consumes")).toBe(3);
    expect(await node.metric("aclog_connections")).toBe(connections + 1);
    expect(await node.metric("aclog_connections_accepted_total")).toBe(accepted + 1);
    calls[0]!.close();
    await node.metricReaches("aclog_waiting_readers", 2);
    expect(await node.metric(streams)).toBe(2);
    session.destroy();
    await node.metricReaches("aclog_connections", connections);
    await node.metricReaches(streams, 0);
    expect(await node.metric("aclog_waiting_readers")).toBe(0);
  });
});

test("of what the server has: certificates, disk, its version", async () => {
  const day = 86_400;
  // The test's authority signs itself for a year, and its certificates for a day.
  expect((await node.metric('aclog_certificate_remaining_seconds{certificate="server"}')) / day).toBeCloseTo(1, 1);
  expect((await node.metric('aclog_certificate_remaining_seconds{certificate="ca"}')) / day).toBeCloseTo(365, 1);
  expect(await node.metric("aclog_disk_free_bytes")).toBeGreaterThan(1_000_000);
  expect(await node.metric("aclog_disk_used_bytes")).toBeGreaterThan(1_000_000);
  const { version } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  expect(await node.metric(`aclog_build_info{version="${version}",node="${process.versions.node}"}`)).toBe(1);
});

test("a checkpoint tells what it took, and a start in good order that nothing was replayed", async () => {
  await using own = await startTestNode();
  expect(await own.metric("aclog_replay_groups")).toBe(0);
  await own.as("acme/root").produce("v", { topic: "a" });
  // A second without a group brings a checkpoint.
  while ((await own.metric("aclog_checkpoint_duration_seconds_count")) === 0)
    await new Promise((resolve) => setImmediate(resolve));
  expect(await own.metric("aclog_checkpoint_duration_seconds_sum")).toBeGreaterThan(0);
});

describe("with tenants", () => {
  test("only those that are declared are named, each with what it has and does", async () => {
    await using own = await startTestNode({ config: { metricsTenants: true } });
    await own.as("acme/root").produce(["a", "b"], { topic: "a" });
    await own.raw("acme/nobody").call("Produce", [produceBytes({ records: ["v"], tenant: "x".repeat(50) })]);
    expect(await own.metric('aclog_tenant_records_total{tenant="acme",direction="produced"}')).toBe(2);
    expect(await own.metric('aclog_tenant_denials_total{tenant="acme"}')).toBe(1);
    expect(await own.metric('aclog_tenant_topics{tenant="acme"}')).toBe(1);
    expect(await own.metric('aclog_tenant_topics{tenant="globex"}')).toBe(0);
    expect(await own.metric('aclog_tenant_stored_bytes{tenant="acme"}')).toBeGreaterThan(0);
    expect((await own.probe("/metrics")).body).not.toContain("xxx");
  });
});

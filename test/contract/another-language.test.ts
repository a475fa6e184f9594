import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type TestNode, startTestNode } from "../support/test-node.js";

const root = join(import.meta.dirname, "..", "..");

let node: TestNode;
beforeAll(async () => {
  node = await startTestNode({ config: { reflection: true } });
  for (const principal of ["acme/root", "acme/nobody"]) {
    const { cert, key } = node.keysOf(principal);
    await writeFile(fileOf(principal, "crt"), cert);
    await writeFile(fileOf(principal, "key"), key);
  }
});
afterAll(() => node[Symbol.asyncDispose]());

const fileOf = (principal: string, kind: string): string =>
  join(node.directory, `${principal.replace("/", "-")}.${kind}`);

/** buf is written in Go, and so is its gRPC. `onOutput` is called with what came so far. */
async function curl(
  principal: string,
  args: readonly string[],
  { input = "", onOutput }: { readonly input?: string; readonly onOutput?: (text: string) => void } = {},
): Promise<{ readonly code: number | string | null; readonly stdout: string; readonly stderr: string }> {
  const keys = ["--cert", fileOf(principal, "crt"), "--key", fileOf(principal, "key")];
  const common = ["curl", "--protocol", "grpc", "--cacert", join(node.directory, "ca.crt"), ...keys];
  return new Promise((resolve) => {
    const buf = join(root, "node_modules/.bin/buf");
    const child = execFile(buf, [...common, ...args], { cwd: root }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
    let output = "";
    child.stdout!.on("data", (text: string) => onOutput?.((output += text)));
    child.stdin!.end(input);
  });
}

const method = (name: string): string => `https://${node.address}/log.v1.Log/${name}`;
const bySchema = ["--schema", "proto"];
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const lines = (text: string): unknown[] =>
  text.trim() === "" ? [] : (JSON.parse(`[${text.trim().replace(/\}\s*\{/g, "},{")}]`) as unknown[]);

test("produces and consumes, by schema and by reflection", async () => {
  const request = JSON.stringify({ topic: "go", records: [{ value: base64("one") }, { value: base64("two") }] });
  const produced = await curl("acme/root", [...bySchema, "-d", request, method("Produce")]);
  expect(produced).toMatchObject({ code: 0, stderr: "" });
  expect(lines(produced.stdout)).toMatchObject([{ count: 2 }]);
  const consumed = await curl("acme/root", ["-d", '{"topic":"go","offset":"1"}', method("Consume")]);
  expect(consumed).toMatchObject({ code: 0, stderr: "" });
  expect(lines(consumed.stdout)).toMatchObject([
    { records: [{ value: base64("two"), offset: "1" }], highWaterMark: "2" },
  ]);
});

test("streams both ways", async () => {
  const requests = Array.from({ length: 20 }, (_, index) => ({
    topic: "streamed",
    records: [{ value: base64(`${index}`) }],
  }));
  const input = requests.map((request) => JSON.stringify(request)).join("\n");
  const produced = await curl("acme/root", [...bySchema, "-d", "@-", method("ProduceStream")], { input });
  expect(produced).toMatchObject({ code: 0, stderr: "" });
  const offsets = (lines(produced.stdout) as { offset?: string }[]).map(({ offset }) => Number(offset ?? 0));
  expect(offsets).toEqual(requests.map((_, index) => index));
  const request = '{"topic":"streamed","offset":"19"}';
  const { stdout, stderr } = await curl("acme/root", [...bySchema, "-d", request, method("ConsumeStream")], {
    // It would read for ever: the end of the server is the end of it.
    onOutput: (text) => {
      if (text.endsWith("}\n")) void node.drain();
    },
  });
  expect(lines(stdout)).toMatchObject([{ records: [{ value: base64("19"), offset: "19" }] }]);
  expect(stderr).toContain('"code": "unavailable"');
  await node.restart();
});

const methodOf = (service: string, name: string): string => `https://${node.address}/log.v1.${service}/${name}`;

/** One call, by reflection. */
async function call(service: string, name: string, request: object): Promise<unknown> {
  const { code, stdout, stderr } = await curl("acme/root", ["-d", JSON.stringify(request), methodOf(service, name)]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return lines(stdout)[0];
}

test("makes, describes, changes, lists, truncates and removes a topic", async () => {
  const settings = { retentionMs: "86400000", compact: true };
  const made = await call("Topics", "Create", { topic: "from-go", settings });
  expect(made).toMatchObject({ tenant: "acme", topic: "from-go", settings });
  expect(await call("Topics", "Describe", { topic: "from-go" })).toEqual(made);
  expect(await call("Topics", "Update", { topic: "from-go", compact: false, retentionRecords: 5 })).toMatchObject({
    settings: { retentionMs: "86400000", retentionRecords: "5" },
  });
  await call("Log", "Produce", { topic: "from-go", records: [{}, {}, {}] });
  expect(await call("Topics", "Truncate", { topic: "from-go", beforeOffset: 2 })).toMatchObject({
    startOffset: "2",
    highWaterMark: "3",
  });
  expect(await call("Topics", "List", { prefix: "from-" })).toMatchObject({ topics: [{ topic: "from-go" }] });
  expect(await call("Topics", "Delete", { topic: "from-go" })).toEqual({
    topicId: (made as { topicId: string }).topicId,
  });
  const gone = await curl("acme/root", ["-d", '{"topic":"from-go"}', methodOf("Topics", "Describe")]);
  expect(JSON.parse(gone.stderr)).toMatchObject({ code: "not_found" });
});

test("commits, fetches, lists and forgets offsets", async () => {
  await call("Log", "Produce", { topic: "grouped", records: [{}, {}, {}] });
  const position = { group: "go", topic: "grouped" };
  await call("Offsets", "Commit", { ...position, offset: 2 });
  expect(await call("Offsets", "Fetch", position)).toMatchObject({ offset: "2" });
  expect(await call("Offsets", "List", { group: "go" })).toMatchObject({
    offsets: [{ ...position, tenant: "acme", offset: "2", lag: "1" }],
  });
  await call("Offsets", "Delete", position);
  expect(await call("Offsets", "Fetch", position)).not.toHaveProperty("offset");
});

test("imports", async () => {
  const requests = Array.from({ length: 50 }, (_, index) => ({
    ...(index === 0 && { topic: "imported" }),
    records: [{ value: base64(`${index}`) }, { value: base64("second") }],
  }));
  const input = requests.map((request) => JSON.stringify(request)).join("\n");
  const imported = await curl("acme/root", [...bySchema, "-d", "@-", method("Import")], { input });
  expect(imported).toMatchObject({ code: 0, stderr: "" });
  expect(lines(imported.stdout)).toMatchObject([{ count: "100", lastOffset: "99" }]);
  expect(await node.valuesOf("acme", "imported")).toHaveLength(100);
});

test("reads why it was refused", async () => {
  const denied = await curl("acme/nobody", [...bySchema, "-d", '{"records":[{}]}', method("Produce")]);
  expect(JSON.parse(denied.stderr)).toMatchObject({
    code: "permission_denied",
    details: [{ type: "google.rpc.ErrorInfo" }, { type: "google.rpc.LocalizedMessage" }],
  });
  const past = await curl("acme/root", [...bySchema, "-d", '{"offset":"18446744073709551615"}', method("Consume")]);
  expect(past.code).not.toBe(0);
  expect(JSON.parse(past.stderr)).toMatchObject({
    code: "out_of_range",
    message: expect.stringContaining("18446744073709551615") as string,
  });
});

test("asks for health, and lists the services", async () => {
  const health = await curl("acme/nobody", [
    "-d",
    '{"service":"log.v1.Topics"}',
    `https://${node.address}/grpc.health.v1.Health/Check`,
  ]);
  expect(lines(health.stdout)).toEqual([{ status: "SERVING" }]);
  const { stdout } = await curl("acme/nobody", ["--list-services", `https://${node.address}`]);
  expect(stdout.trim().split("\n").sort()).toEqual(
    expect.arrayContaining(["grpc.health.v1.Health", "log.v1.Log", "log.v1.Offsets", "log.v1.Topics"]),
  );
});

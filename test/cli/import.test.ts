import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, test } from "vitest";
import { outcomeOf, run, start, type Outcome } from "./command.js";
import { examplePlace, Served, sharedServer } from "./served.js";

const shared = sharedServer(async (directory) => {
  const tenants =
    "tenants:\n  acme: {}\n  globex:\n    limits:\n      batch_bytes: 16\n  ops:\n    limits:\n      streams: 0\n";
  await writeFile(join(directory, "policy/tenants.yaml"), tenants);
});
/** One for each test. */
let topic: string;
let topics = 0;

beforeEach(() => {
  topic = `t${++topics}`;
});

/** Into the topic of the test. */
function importing(args: readonly string[], input: string | Buffer = ""): Promise<Outcome> {
  return shared.server.aclog("acme/root", ["import", "--topic", topic, ...args], input);
}

async function stored(): Promise<string> {
  return (await shared.server.aclog("acme/root", ["consume", "--topic", topic])).stdout;
}

test("the lines of a file are stored in order, and one table tells of them", async () => {
  const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index}\n`).join("");
  await writeFile(join(shared.directory, "lines.txt"), lines);
  const { code, stdout, stderr } = await importing(["lines.txt"]);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(
    stdout,
    /^records {2}20,000\noffsets {2}0 to 19999\nsent {5}\S+ KiB \([\d,]+ bytes\)\nseconds {2}\d+\.\d\d \([\d,]+ records\/s\)\n$/,
  );
  assert.equal(await stored(), lines);
});

test("lines of stdin are stored byte for byte, under the key, and --json tells of them in one object", async () => {
  const input = Buffer.from("one\n\n\xff\xfe\r\nlast", "latin1");
  const { stdout } = await importing(["-", "--record-key", "k", "--json"], input);
  const { topicId, seconds, bytes, ...told } = JSON.parse(stdout) as Record<string, unknown>;
  assert.deepEqual(told, { topic, count: 4, firstOffset: "0", lastOffset: "3" });
  assert.match(String(topicId), /^[0-9a-f]{32}$/);
  assert.deepEqual([typeof seconds, typeof bytes], ["number", "number"]);
  const records = (await shared.server.aclog("acme/root", ["consume", "--topic", topic, "--json"])).stdout
    .trimEnd()
    .split("\n");
  const values = records.map((line) => JSON.parse(line) as { key: string; value: string; encoding?: string });
  const base64 = (text: string) => Buffer.from(text, "latin1").toString("base64");
  assert.deepEqual(
    values.map(({ key, value, encoding }) => [key, value, encoding]),
    [
      ["k", "one", undefined],
      ["k", "", undefined],
      [base64("k"), base64("\xff\xfe\r"), "base64"],
      ["k", "last", undefined],
    ],
  );
});

test("what consume --json prints is imported as the same records", async () => {
  const records = [
    { key: "k", value: "é", headers: [{ name: "h", value: "x" }] },
    { key: "aw==", value: "/w==", headers: [{ name: "h", value: "AA==" }], encoding: "base64" },
    { key: "", value: "", headers: [] },
  ];
  const lines = records.map((record) => `${JSON.stringify(record)}\n`).join("");
  assert.equal((await importing(["-", "--format", "json"], lines)).code, 0);
  const read = async (from: string) =>
    (await shared.server.aclog("acme/root", ["consume", "--topic", from, "--json"])).stdout;
  const printed = await read(topic);
  const copy = `${topic}.copy`;
  const args = ["import", "-", "--format", "json", "--topic", copy, "--json"];
  assert.equal(
    (JSON.parse((await shared.server.aclog("acme/root", args, printed)).stdout) as { count: number }).count,
    3,
  );
  const content = (text: string) =>
    text
      .trimEnd()
      .split("\n")
      .map((line) => ({ ...(JSON.parse(line) as object), offset: undefined, timestamp: undefined }));
  assert.deepEqual(content(await read(copy)), content(printed));
  assert.deepEqual(
    content(printed),
    records.map((record) => ({ ...record, offset: undefined, timestamp: undefined })),
  );
});

test("an empty file is no failure, and stores nothing", async () => {
  assert.deepEqual(await importing(["-"]), { code: 0, stdout: "records  0\n", stderr: "" });
  assert.equal((await importing(["-", "--json"])).stdout, `{"topic":"${topic}","count":0}\n`);
});

test("a line that is no record ends the import: those before it are stored, and how to go on is told", async () => {
  const input = '{"value":"a"}\n{"value":"b"}\n{"vlaue":"c"}\n{"value":"d"}\n';
  const { code, stdout, stderr } = await importing(["-", "--format", "json"], input);
  assert.equal(code, 1);
  assert.match(stdout, /^records {2}2\n/);
  assert.equal(
    stderr,
    'aclog: line 3 of stdin is no record: unknown field "vlaue"; did you mean "value"?; ' +
      "2 lines are stored: go on with line 3 and --expected-offset 2\n",
  );
  assert.equal(await stored(), "a\nb\n");
  assert.equal((await importing(["-", "--expected-offset", "2"], "c\n")).code, 0);
  assert.equal(await stored(), "a\nb\nc\n");
});

test("a first line that no record can hold, and a file that is not there, store nothing", async () => {
  const long = await importing(["-"], "x".repeat(1024 * 1024 + 1));
  assert.deepEqual([long.code, long.stdout], [1, ""]);
  assert.match(
    long.stderr,
    /line 1 of stdin is too long: a record holds at most 1,048,576 bytes; nothing was stored\n$/,
  );
  const missing = await importing(["missing.txt"]);
  assert.deepEqual(missing, {
    code: 1,
    stdout: "",
    stderr: "aclog: cannot read missing.txt: there is no such file; nothing was stored\n",
  });
});

test("a refusal in the middle tells how far the import came, and how to go on", async () => {
  // As JSON it is let through; the server counts what the record holds.
  const large = JSON.stringify({ value: "x".repeat(1024 * 1024 + 1) });
  const small = '{"value":"a"}\n'.repeat(600);
  const { code, stdout, stderr } = await importing(["-", "--format", "json"], `${small}${large}\n`);
  assert.deepEqual([code, stdout], [1, ""]);
  const [, count, line, next] =
    /\n {2}(\d+) lines are stored: go on with line (\d+) and --expected-offset (\d+)\.\n$/.exec(stderr) ?? [];
  assert.match(stderr, /^aclog: RESOURCE_EXHAUSTED: /);
  assert.deepEqual([count, line, next], ["600", "601", "600"]);
  assert.equal(await stored(), "a\n".repeat(600));
});

test("who may not produce stores nothing, although stdin is open", async () => {
  const child = start(["import", "-", "--topic", topic, "--json"], shared.server.as("acme/nobody"));
  const ended = outcomeOf(child);
  child.stdin.write("a\n");
  const { code, stdout, stderr } = await ended;
  assert.deepEqual([code, stdout], [1, ""]);
  const { error, next } = JSON.parse(stderr) as Record<string, string>;
  assert.equal(error, "PERMISSION_DENIED");
  assert.match(String(next), /decision \S+ in the server's log, or: aclog policy why .*Nothing was stored\.$/);
});

test("an expected offset that is not the next one stores nothing", async () => {
  await importing(["-"], "a\n");
  const { code, stderr } = await importing(["-", "--expected-offset", "0"], "b\n");
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^aclog: FAILED_PRECONDITION: .*the next offset is 1\n {2}Offset 0 is taken: .* Nothing was stored\.\n$/,
  );
  assert.equal(await stored(), "a\n");
});

test("an import that no stream is left for stores nothing", async () => {
  const { code, stderr } = await shared.server.aclog("ops/root", ["import", "-"], "a\n");
  assert.equal(code, 1);
  assert.match(stderr, /can raise streams for tenant ops in tenants\.yaml\. Nothing was stored\.\n$/);
});

const unreached = [
  // what                     how it is called                                          hint
  ["a port where nobody listens", { ACLOG_ADDRESS: "localhost:1" }, /Nobody listens at localhost:1: /],
  ["a host that nobody knows", { ACLOG_ADDRESS: "nowhere.invalid:8400" }, /No host is known by the name in nowhere/],
  ["two servers that are not there", { ACLOG_ADDRESS: "localhost:1,localhost:2" }, /Nobody listens at localhost:1, /],
  ["a tenant that is not declared", { ACLOG_AS: "initech/root" }, /does not accept this certificate/],
] as const;
for (const [what, env, hint] of unreached) {
  test(`${what}: an import is told why, and that nothing was stored`, async () => {
    assert.equal((await run(["certs", "issue", "initech/root", "--force"], { cwd: shared.directory })).code, 0);
    const calling = { ...shared.server.as("acme/root"), input: "a\nb\n" };
    const options = { ...calling, env: { ...calling.env, ...env } };
    const { code, stdout, stderr } = await run(["import", "-"], options);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /^aclog: UNAVAILABLE: /);
    assert.match(stderr, hint);
    assert.match(stderr, / Nothing was stored\.\n$/);
    const { next } = JSON.parse((await run(["import", "-", "--json"], options)).stderr) as { next: string };
    assert.match(next, hint);
    assert.match(next, / Nothing was stored\.$/);
  });
}

test("an authority that the server is not of: an import is told so, and that nothing was stored", async () => {
  await using elsewhere = await examplePlace();
  const options = { ...shared.server.as("acme/root"), cwd: elsewhere.path, input: "a\n" };
  const { stderr } = await run(["import", "-"], options);
  assert.match(stderr, /did not issue: check --ca, or --certs\. Nothing was stored\.\n$/);
});

for (const command of ["import -", "produce"]) {
  test(`where a tenant may send little at a time, ${command} names the flag that helps, if one does`, async () => {
    const sending = (input: string, ...flags: string[]) =>
      shared.server.aclog(
        "globex/root",
        [...command.split(" "), "--topic", topic, "--record-key", "key", ...flags],
        input,
      );
    // With its key, each of the first two takes half of what may be sent.
    const lines = "12345\n12345\n1\n";
    const { code, stdout, stderr } = await sending(lines);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /can raise batch_bytes for tenant globex .*\. --batch-bytes 16 sends no more at a time\./);
    assert.equal((await sending(lines, "--batch-bytes", "16")).code, 0);
    assert.equal((await shared.server.aclog("globex/root", ["consume", "--topic", topic])).stdout, lines);
    const hopeless = await sending("12345678901234\n", "--batch-bytes", "16");
    assert.match(
      hopeless.stderr,
      /can raise batch_bytes for tenant globex in tenants\.yaml\.( Nothing was stored\.)?\n$/,
    );
  });
}

test("Ctrl-C stores what was sent, and tells how to go on", async () => {
  const child = start(["import", "-", "--topic", topic], shared.server.as("acme/root"));
  const ended = outcomeOf(child);
  child.stdin.write("a\nb\n");
  while ((await stored()) !== "a\nb\n");
  child.kill("SIGINT");
  const { code, stdout, stderr } = await ended;
  assert.equal(code, 1);
  assert.match(stdout, /^records {2}2\n/);
  assert.equal(
    stderr,
    "aclog: the import was stopped; 2 lines are stored: go on with line 3 and --expected-offset 2\n",
  );
});

test("a connection that is lost: it is told that nobody knows, and how to find out", async () => {
  await using elsewhere = await examplePlace();
  const lost = await Served.start(elsewhere.path);
  const child = start(["import", "-", "--expected-offset", "0"], lost.as("acme/root"));
  const ended = outcomeOf(child);
  child.stdin.write("a\nb\n");
  while ((await lost.aclog("acme/root", ["consume"])).stdout !== "a\nb\n");
  await lost[Symbol.asyncDispose]();
  const { code, stdout, stderr } = await ended;
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(
    stderr,
    /\n {2}The connection to \S+ was lost\. How many of the 2 records that were sent are stored is not known\. /,
  );
  assert.match(
    stderr,
    /`aclog topics describe default` shows the high-water mark: less 0, it is how many lines are stored\.\n$/,
  );
});

test.runIf(process.platform === "linux")("a file of which nobody knows the size is read too", async () => {
  const pipe = join(shared.directory, "lines.pipe");
  execFileSync("mkfifo", [pipe]);
  const importingPipe = importing(["lines.pipe"]);
  await Promise.all([writeFile(pipe, "a\nb\n"), importingPipe]);
  assert.equal((await importingPipe).code, 0);
  assert.equal(await stored(), "a\nb\n");
});

test("several addresses are several servers: one that is not there is passed over", async () => {
  const { env = {} } = shared.server.as("acme/root");
  const addresses = ["--address", "localhost:1", "--address", `${env["ACLOG_ADDRESS"]},localhost:2`];
  assert.equal((await importing(["-", ...addresses], "a\n")).code, 0);
  assert.equal(await stored(), "a\n");
});

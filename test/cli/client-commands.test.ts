import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, open, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { status, type ServerDuplexStream, type ServerWritableStream } from "@grpc/grpc-js";
import { afterEach, beforeEach, test } from "vitest";
import type { ConsumeRequestOutput } from "../../src/wire/generated/log/v1/ConsumeRequest.js";
import type { ConsumeResponse } from "../../src/wire/generated/log/v1/ConsumeResponse.js";
import type { ProduceRequestOutput } from "../../src/wire/generated/log/v1/ProduceRequest.js";
import type { ProduceResponse } from "../../src/wire/generated/log/v1/ProduceResponse.js";
import type { Record as WireRecord } from "../../src/wire/generated/log/v1/Record.js";
import { BareServer, refusal } from "../client/server.js";
import { TestAuthority } from "../support/certificates.js";
import { outcomeOf, run, start, Workplace, type Outcome, type RunOptions } from "./command.js";

const topicId = Buffer.alloc(16, 7);

let workplace: Workplace;
let server: BareServer;
/** What the server holds; its offsets are the positions in here. */
let stored: WireRecord[];
let requests: ProduceRequestOutput[];
let unexpected: Record<string, string>;
/** The server has enough of a stream behind its first records. */
let breaksOff: boolean;

beforeEach(async () => {
  stored = [];
  requests = [];
  breaksOff = false;
  workplace = await Workplace.make();
  server = await BareServer.start({
    Produce: (call, answer) => {
      if (call.request.topic === "expected") answer(notNext());
      else answer(null, store(call.request));
    },
    ProduceStream: (call: ServerDuplexStream<ProduceRequestOutput, ProduceResponse>) => {
      call.on("data", (request: ProduceRequestOutput) => {
        if (breaksOff && stored.length > 0) call.emit("error", tooManyPings);
        else if (request.topic !== "forbidden" || stored.length === 0) call.write(store(request));
        else call.emit("error", denied);
      });
      call.on("end", () => call.end());
    },
    Consume: (call, answer) => {
      const { topic, start: from, offset, maxRecords } = call.request;
      if (topic === "forbidden") answer(denied);
      else if (topic === "busy") answer(overLimit("streams", 10, 1));
      else if (topic === "full") answer(overLimit("storage_bytes", 10 * 1024 ** 3));
      else if (from === "OFFSET" && offset >= BigInt(stored.length)) answer(outOfRange(offset));
      else answer(null, read(from === "LATEST" ? stored.length : Number(offset), maxRecords));
      // The topic grows for ever: whoever reads to the end of it never ends.
      stored.push({ value: Buffer.from("later") });
    },
    ConsumeStream: (call: ServerWritableStream<ConsumeRequestOutput, ConsumeResponse>) => {
      call.write(read(0, stored.length));
    },
  });
  const { certPem, keyPem } = server.authority.issue({ principal: "acme/billing" });
  const clients = join(workplace.path, "certs/clients/acme");
  await mkdir(clients, { recursive: true });
  await writeFile(join(workplace.path, "certs/ca.crt"), server.authority.caPem);
  await writeFile(join(clients, "billing.crt"), certPem);
  await writeFile(join(clients, "billing.key"), keyPem);
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await workplace[Symbol.asyncDispose]();
});

const denied = refusal({
  code: status.PERMISSION_DENIED,
  message: "acme/billing may not use acme/forbidden",
  details: [
    { type: "ErrorInfo", value: { reason: "PERMISSION_DENIED", domain: "aclog", metadata: { decision: "d-1" } } },
  ],
});

/** As grpc-js tells of a stream that HTTP/2's ENHANCE_YOUR_CALM has ended: nothing that passes by itself. */
const tooManyPings = refusal({
  code: status.RESOURCE_EXHAUSTED,
  message: "Received RST_STREAM with code 11 (Bandwidth exhausted or memory limit exceeded)",
  details: [],
});

function notNext(): ReturnType<typeof refusal> {
  return refusal({
    code: status.FAILED_PRECONDITION,
    message: "not the next offset",
    details: [{ type: "ErrorInfo", value: { reason: "UNEXPECTED_OFFSET", domain: "aclog", metadata: unexpected } }],
  });
}

function overLimit(limit: string, maximum: number, retryAfterSeconds?: number): ReturnType<typeof refusal> {
  const metadata = { tenant: "acme", limit, maximum: `${maximum}` };
  return refusal({
    code: status.RESOURCE_EXHAUSTED,
    message: `tenant acme is at its limit: ${limit} is ${maximum}`,
    details: [
      { type: "ErrorInfo", value: { reason: "QUOTA_EXCEEDED", domain: "aclog", metadata } },
      ...(retryAfterSeconds === undefined
        ? []
        : [{ type: "RetryInfo" as const, value: { retryDelay: { seconds: retryAfterSeconds, nanos: 0 } } }]),
    ],
  });
}

function outOfRange(offset: bigint): ReturnType<typeof refusal> {
  const metadata = { requested: `${offset}`, base: "0", next: `${stored.length}` };
  return refusal({
    code: status.OUT_OF_RANGE,
    message: `offset ${offset} is outside`,
    details: [{ type: "ErrorInfo", value: { reason: "OFFSET_OUT_OF_RANGE", domain: "aclog", metadata } }],
  });
}

function store(request: ProduceRequestOutput): ProduceResponse {
  const offset = stored.length;
  requests.push(request);
  stored.push(...request.records);
  return { offset, count: request.records.length, topicId };
}

function read(offset: number, count: number): ConsumeResponse {
  const records = stored
    .slice(offset, offset + count)
    .map((record, index) => ({ ...record, offset: offset + index, timestampMs: 1_700_000_000_000 }));
  return { records, topicId, highWaterMark: stored.length };
}

/** Runs as acme/billing, against the server of the test. */
function aclog(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return run(args, placed(options));
}

function placed(options: RunOptions = {}): RunOptions {
  const env = { ACLOG_ADDRESS: `localhost:${server.port}`, ACLOG_AS: "acme/billing", ...options.env };
  return { cwd: workplace.path, ...options, env };
}

async function listening(answer: (socket: Socket) => void): Promise<AsyncDisposable & { readonly port: number }> {
  const other = createServer((socket) => {
    // What the client still sends finds nobody.
    socket.on("error", () => undefined).resume();
    answer(socket);
  }).listen(0, "127.0.0.1");
  await once(other, "listening");
  return {
    port: (other.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      other.close();
      await once(other, "close");
    },
  };
}

function values(): string[] {
  return stored.map(({ value }) => Buffer.from(value as Buffer).toString("latin1"));
}

test("produce stores values as one batch and prints their offsets", async () => {
  stored = [{}, {}];
  const args = ["produce", "--topic", "orders", "--tenant", "globex", "--value", "a", "--value", "b"];
  assert.deepEqual(await aclog([...args, "--record-key", "k", "--expected-offset", "2"]), {
    code: 0,
    stdout: "2\n3\n",
    stderr: "",
  });
  const [request, ...more] = requests;
  assert.equal(more.length, 0);
  assert.deepEqual([request?.topic, request?.tenant, request?.expectedOffset], ["orders", "globex", 2n]);
  assert.deepEqual(
    request?.records.map(({ key, value }) => `${key.toString()}=${value.toString()}`),
    ["k=a", "k=b"],
  );
});

test("an expected offset that is not the next one: what may have happened, and which is", async () => {
  const refused = async (expected: bigint, actual: bigint) => {
    unexpected = { expected: `${expected}`, actual: `${actual}` };
    const { code, stderr } = await aclog(["produce", "--topic", "expected", "--value", "a"]);
    assert.equal(code, 1);
    return stderr.split("\n")[1]?.trim();
  };
  assert.equal(
    await refused(3n, 7n),
    "Offsets 3 to 6 are taken: consume shows whether by these records. If not, --expected-offset 7 stores them behind.",
  );
  assert.match(String(await refused(3n, 4n)), /^Offset 3 is taken: .* --expected-offset 4 stores/);
  assert.equal(await refused(5n, 4n), "--expected-offset 4 is the next one.");
});

test("produce stores the lines of stdin and of a file, byte for byte", async () => {
  const input = Buffer.from("one\n\n\xff\xfe\r\nlast", "latin1");
  await writeFile(join(workplace.path, "lines"), input);
  assert.deepEqual(await aclog(["produce", "--json"], { input }), {
    code: 0,
    stdout: [0, 1, 2, 3].map((offset) => `{"topic":"default","offset":"${offset}"}\n`).join(""),
    stderr: "",
  });
  assert.equal((await aclog(["produce", "--file", "lines"])).stdout, "4\n5\n6\n7\n");
  assert.deepEqual(values(), ["one", "", "\xff\xfe\r", "last", "one", "", "\xff\xfe\r", "last"]);
});

test("produce stores many lines in batches, and one expected offset holds for all of them", async () => {
  const lines = Array.from({ length: 3000 }, (_, index) => `line ${index}`);
  const { code, stdout } = await aclog(["produce", "--expected-offset", "0"], { input: `${lines.join("\n")}\n` });
  assert.equal(code, 0);
  assert.deepEqual(values(), lines);
  assert.equal(stdout, lines.map((_, index) => `${index}\n`).join(""));
  let offset = 0n;
  for (const request of requests) {
    assert.ok(request.records.length <= 500);
    assert.equal(request.expectedOffset, offset);
    offset += BigInt(request.records.length);
  }
});

test("produce answers each line as it is typed", async () => {
  const child = start(["produce"], placed());
  const ended = outcomeOf(child);
  for (const offset of [0, 1]) {
    child.stdin.write(`line ${offset}\n`);
    const [printed] = (await once(child.stdout, "data")) as [string];
    assert.equal(printed, `${offset}\n`);
  }
  child.stdin.end();
  assert.equal((await ended).code, 0);
});

test("produce prints what was stored before a refusal, and ends although stdin is open", async () => {
  const child = start(["produce", "--topic", "forbidden"], placed());
  const ended = outcomeOf(child);
  child.stdin.write("allowed\n");
  await once(child.stdout, "data");
  child.stdin.write("refused\n");
  const { code, stdout, stderr } = await ended;
  assert.deepEqual([code, stdout], [1, "0\n"]);
  assert.match(stderr, /^aclog: PERMISSION_DENIED: acme\/billing may not use acme\/forbidden\n.*decision d-1/);
  assert.deepEqual(values(), ["allowed"]);
});

test("produce from a file that is not there stores nothing", async () => {
  const { code, stderr } = await aclog(["produce", "--file", "missing"]);
  assert.deepEqual([code, stderr], [1, "aclog: cannot read missing: there is no such file; nothing was stored\n"]);
  assert.deepEqual(stored, []);
});

for (const input of ["stdin", "file"]) {
  test(`produce goes on with the lines of a ${input} when nobody reads their offsets any more`, async () => {
    const lines = Array.from({ length: 200_000 }, (_, index) => `line ${index}`);
    await writeFile(join(workplace.path, "lines"), `${lines.join("\n")}\n`);
    const child = start(["produce", ...(input === "file" ? ["--file", "lines"] : [])], placed());
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.stdin.on("error", () => undefined);
    child.stdin.end(input === "stdin" ? `${lines.join("\n")}\n` : undefined);
    await once(child.stdout, "data");
    child.stdout.destroy();
    const [code] = (await once(child, "close")) as [number];
    assert.deepEqual([code, stderr], [0, ""]);
    assert.deepEqual(values(), lines);
  });
}

test("consume prints what was there when it started, and no more", async () => {
  stored = Array.from({ length: 2500 }, (_, index) => ({ value: Buffer.from(`v${index}`) }));
  const expected = stored.map(({ value }) => `${(value as Buffer).toString()}\n`);
  assert.deepEqual(await aclog(["consume"]), { code: 0, stdout: expected.join(""), stderr: "" });
  assert.equal((await aclog(["consume", "--from", "1", "--max", "2"])).stdout, "v1\nv2\n");
  assert.equal((await aclog(["consume", "--max", "1500"])).stdout, expected.slice(0, 1500).join(""));
});

test("consume prints nothing from an empty topic, nor from its end", async () => {
  assert.deepEqual(await aclog(["consume"]), { code: 0, stdout: "", stderr: "" });
  assert.deepEqual(await aclog(["consume", "--from", "latest"]), { code: 0, stdout: "", stderr: "" });
});

test("consume past the end fails with the range", async () => {
  stored = [{}, {}];
  const { code, stderr } = await aclog(["consume", "--from", "7"]);
  assert.equal(code, 1);
  assert.match(stderr, /OUT_OF_RANGE.*\n {2}The topic holds offsets 0 to 1\. --follow waits/);
});

test("consume --json tells offset, time, key, value and headers, in base64 where they are no text", async () => {
  stored = [
    { key: Buffer.from("k"), value: Buffer.from("é"), headers: [{ name: "h", value: Buffer.from("x") }] },
    { key: Buffer.from("k"), value: Buffer.from([0xff]), headers: [] },
  ];
  const { stdout } = await aclog(["consume", "--json"]);
  const timestamp = "2023-11-14T22:13:20.000Z";
  assert.deepEqual(
    stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown),
    [
      { offset: "0", timestamp, key: "k", value: "é", headers: [{ name: "h", value: "x" }] },
      { offset: "1", timestamp, key: "aw==", value: "/w==", headers: [], encoding: "base64" },
    ],
  );
});

test("consume --follow waits for more, and --max ends it", async () => {
  stored = [{ value: Buffer.from("a") }, { value: Buffer.from("b") }, { value: Buffer.from("c") }];
  assert.deepEqual(await aclog(["consume", "--follow", "--max", "2"]), { code: 0, stdout: "a\nb\n", stderr: "" });
  const child = start(["consume", "--follow"], placed());
  const ended = outcomeOf(child);
  await once(child.stdout, "data");
  assert.equal(child.exitCode, null);
  child.kill("SIGINT");
  assert.equal((await ended).code, null);
});

test("consume ends quietly when nobody reads its output any more", async () => {
  stored = Array.from({ length: 20_000 }, () => ({ value: Buffer.alloc(1000, "x") }));
  const child = start(["consume"], placed());
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  await once(child.stdout, "data");
  child.stdout.destroy();
  const [code] = (await once(child, "close")) as [number];
  assert.deepEqual([code, stderr], [0, ""]);
});

test("a refused call, with --json, is one object on stderr", async () => {
  const { code, stdout, stderr } = await aclog(["consume", "--topic", "forbidden", "--json"]);
  assert.deepEqual([code, stdout], [1, ""]);
  const { next, ...failure } = JSON.parse(stderr) as Record<string, unknown>;
  assert.match(String(next), /decision d-1/);
  assert.deepEqual(failure, {
    error: "PERMISSION_DENIED",
    message: "PERMISSION_DENIED: acme/billing may not use acme/forbidden",
    reason: "PERMISSION_DENIED",
    facts: { decision: "d-1" },
  });
});

test("a limit that passes by itself: when to try again, and who can raise it", async () => {
  const { code, stderr } = await aclog(["consume", "--topic", "busy"]);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^aclog: RESOURCE_EXHAUSTED: .*\n {2}Trying again may help after 1000 ms\. The administrator of the policy can raise streams for tenant acme in tenants\.yaml\.\n$/,
  );
});

test("storage that is used up: how to make room, and who can raise the limit", async () => {
  const { code, stderr } = await aclog(["consume", "--topic", "full"]);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /\n {2}Deleting or truncating topics, or a shorter retention, .* 10GiB\. .* can raise storage_bytes /,
  );
});

test("a server that is not there is named, with what may be the matter", async () => {
  await server[Symbol.asyncDispose]();
  const { code, stderr } = await aclog(["produce", "--value", "a"]);
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`UNAVAILABLE.*\n  Nobody listens at localhost:${server.port}`));
});

test("a server that was reached is not said to be down, but what is the matter with it", async () => {
  const { authority } = server;
  const { certPem, keyPem } = authority.issue({ principal: "acme/billing" });
  await writeFile(join(workplace.path, "other.crt"), (await TestAuthority.create()).caPem);
  await writeFile(join(workplace.path, "client.crt"), certPem);
  await writeFile(join(workplace.path, "client.key"), keyPem);
  const ways = ["--ca", "other.crt", "--cert", "client.crt", "--key", "client.key"];
  assert.match((await aclog(["consume", ...ways], { env: { ACLOG_AS: "a/b" } })).stderr, /\n {2}.*check --ca/);

  await using elsewhere = await BareServer.start({}, { names: ["example.com"] });
  await writeFile(join(workplace.path, "certs/ca.crt"), elsewhere.authority.caPem);
  const misnamed = await aclog(["consume"], { env: { ACLOG_ADDRESS: `localhost:${elsewhere.port}` } });
  assert.match(misnamed.stderr, /\n {2}The server's certificate is not for the name in localhost/);

  await using plain = await listening((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  const { stderr } = await aclog(["consume"], { env: { ACLOG_ADDRESS: `localhost:${plain.port}` } });
  assert.match(stderr, /^aclog: UNAVAILABLE: [^\n]*wrong version number\n {2}.* does not speak TLS.*\n$/);
  assert.doesNotMatch(stderr, /openssl|:error:/);

  await using closing = await listening((socket) => socket.once("data", () => socket.end()));
  const closed = await aclog(["consume"], { env: { ACLOG_ADDRESS: `localhost:${closing.port}` } });
  assert.match(closed.stderr, /\n {2}Whoever listens at localhost:\d+ closed the connection at once: /);
});

test("a stream that a server breaks off in the middle of lines: what is acknowledged, and how to go on", async () => {
  breaksOff = true;
  const child = start(["produce"], placed());
  const ended = outcomeOf(child);
  child.stdin.write("a\nb\n");
  await once(child.stdout, "data");
  child.stdin.write("c\n");
  const { code, stdout, stderr } = await ended;
  assert.deepEqual([code, stdout], [1, "0\n1\n"]);
  assert.match(stderr, / was lost\. 2 lines are acknowledged, up to offset 1; .* with line 3 and --expected-offset 2,/);
});

test("a line that no record can hold is named; those before it are stored", async () => {
  const long = "x".repeat(1024 * 1024 + 1);
  const { code, stdout, stderr } = await aclog(["produce"], { input: `a\nb\n${long}\nc\n` });
  assert.deepEqual([code, stdout], [1, "0\n1\n"]);
  assert.match(
    stderr,
    /^aclog: line 3 of stdin is too long: a record holds at most 1,048,576 bytes; 2 lines are stored: go on with line 3 and --expected-offset 2\n$/,
  );
  assert.deepEqual(values(), ["a", "b"]);
  const keyed = await aclog(["produce", "--record-key", "k"], { input: long.slice(1) });
  assert.match(keyed.stderr, /line 1 of stdin is too long: .*, its key among them; nothing was stored\n$/);
  assert.match((await aclog(["produce"], { input: `a\n${long}\n` })).stderr, /; 1 line is stored: go on with line 2 /);
});

test.runIf(process.platform === "linux")("a full disk under stdout is one line, and exit code 1", async () => {
  stored = [{ value: Buffer.from("a") }];
  const full = await open("/dev/full", "w");
  for (const args of [["consume"], ["produce", "--value", "v"], ["--help"]]) {
    const child = start(args, placed(), ["pipe", full.fd, "pipe"]);
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const [code] = (await once(child, "close")) as [number];
    assert.deepEqual([code, stderr], [1, "aclog: cannot write to stdout: no space is left on the device\n"]);
  }
  await full.close();
});

test("a file in the place of another is named with its role", async () => {
  const files = {
    "--ca": "certs/ca.crt",
    "--cert": "certs/clients/acme/billing.crt",
    "--key": "certs/clients/acme/billing.key",
  };
  const attempt = async (changed: Partial<typeof files>) => {
    const args = Object.entries({ ...files, ...changed }).flat();
    return (await aclog(["consume", ...args], { env: { ACLOG_AS: "a/b" } })).stderr;
  };
  assert.match(
    await attempt({ "--cert": files["--key"] }),
    /billing\.key: is not a certificate in PEM, as --cert has to/,
  );
  assert.match(await attempt({ "--key": files["--cert"] }), /billing\.crt: is not a private key .*, as --key has to/);
  assert.match(await attempt({ "--ca": files["--key"] }), /billing\.key: is not a certificate in PEM, as --ca has to/);
  assert.match(await attempt({ "--ca": "certs" }), /^aclog: --ca cannot be read:\n {2}certs: is a directory/);
});

test("certificates can be given one by one, and a key of another certificate is noticed", async () => {
  const directory = join(workplace.path, "certs/clients/acme");
  const files = ["--ca", "certs/ca.crt", "--cert", join(directory, "billing.crt")];
  const env = { ACLOG_AS: "ignored/when-files-are-given" };
  const given = ["produce", "--value", "a", ...files];
  assert.equal((await aclog([...given, "--key", join(directory, "billing.key")], { env })).code, 0);
  await writeFile(join(directory, "other.key"), server.authority.issue({ principal: "acme/other" }).keyPem);
  const { code, stderr } = await aclog([...given, "--key", join(directory, "other.key")], { env });
  assert.equal(code, 1);
  assert.match(stderr, /other\.key: does not belong to the certificate in .*billing\.crt\n$/);
});

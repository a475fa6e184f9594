import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, test } from "vitest";
import { startTestNode, type TestNode } from "../support/test-node.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const examples = join(root, "examples");

let node: TestNode;
let certificates: string;
const covered = new Set(["connect.mjs"]);
const running = new Set<Example>();

beforeAll(async () => {
  node = await startTestNode();
  certificates = join(node.directory, "certs");
  for (const principal of ["acme/root", "acme/billing", "acme/nobody"]) await writeCertificates(principal);
});

afterEach(async () => {
  for (const example of running) await example.stop();
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
});

/** Where the command line keeps them too. */
async function writeCertificates(principal: string, as = principal): Promise<void> {
  const { ca, cert, key } = node.keysOf(as);
  const stem = join(certificates, "clients", principal);
  await mkdir(dirname(stem), { recursive: true });
  await writeFile(join(certificates, "ca.crt"), ca);
  await writeFile(`${stem}.crt`, cert);
  await writeFile(`${stem}.key`, key);
}

/** An example as a user runs it, in a process of its own. */
class Example {
  readonly lines: string[] = [];
  /** What it said on stderr. */
  complaints = "";
  readonly #process: ChildProcess;
  readonly #closed: Promise<unknown>;

  constructor(file: string, args: readonly string[] = []) {
    covered.add(file);
    running.add(this);
    this.#process = spawn(process.execPath, [join(examples, file), ...args], {
      cwd: root,
      env: { PATH: process.env["PATH"], ACLOG_ADDRESS: node.address, ACLOG_CERTS: certificates },
    });
    this.#closed = once(this.#process, "close");
    this.#process.stderr?.on("data", (text: Buffer) => (this.complaints += text.toString()));
    createInterface({ input: this.#process.stdout! }).on("line", (line) => {
      this.lines.push(line);
      this.#process.emit("line");
    });
  }

  /** The first line of the past or to come that matches. */
  async line(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = this.lines.find((line) => pattern.test(line));
      if (found !== undefined) return found;
      await Promise.race([once(this.#process, "line"), this.#closed]);
      if (this.#process.exitCode !== null) assert.match(this.lines.join("\n") + this.complaints, pattern);
    }
  }

  interrupt(): void {
    this.#process.kill("SIGINT");
  }

  /** What it printed, once it ended by itself and in good order. */
  async output(): Promise<string> {
    await this.#closed;
    running.delete(this);
    assert.equal(this.#process.exitCode, 0, this.complaints);
    return this.lines.join("\n");
  }

  async stop(): Promise<void> {
    running.delete(this);
    this.#process.kill("SIGKILL");
    await this.#closed;
  }
}

test("produce-and-consume stores records and reads them back", async () => {
  const output = await new Example("produce-and-consume.mjs").output();
  assert.match(output, /^stored 2 records from offset \d+\n/);
  assert.match(output, /^\d+ \d{4}-\S+ \[\] just text$/m);
  assert.match(output, /^\d+ \d{4}-\S+ \[order-17\] with a key$/m);
  assert.match(output, /^stored 2 more from offset \d+\nstored 1 more from offset \d+$/m);
});

test("consumer-group goes on where it was stopped", async () => {
  const client = node.as("acme/root");
  await client.produce(["a", "b"], { topic: "grouped" });
  const first = new Example("consumer-group.mjs", ["grouped", "readers"]);
  await first.line(/^1 b$/);
  first.interrupt();
  const output = await first.output();
  assert.match(output, /^following grouped from earliest\n0 a\n1 b\nstopped before 2\n/);
  assert.match(output, /^consumer group readers is at 2 in grouped, 0 behind$/m);

  await client.produce("c", { topic: "grouped" });
  const second = new Example("consumer-group.mjs", ["grouped", "readers"]);
  await second.line(/^2 c$/);
  second.interrupt();
  assert.match(await second.output(), /^following grouped from 2\n2 c\nstopped before 3\n/);
});

test("consumer-group has a topic of its own, unless it is told another", async () => {
  await node.as("acme/root").produce("one of a million", { topic: "orders" });
  const example = new Example("consumer-group.mjs");
  await example.line(/^following example\.grouped from earliest$/);
  example.interrupt();
  assert.doesNotMatch(await example.output(), /million/);
});

test("import-file stores every line of a file", async () => {
  const file = join(node.directory, "lines.txt");
  const lines = Array.from({ length: 2500 }, (_, at) => `line ${at}`);
  await writeFile(file, `${lines.join("\n")}\n`);
  const example = new Example("import-file.mjs", [file, "imported"]);
  const output = await example.output();
  assert.match(output, /^stored 2500 records, offsets 0 to 2499, in \d+\.\d\d s$/);
  assert.deepEqual(await node.valuesOf("acme", "imported"), lines);
  const { size } = await stat(file);
  assert.match(example.complaints, new RegExp(`^2500 records, ${size} of ${size} bytes read\n$`, "m"));

  await writeFile(file, "");
  assert.match(await new Example("import-file.mjs", [file, "imported"]).output(), /^stored 0 records, in \d+\.\d\d s$/);
});

test("topics makes, changes, truncates, lists and removes a topic", async () => {
  const output = await new Example("topics.mjs").output();
  assert.match(output, /^made acme\/example\.metrics with id [0-9a-f]{32}\n/);
  assert.match(output, /^keeps 1000000 records for any number of milliseconds$/m);
  assert.match(output, /^holds offsets 2 to 2$/m);
  assert.match(output, /^example\.metrics takes \d+ bytes$/m);
  assert.match(output, /^removed example\.metrics$/m);
});

test("rotating-certificates takes up a certificate that was replaced while it runs", async () => {
  const example = new Example("rotating-certificates.mjs");
  await example.line(/^fromFunction: stored at offset \d+$/);
  assert.ok(example.lines.includes("asked for certificates"));
  // Of a principal without rights, so that it shows.
  await writeCertificates("acme/billing", "acme/nobody");
  const { serialNumber } = new X509Certificate(node.keysOf("acme/nobody").cert);
  await example.line(new RegExp(`^the files hold certificate ${serialNumber} now`));
  await example.line(/^fromFiles: PERMISSION_DENIED: acme\/nobody/);
  example.interrupt();
  await example.output();
});

test("errors-and-retries tells what is in each error", async () => {
  const output = await new Example("errors-and-retries.mjs").output();
  assert.match(output, /^stored once at offset \d+$/m);
  assert.match(output, /^an offset that is taken: FAILED_PRECONDITION, reason UNEXPECTED_OFFSET, facts \{"expected"/m);
  assert.match(output, /^an offset past the end: OUT_OF_RANGE, reason OFFSET_OUT_OF_RANGE, facts \{"requested"/m);
  assert.match(output, /^a topic that is not there: NOT_FOUND, reason TOPIC_NOT_FOUND/m);
  assert.match(output, /^a caller without rights: PERMISSION_DENIED, .*"decision":"/m);
  assert.match(output, /^a deadline: DEADLINE_EXCEEDED, /m);
  assert.match(output, /^aborted because nobody waits for it any more$/m);
});

test("every example is tried here", async () => {
  const files = await readdir(examples);
  assert.deepEqual(
    files.filter((file) => !covered.has(file)),
    [],
  );
});

import assert from "node:assert/strict";
import { exec } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, readFile, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, test } from "vitest";
import { outcomeOf, run, start, Workplace } from "./command.js";
import { examplePlace, Served } from "./served.js";

/** What every test starts from: the example policy, and certificates for it. */
let template: Workplace;
let workplace: Workplace;

beforeAll(async () => {
  template = await examplePlace();
});
afterAll(async () => template[Symbol.asyncDispose]());
beforeEach(async () => {
  workplace = await Workplace.make();
  await cp(template.path, workplace.path, { recursive: true });
});
afterEach(async () => workplace[Symbol.asyncDispose]());

test("what is produced is consumed, also after a restart, and SIGTERM ends the server with 0", async () => {
  {
    await using server = await Served.start(workplace.path);
    const orders = ["--topic", "orders"];
    assert.deepEqual(await server.aclog("acme/billing", ["produce", ...orders, "--value", "hello"]), {
      code: 0,
      stdout: "0\n",
      stderr: "",
    });
    assert.equal((await server.aclog("acme/billing", ["produce", ...orders], "two\nthree\n")).stdout, "1\n2\n");
    const refused = await server.aclog("acme/nobody", ["produce", ...orders, "--value", "let me in"]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /PERMISSION_DENIED.*\n.*decision \S+ in the server's log/);
    const { code, stdout } = await server.stop("SIGTERM");
    assert.equal(code, 0, "the server's exit code");
    assert.match(stdout, /^aclog serves on 127\.0\.0\.1:\d+/);
    assert.equal(await server.isReady(), false);
  }
  await using again = await Served.start(workplace.path);
  assert.equal((await again.aclog("acme/reports", ["consume", "--topic", "orders"])).stdout, "hello\ntwo\nthree\n");
  assert.equal((await again.stop("SIGINT")).code, 0);
});

test("the commands that the server prints work when they are pasted", async () => {
  await using server = await Served.start(workplace.path);
  const printed = (await server.printed(/kill -HUP/)).split("\n").filter((line) => line.startsWith("    "));
  const [produce, consume, follow, refused, probe, reload, ...more] = printed.map((line) => line.trim());
  assert.deepEqual(more, []);
  const paste = (command: string | undefined) => promisify(exec)(command!, { cwd: workplace.path });
  assert.equal((await paste(produce)).stdout, "0\n");
  assert.equal((await paste(consume)).stdout, "hello\n");
  assert.equal((await paste(`${follow} --from earliest --max 1`)).stdout, "hello\n");
  await assert.rejects(paste(refused), { code: 1 });
  assert.equal((await paste(probe)).stdout, "ready\n");
  await paste(reload);
  await server.logged(/the policy has not changed/);
});

test("a server that is told to read the policy before it serves does so once it does", async () => {
  const lock = join(workplace.path, "data/lock");
  await using server = await Served.start(workplace.path, [], async (child) => {
    // It takes its data directory long before it serves, and obeys signals by then.
    while (child.exitCode === null && !existsSync(lock)) await new Promise(setImmediate);
    child.kill("SIGHUP");
  });
  await server.logged(/the policy has not changed/);
  assert.equal((await server.aclog("acme/billing", ["produce", "--topic", "orders", "--value", "v"])).stdout, "0\n");
});

test("following sees what is produced meanwhile", async () => {
  await using server = await Served.start(workplace.path);
  await server.aclog("acme/billing", ["produce", "--topic", "orders", "--value", "first"]);
  const following = start(["consume", "--topic", "orders", "--follow", "--max", "2"], server.as("acme/reports"));
  const ended = outcomeOf(following);
  assert.deepEqual(await once(following.stdout, "data"), ["first\n"]);
  await server.aclog("acme/billing", ["produce", "--topic", "orders", "--value", "second"]);
  assert.deepEqual(await ended, { code: 0, stdout: "first\nsecond\n", stderr: "" });
});

test("a server that stops tells who follows, and does not wait for them", async () => {
  await using server = await Served.start(workplace.path);
  await server.aclog("acme/billing", ["produce", "--topic", "orders", "--value", "first"]);
  const following = start(["consume", "--topic", "orders", "--follow"], server.as("acme/reports"));
  const ended = outcomeOf(following);
  await once(following.stdout, "data");
  const told = once(following.stderr, "data");
  assert.equal((await server.stop("SIGTERM")).code, 0);
  await told;
  following.kill("SIGINT");
  const { stderr } = await ended;
  assert.match(stderr, /^aclog: the server at .* is gone; trying again until it is back \(.*\)\n$/);
});

test("a client of a tenant that is not declared gets no answer, and is told what that can mean", async () => {
  await using server = await Served.start(workplace.path);
  assert.equal((await run(["certs", "issue", "initech/billing"], { cwd: workplace.path })).code, 0);
  const { code, stderr } = await server.aclog("initech/billing", ["produce", "--value", "v"]);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^aclog: UNAVAILABLE: .*\n {2}.*closed the connection: .*does not accept this certificate\. Its log says why, and `aclog certs check \S+ --for client --ca \S+ --crl \S*certs` what/,
  );
});

test("the printed commands call a server on ::1 there, in words that a shell leaves alone", async () => {
  await using server = await Served.start(workplace.path, ["--listen", "[::1]:0"]);
  const printed = await server.printed(/kill -HUP/);
  assert.ok(printed.includes(` --address '${server.ready.address}' `), printed);
  const produce = printed.split("\n").find((line) => line.startsWith("    ") && line.includes(" produce "))!;
  assert.equal((await promisify(exec)(produce, { cwd: workplace.path })).stdout, "0\n");
});

const unusable = [
  // what                          flags                       says
  [
    "data in a file",
    ["--data", "file"],
    /cannot keep data in file: there is a file .*; name another folder with --data/,
  ],
  ["data below a file", ["--data", "file/data"], /cannot keep data in file\/data: .*--data/],
  ["a ready file that is a folder", ["--ready-file", "policy"], /cannot write --ready-file policy: it is a directory/],
  [
    "a ready file in no folder",
    ["--ready-file", "none/r"],
    /cannot write --ready-file none\/r: there is no such folder/,
  ],
] as const;
for (const [what, flags, says] of unusable) {
  test(`${what} is refused in words, before anything is served`, async () => {
    await writeFile(join(workplace.path, "file"), "");
    const ports = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    const { code, stdout, stderr } = await run(["serve", ...ports, ...flags], { cwd: workplace.path });
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, says);
    assert.doesNotMatch(stderr, /\n\s+at /);
  });
}

test("a data directory in use: the question that leads to the other server", async () => {
  await using server = await Served.start(workplace.path);
  const args = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
  const { code, stderr } = await run(args, { cwd: workplace.path });
  assert.equal(code, 1);
  assert.match(stderr, /in use by another process: is another `aclog serve` or `make run` running\?\n$/);
  assert.ok(await server.isReady());
});

test("SIGHUP puts another policy in force, and a mistake in it changes nothing", async () => {
  await using server = await Served.start(workplace.path);
  const policy = join(workplace.path, "policy", "policy.csv");
  const attempt = () => server.aclog("acme/billing", ["produce", "--topic", "orders", "--value", "v"]);
  assert.equal((await attempt()).code, 0);
  const before = await readFile(policy, "utf8");
  await writeFile(policy, `${before}p, acme/billing, acme, orders, prodcue, deny\n`);
  await server.reload(/prodcue/);
  assert.equal((await attempt()).code, 0);
  // The policy's own matrix says that billing produces; another right is taken away, which the matrix leaves open.
  await writeFile(policy, `${before}p, acme/billing, acme, orders.eu, produce, deny\n`);
  await server.reload(/a new policy is in force/);
  assert.equal((await server.aclog("acme/billing", ["produce", "--topic", "orders.eu", "--value", "v"])).code, 1);
  assert.equal((await attempt()).code, 0);
});

test("a policy with a mistake keeps the server from starting, and says where it is", async () => {
  await writeFile(join(workplace.path, "policy", "policy.csv"), "p, acme/x, acme, orders, prodcue, allow\n");
  const { code, stdout, stderr } = await run(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"], {
    cwd: workplace.path,
  });
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /policy\.csv:1:\d+: .*did you mean "produce"/);
});

test("a port that is taken is named, and nothing is printed as if it served", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const args = ["serve", "--listen", `127.0.0.1:${port}`, "--admin-listen", "127.0.0.1:0"];
  const { code, stdout, stderr } = await run(args, { cwd: workplace.path });
  other.close();
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, new RegExp(`${port}`));
  assert.doesNotMatch(stderr, /\n\s+at /, "a stack trace is for defects");
});

test("--json prints one object, and the file of settings is read", async () => {
  await writeFile(join(workplace.path, "aclog.yaml"), "data: elsewhere\nlog-level: error\n");
  await using server = await Served.start(workplace.path, ["--json", "--config", "aclog.yaml"]);
  const announced = JSON.parse(await server.printed(/\n$/)) as unknown;
  assert.deepEqual(announced, server.ready);
  const { stderr } = await server.stop("SIGTERM");
  assert.equal(stderr, "");
  await readFile(join(workplace.path, "elsewhere", "format.json"));
});

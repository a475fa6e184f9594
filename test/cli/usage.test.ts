import assert from "node:assert/strict";
import { chmod, mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "vitest";
import { run, Workplace } from "./command.js";
import { examplePlace } from "./served.js";

const commands = [
  [],
  ["serve"],
  ["produce"],
  ["consume"],
  ["import"],
  ["topics"],
  ["topics", "list"],
  ["topics", "create"],
  ["topics", "describe"],
  ["topics", "update"],
  ["topics", "truncate"],
  ["topics", "delete"],
  ["offsets"],
  ["offsets", "list"],
  ["offsets", "fetch"],
  ["offsets", "commit"],
  ["offsets", "delete"],
  ["connections"],
  ["certs"],
  ["certs", "init"],
  ["certs", "issue"],
  ["certs", "renew"],
  ["certs", "revoke"],
  ["certs", "crl"],
  ["certs", "list"],
  ["certs", "inspect"],
  ["certs", "check"],
  ["identity"],
  ["policy"],
  ["policy", "check"],
  ["policy", "test"],
  ["policy", "diff"],
  ["policy", "why"],
  ["policy", "who"],
  ["policy", "what"],
  ["policy", "fmt"],
  ["policy", "grant"],
  ["policy", "revoke"],
  ["policy", "status"],
  ["policy", "history"],
  ["policy", "fetch"],
  ["policy", "activate"],
  ["policy", "rollback"],
  ["matrix"],
  ["log"],
  ["log", "verify"],
  ["log", "dump"],
  ["log", "repair"],
  ["log", "reindex"],
  ["backup"],
  ["restore"],
  ["completion"],
] as const;
for (const command of commands) {
  test(`${["aclog", ...command, "--help"].join(" ")} explains itself on stdout`, async () => {
    const { code, stdout, stderr } = await run([...command, "--help"]);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /^Usage: aclog/);
    if (command.length !== 1 || !["topics", "offsets", "certs", "policy", "log"].includes(command[0]))
      assert.match(stdout, /Examples?:\n {2}aclog /);
  });
}

test("--version is the package's", async () => {
  const { version } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  assert.deepEqual(await run(["--version"]), { code: 0, stdout: `${version}\n`, stderr: "" });
});

const wrong = [
  // what                          arguments                                                     says
  ["no command", [], /Usage/],
  ["an unknown command", ["prodcue"], /Did you mean produce/],
  ["help for an unknown command", ["help", "prodcue"], /unknown command 'prodcue'; did you mean "produce"\?\n/],
  ["--help behind an unknown command", ["prodcue", "--help"], /unknown command 'prodcue'; did you mean "produce"\?\n/],
  ["--help behind an unknown command of certs", ["certs", "lst", "-h"], /'lst'; did you mean "list"\?/],
  ["help for what nobody knows", ["help", "frobnicate"], /unknown command 'frobnicate'\nAdd --help/],
  ["help for an unknown command of topics", ["topics", "help", "crate"], /'crate'; did you mean "create"\?/],
  ["an unknown flag", ["produce", "--tpic", "x"], /Did you mean --topic/],
  ["two topics", ["produce", "--topic", "a", "--topic", "b"], /'--topic <TOPIC>' is given more than once/],
  ["two ends", ["certs", "issue", "a/b", "--days", "1", "--days=2"], /'--days <N>' is given more than once/],
  ["two SPIFFE IDs", ["certs", "issue", "a/b", "--spiffe", "x", "--spiffe", "x"], /takes one value\nAdd --help/],
  ["a setting twice", ["serve", "--data", "a", "--data", "b"], /'--data <DIR>' is given more than once/],
  ["an empty path", ["produce", "--file", ""], /path must not be empty/],
  ["an argument too many", ["produce", "x"], /too many arguments/],
  ["a topic that is no name", ["produce", "--topic", "A b"], /topic's name is 1 to 200/],
  ["a tenant that is no name", ["produce", "--tenant", "Acme"], /tenant's name is 1 to 63/],
  ["a tenant to consume that is no name", ["consume", "--tenant", ""], /tenant's name is 1 to 63/],
  ["a tenant to list that is no name", ["topics", "list", "--tenant", "a/b"], /tenant's name is 1 to 63/],
  ["a tenant to import to that is no name", ["import", "x", "--tenant", "Acme"], /tenant's name is 1 to 63/],
  ["a start that is none", ["consume", "--from", "-1"], /earliest, latest or an offset/],
  ["an offset past 2^64", ["consume", "--from", "18446744073709551616"], /earliest, latest or an offset/],
  ["a count of nothing", ["consume", "--max", "0"], /whole number from 1/],
  ["a time that is none", ["consume", "--from", "2026-02-30"], /There is no such date/],
  ["a time without its T", ["consume", "--from", "2026-11-21 08:00"], /A T stands between .*: 2026-11-21T08:00\./],
  ["a start in words", ["consume", "--from", "now"], /earliest, latest or an offset; a time/],
  ["so long ago as nobody can say", ["consume", "--from", "-15"], /or -15m/],
  ["bytes that are none", ["consume", "--max-bytes", "1MB"], /KiB, MiB, GiB or TiB/],
  ["a group that is no name", ["consume", "--group", "G!"], /consumer group's name is 1 to 200/],
  ["a file that is not named", ["import"], /missing required argument 'FILE'/],
  ["a format that is none", ["import", "x", "--format", "csv"], /Allowed choices are lines, json/],
  ["a key for records that have one", ["import", "x", "--format", "json", "--record-key", "k"], /--record-key goes/],
  [
    "a topic to make in upper case",
    ["topics", "create", "Prices"],
    /: argument 'Prices' is no TOPIC\. A topic's name is/,
  ],
  ["a topic that only the server makes", ["topics", "create", "_offsets"], /A topic's name is/],
  ["a topic that is not named", ["topics", "create"], /missing required argument 'TOPIC'/],
  ["nothing to change", ["topics", "update", "orders"], /nothing to change: give --retention.* --no-compact$/m],
  ["a duration that is none", ["topics", "create", "orders", "--retention", "7"], /such as 90s or 7d/],
  ["a duration of nothing", ["topics", "create", "orders", "--retention", "0s"], /at least 1,/],
  ["a size of nothing", ["produce", "--batch-bytes", "0"], /at least 1,/],
  ["nowhere to truncate", ["topics", "truncate", "orders"], /required option '--before <OFFSET>' not specified/],
  ["no group to move", ["offsets", "commit", "--offset", "1"], /required option '--group <GROUP>' not specified/],
  ["a mistyped command of log", ["log", "verfy"], /Did you mean verify/],
  [
    "a directory that is not there",
    ["log", "verify", "--data", "/nonexistent"],
    /--data: \/nonexistent cannot be read/,
  ],
  ["a directory of other things", ["log", "verify", "--data", "/"], /--data: \/ is no data directory/],
  ["nothing to look into", ["log", "dump"], /name a file, or a topic with --topic/],
  ["a topic's name without its id", ["log", "repair", "--name", "orders"], /It is a topic's id/],
  ["a shell that nobody knows", ["completion", "csh"], /Allowed choices are bash, zsh, fish/],
  ["one wrong address of several", ["consume", "--as", "a/b", "--address", "a:1,b"], /--address: "b" is not HOST:PORT/],
  ["an expected offset that is none", ["produce", "--expected-offset", "1.5"], /0 to 2\^64-1/],
  ["a value and a file", ["produce", "--value", "a", "--file", "b"], /cannot be used with/],
  ["nobody who calls", ["produce", "--value", "a"], /--as: is missing/],
  ["somebody who is nobody", ["produce", "--as", "acme"], /"acme" is not TENANT\/NAME, such as/],
  [
    "somebody in upper case",
    ["produce", "--as", "Acme/Shop"],
    /"Acme\/Shop" is .*names are lower-case, as in acme\/shop/,
  ],
  ["two identities", ["produce", "--as", "a/b", "--ca", "c", "--cert", "c", "--key", "c"], /--as: goes without/],
  ["half an identity", ["produce", "--cert", "c"], /--ca: is missing[^]*--key: is missing/],
  [
    "an address without a port",
    ["consume", "--as", "a/b", "--address", "localhost"],
    /--address: "localhost" is not HOST:PORT, such as localhost:8400\n/,
  ],
  ["a URL to call", ["consume", "--as", "a/b", "--address", "http://localhost:8400"], /, such as localhost:8400\n/],
  ["port 0 to call", ["consume", "--as", "a/b", "--address", "localhost:0"], /--address: "localhost:0" is not/],
  ["a certificate for a path", ["certs", "issue", "../x"], /It is not TENANT\/NAME, such as/],
  ["a certificate in upper case", ["certs", "issue", "acme/Shop"], /names are lower-case, as in acme\/shop/],
  ["settings that are wrong", ["serve", "--listen", "x", "--drain-ms", "y"], /--listen: "x"[^]*--drain-ms: "y"/],
] as const;
for (const [what, args, says] of wrong) {
  test(`${what}: exit code 2, and stderr says what was expected`, async () => {
    const { code, stdout, stderr } = await run(args);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, says);
    if (args.length > 0) assert.match(stderr, /^aclog: /);
  });
  test(`${what}, with --json: stderr is one object`, async () => {
    const { code, stdout, stderr } = await run([...args, "--json"]);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.equal((JSON.parse(stderr) as { error: string }).error, "USAGE");
  });
}

test("variables name server and client; what is wrong in them is wrong use too", async () => {
  const env = { ACLOG_ADDRESS: "nowhere", ACLOG_AS: "me" };
  const { code, stderr } = await run(["produce", "--value", "a"], { env });
  assert.equal(code, 2);
  assert.match(
    stderr,
    /ACLOG_ADDRESS: "nowhere" is not HOST:PORT, such as \S+\n {2}ACLOG_AS: "me" is not TENANT\/NAME/,
  );
});

test("a variable that is mistyped is wrong use of a client command too", async () => {
  const { code, stderr } = await run(["consume"], { env: { ACLOG_ASS: "acme/billing" } });
  assert.equal(code, 2);
  assert.match(stderr, /ACLOG_ASS: unknown variable; did you mean "ACLOG_AS"\?/);
});

test("a variable that is close to none gets no suggestion", async () => {
  const { code, stderr } = await run(["consume", "--as", "a/b"], { env: { ACLOG_FOO: "x" } });
  assert.deepEqual([code, stderr], [2, "aclog: cannot call the server:\n  ACLOG_FOO: unknown variable\n"]);
});

test("help is --help, also with --json", async () => {
  const { stdout } = await run(["--help"]);
  assert.deepEqual(await run(["help"]), { code: 0, stdout, stderr: "" });
  assert.deepEqual(await run(["--help", "--json"]), { code: 0, stdout, stderr: "" });
  assert.deepEqual(await run(["help", "serve"]), await run(["serve", "--help"]));
  assert.deepEqual(await run(["topics", "help", "list"]), await run(["topics", "list", "--help"]));
  assert.deepEqual(await run(["topics", "help"]), await run(["topics", "--help"]));
});

test("certificates elsewhere that are not there: the remedy makes them there", async () => {
  const { code, stderr } = await run(["consume", "--as", "acme/shop", "--certs", "/nonexistent"]);
  assert.equal(code, 1);
  assert.match(stderr, /certs init --dir \/nonexistent.*certs issue acme\/shop --dir \/nonexistent/);
});

test("a certificate that is not there: exit code 1, and what to do about it", async () => {
  await using workplace = await Workplace.make();
  const { code, stderr } = await run(["produce", "--as", "acme/shipping", "--value", "a"], { cwd: workplace.path });
  assert.equal(code, 1);
  assert.match(
    stderr,
    /certs\/.*: there is no such file; --certs names the folder .*; `aclog certs init` .* `aclog certs issue/,
  );
  await mkdir(join(workplace.path, "certs"));
  const there = await run(["produce", "--as", "acme/shipping", "--value", "a"], { cwd: workplace.path });
  assert.match(
    there.stderr,
    /certs\/.*: there is no such file; `aclog certs init` .* `aclog certs issue acme\/shipping`/,
  );
});

test.runIf(process.platform === "linux" && process.getuid?.() !== 0)(
  "a key that may not be read is not said to be missing",
  async () => {
    await using workplace = await examplePlace();
    await chmod(join(workplace.path, "certs/clients/acme/root.key"), 0o000);
    const { code, stderr } = await run(["produce", "--as", "acme/root", "--value", "a"], { cwd: workplace.path });
    assert.equal(code, 1);
    assert.match(stderr, /root\.key: may not be read by this user\n$/);
  },
);

test("a folder in the place of a key is not said to be missing", async () => {
  await using workplace = await examplePlace();
  const key = join(workplace.path, "certs/clients/acme/root.key");
  await rm(key);
  await mkdir(key);
  const { stderr } = await run(["produce", "--as", "acme/root", "--value", "a"], { cwd: workplace.path });
  assert.match(stderr, /root\.key: is a directory, not a file\n$/);
});

test("a configuration file with a mistake: exit code 1, unlike a flag", async () => {
  await using workplace = await Workplace.make();
  const { code, stderr } = await run(["serve", "--config", "missing.yaml"], { cwd: workplace.path });
  assert.deepEqual(
    [code, stderr],
    [1, "aclog: the configuration has mistakes:\n  missing.yaml: there is no such file\n"],
  );
});

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { TestAuthority } from "../support/certificates.js";
import { ecKey, requestFor } from "../support/requests.js";
import { run, Workplace, type Outcome } from "./command.js";
import { hasTerminals, OnTerminal } from "./pty.js";

let workplace: Workplace;
let made: Outcome;

beforeAll(async () => {
  workplace = await Workplace.make();
  // As careless as a shell can be: what init makes must not depend on it.
  const before = process.umask(0);
  made = await aclog("certs", "init");
  process.umask(before);
});
afterAll(async () => workplace[Symbol.asyncDispose]());

function aclog(...args: string[]): Promise<Outcome> {
  return run(args, { cwd: workplace.path });
}

test("init makes the authority, the server and the example clients, and says so", () => {
  assert.deepEqual([made.code, made.stderr], [0, ""]);
  for (const path of ["certs/ca.crt", "certs/server.key", "certs/clients/acme/billing.crt"]) {
    assert.ok(made.stdout.includes(`made ${path}\n`), path);
  }
});

test("only their owner can write into the folders that init makes, or read keys", async () => {
  const modes = ["certs", "certs/ca.key", "certs/ca.crt", "certs/clients"].map(async (path) => {
    return (await stat(join(workplace.path, path))).mode & 0o777;
  });
  assert.deepEqual(await Promise.all(modes), [0o755, 0o600, 0o644, 0o700]);
});

test("init again is refused, and nothing is overwritten", async () => {
  const before = await readFile(join(workplace.path, "certs/ca.crt"), "utf8");
  const { code, stderr } = await aclog("certs", "init");
  assert.equal(code, 1);
  assert.match(stderr, /^aclog: certs has 19 of these 19 files already, .* in another folder\n$/);
  assert.equal(await readFile(join(workplace.path, "certs/ca.crt"), "utf8"), before);
});

describe("an authority is replaced", () => {
  const replacing = ["certs", "init", "--tenant", "globex", "--force"];
  const question = /place of CN=aclog globex CA [0-9a-f]{8} in certs, and 1 certificate of that one is still good: /;
  const key = () => readFile(join(workplace.path, "certs/globex-ca.key"), "utf8");
  let before: string;

  beforeAll(async () => {
    await aclog("certs", "init", "--tenant", "globex");
    await aclog("certs", "issue", "globex/root", "--force");
    before = await key();
  });

  test("only by who says so: without a terminal with --yes", async () => {
    const { code, stderr } = await aclog(...replacing);
    assert.equal(code, 2);
    assert.match(stderr, question);
    assert.match(stderr, /\n {2}--yes: is needed/);
    assert.equal(await key(), before);
  });

  test.runIf(hasTerminals)("on a terminal by who types its name, and its key is kept", async () => {
    const terminal = OnTerminal.start(replacing.join(" "), { cwd: workplace.path });
    await terminal.shows(/Type globex-ca to go on: /);
    terminal.type("globex-ca\n");
    const { code, screen } = await terminal.ended();
    assert.equal(code, 0);
    const [, kept] = /^kept what was there in (\S+)$/m.exec(screen)!;
    assert.equal(await readFile(join(workplace.path, kept!, "globex-ca.key"), "utf8"), before);
    assert.notEqual(await key(), before);
  });
});

test("issue says what else a client needs", async () => {
  const { stdout } = await aclog("certs", "issue", "nosuch/x");
  assert.match(
    stdout,
    /\n.*tenants\.yaml declares nosuch, .*policy\.csv gives nosuch\/x: see `aclog policy what nosuch\/x`\.\n$/,
  );
});

test("a pipe in the place of a file is refused in words, and keeps nobody waiting", async () => {
  await using other = await Workplace.make();
  execFileSync("mkfifo", ["index.txt", "x.crt", ".lock"], { cwd: other.path });
  const commands = [
    ["certs", "init", "--dir", "."],
    ["certs", "list", "--dir", "."],
    ["certs", "inspect", "x.crt"],
    ["identity", "x.crt", "--ca", "x.crt"],
  ];
  const outcomes = await Promise.all(commands.map((args) => run(args, { cwd: other.path })));
  for (const { code, stderr } of outcomes) {
    assert.equal(code, 1);
    assert.match(stderr, /^aclog: [^]*(index\.txt|x\.crt|\.lock):? is (not a file that can be read whole|no file)/);
  }
});

test("a folder that cannot be is refused in words", async () => {
  await writeFile(join(workplace.path, "file"), "");
  const places = process.platform === "linux" ? ["file", "file/below", "/proc/aclog"] : ["file", "file/below"];
  for (const dir of places) {
    const { code, stderr } = await aclog("certs", "init", "--dir", dir);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`^aclog: cannot make certificates in ${dir}: there is .*--dir\n$`));
  }
});

test("issue makes one more client, once", async () => {
  const { code, stdout } = await aclog("certs", "issue", "acme/shipping", "--json");
  assert.equal(code, 0);
  const { made: paths, serial, notAfter } = JSON.parse(stdout) as Record<string, string>;
  assert.deepEqual(paths, ["certs/clients/acme/shipping.key", "certs/clients/acme/shipping.crt"]);
  const certificate = new X509Certificate(await readFile(join(workplace.path, "certs/clients/acme/shipping.crt")));
  assert.deepEqual([serial, new Date(notAfter!)], [certificate.serialNumber, new Date(certificate.validTo)]);
  assert.equal((await aclog("certs", "issue", "acme/shipping")).code, 1);
  assert.equal((await aclog("certs", "issue", "acme/shipping", "--force")).code, 0);
});

test("issue without an authority is refused", async () => {
  const { code, stderr } = await aclog("certs", "issue", "acme/shipping", "--dir", "elsewhere");
  assert.equal(code, 1);
  assert.match(stderr, /aclog certs init/);
});

test("list and check tell scripts by their exit code whether all is well", async () => {
  const outcomes = await Promise.all([
    aclog("certs", "list", "--expiring-within", "1"),
    aclog("certs", "list", "--expiring-within", "900", "--json"),
    aclog("certs", "check", "certs/server.crt", "--ca", "certs/ca.crt", "--crl", "certs", "--host", "localhost"),
    aclog("certs", "check", "certs/server.crt", "--ca", "certs/ca.crt", "--host", "log.example", "--json"),
    aclog("certs", "check", "certs/clients/acme/billing.crt", "--ca", "certs/ca.crt", "--expiring-within", "900"),
  ]);
  assert.deepEqual(
    outcomes.map(({ code, stderr }) => [code, stderr]),
    [0, 1, 0, 1, 1].map((code) => [code, ""]),
  );
  const [none, ending, good, bad, soon] = outcomes.map(({ stdout }) => stdout);
  assert.equal(none, "nothing ends within 1 day\n");
  const { certificates } = JSON.parse(ending!) as { certificates: Record<string, unknown>[] };
  const billing = certificates.find(({ who }) => who === "acme/billing");
  assert.deepEqual(
    [billing?.["daysLeft"], billing?.["state"], billing?.["file"]],
    [823, "valid", "certs/clients/acme/billing.crt"],
  );
  assert.match(
    good!,
    /^certs\/server.crt: good for use as server\n {2}looked at as that of a server, by its usages: serverAuth\n$/,
  );
  assert.equal((JSON.parse(bad!) as { ok: boolean }).ok, false);
  assert.match(soon!, /^error: it ends in 823 days/);
});

test("who has no key here, as after a request, is told where it is looked for and how else to give it", async () => {
  await writeFile(join(workplace.path, "till.csr"), requestFor(ecKey()));
  const issued = await aclog("certs", "issue", "acme/till", "--csr", "till.csr");
  assert.match(
    issued.stdout,
    /its owner keeps the other half, and --as looks for it in certs\/clients\/acme\/till\.key\.\n/,
  );
  const { code, stderr } = await aclog("produce", "--as", "acme/till", "--topic", "x", "--value", "v");
  assert.equal(code, 1);
  assert.match(stderr, /: --ca certs\/ca\.crt --cert certs\/clients\/acme\/till\.crt --key FILE\n$/);
});

test("whoever issues below an authority that is not in the folder is told that its certificate has to come along", async () => {
  const root = await TestAuthority.create({ commonName: "Company Root" });
  const own = root.issue({ subject: [{ type: "CN", value: "Ours" }], isCa: true, usages: "none" });
  const folder = join(workplace.path, "company");
  await mkdir(folder);
  await Promise.all([writeFile(join(folder, "ca.crt"), own.certPem), writeFile(join(folder, "ca.key"), own.keyPem)]);
  const issued = await aclog("certs", "issue", "acme/till", "--dir", "company");
  const renewed = await aclog("certs", "renew", "--all", "--days", "1", "--dir", "company");
  for (const { code, stderr } of [issued, renewed]) {
    assert.equal(code, 0);
    assert.match(stderr, /^aclog: the certificate of CN=Company Root, .* is not in company: .*NAME\.crt.*\n$/);
  }
});

test("what names nobody, or two at once, is wrong use", async () => {
  const wrong = [["issue"], ["revoke", "acme/billing", "--serial", "ab"], ["renew", "--all", "--server"]];
  const outcomes = await Promise.all(wrong.map((args) => aclog("certs", ...args)));
  for (const { code, stderr } of outcomes) {
    assert.equal(code, 2);
    assert.match(stderr, /^aclog: name /);
  }
});

test("inspect shows a certificate as a table and as an object", async () => {
  const table = await aclog("certs", "inspect", "certs/clients/acme/billing.crt");
  assert.equal(table.code, 0);
  assert.match(table.stdout, /^subject +CN=billing,O=acme$/m);
  assert.match(table.stdout, /^extended key usage +clientAuth$/m);
  assert.match(table.stdout, /^valid .* days left\)$/m);
  const { stdout } = await aclog("certs", "inspect", "certs/server.crt", "--json");
  const summary = JSON.parse(stdout) as Record<string, unknown>;
  assert.deepEqual(summary["extendedKeyUsage"], ["serverAuth"]);
  assert.equal(summary["isCa"], false);
});

test("inspect says of a certificate that it is not valid yet", async () => {
  const authority = await TestAuthority.create();
  const day = 86_400_000;
  const [notBefore, notAfter] = [new Date(Date.now() + day), new Date(Date.now() + 2 * day)];
  const { certPem } = authority.issue({ principal: "acme/later", notBefore, notAfter });
  await writeFile(join(workplace.path, "later.crt"), certPem);
  assert.match((await aclog("certs", "inspect", "later.crt")).stdout, /^valid .*\(not valid yet\)$/m);
});

test("inspect refuses what is no certificate, and what is not there", async () => {
  await writeFile(join(workplace.path, "text"), "hello");
  const text = await aclog("certs", "inspect", "text");
  assert.deepEqual([text.code, text.stderr.includes("text: this is not a certificate")], [1, true]);
  const { code, stderr } = await aclog("certs", "inspect", "missing.crt");
  assert.deepEqual([code, stderr], [1, "aclog: cannot inspect:\n  missing.crt: there is no such file\n"]);
});

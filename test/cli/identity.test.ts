import assert from "node:assert/strict";
import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, test } from "vitest";
import { extension, type IssueOptions, TestAuthority } from "../support/certificates.js";
import { der, derSequence } from "../support/der.js";
import { MintedAuthority } from "../support/minted.js";
import { run, Workplace, type Outcome } from "./command.js";

let workplace: Workplace;
let authority: TestAuthority;

const rules = `rules:
  - id: mesh
    tenant: { spiffe: "spiffe://prod.example/ns/{tenant}/sa/{name}" }
    name: { spiffe: "spiffe://prod.example/ns/{tenant}/sa/{name}" }
  - id: company
    when: { ca: ca.crt }
    tenant: { from: O, map: { Acme Inc.: acme, Nobody Ltd.: nobody } }
    name: { from: CN }
`;

beforeAll(async () => {
  workplace = await Workplace.make();
  authority = await TestAuthority.create();
  await cp(fileURLToPath(new URL("../../policy", import.meta.url)), join(workplace.path, "policy"), {
    recursive: true,
  });
  await write("ca.crt", authority.caPem);
  await write("identity.yaml", rules);
});
afterAll(async () => workplace[Symbol.asyncDispose]());

async function write(name: string, text: string | Buffer): Promise<void> {
  await writeFile(join(workplace.path, name), text);
}

/** What the command says of a certificate that was issued so. */
async function explain(options: IssueOptions, ...flags: string[]): Promise<Outcome> {
  await write("client.crt", authority.issue(options).certPem);
  return aclog("client.crt", "--ca", "ca.crt", ...flags);
}

function aclog(...args: string[]): Promise<Outcome> {
  return run(["identity", ...args], { cwd: workplace.path });
}

const company = (organization: string): IssueOptions => ({
  subject: [
    { type: "O", value: organization },
    { type: "CN", value: "billing" },
  ],
});

test("says who the bearer of a certificate is, question by question", async () => {
  const { code, stdout, stderr } = await explain(company("Acme Inc."), "--identity", "identity.yaml");
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^the name +ok +acme\/billing, by rule company$/m);
  assert.match(stdout, /^ {2}rule mesh +does not apply +the certificate has no SPIFFE ID$/m);
  assert.match(stdout, /^ {2}rule company +ok +tenant acme from O by the map, name billing from CN$/m);
  assert.match(stdout, /\nacme\/billing until 20\d\d-[^\n]+\n$/);
});

test("says why he is nobody, and what is not asked then", async () => {
  const { code, stdout, stderr } = await explain(company("аcme"), "--identity", "identity.yaml");
  assert.deepEqual([code, stderr], [1, ""]);
  assert.match(stdout, /^ {2}rule company +refused +O is not in the map of the rule: "\\u0430cme"$/m);
  assert.match(stdout, /^the tenant +not asked$/m);
  assert.match(
    stdout,
    /\nnobody \(no_name\): rule company: O is not in the map of the rule: "\\u0430cme"\n {2}rules in .* try it with this command .*\n$/,
  );
  assert.doesNotMatch(stdout, /aclog identity/);
});

test("goes by the policy's tenants", async () => {
  const { code, stdout } = await explain(company("Nobody Ltd."), "--identity", "identity.yaml", "--json");
  assert.equal(code, 1);
  const { principal, problem, steps } = JSON.parse(stdout) as { principal: null; problem: string; steps: object[] };
  assert.deepEqual([principal, problem], [null, "tenant_undeclared"]);
  assert.equal(steps.filter((step) => "outcome" in step && step.outcome === "refused").length, 1);
});

test("without a file of rules takes O and CN, and prints one object", async () => {
  const { code, stdout } = await explain({ principal: "acme/billing" }, "--json");
  const object = JSON.parse(stdout) as Record<string, unknown>;
  assert.deepEqual([code, object["principal"], object["subject"]], [0, "acme/billing", "CN=billing,O=acme"]);
});

test("a certificate that nobody here has signed is nobody's", async () => {
  const stranger = await TestAuthority.create();
  await write("stranger.crt", stranger.issue({ principal: "acme/billing" }).certPem);
  const { code, stdout } = await aclog("stranger.crt", "--ca", "ca.crt");
  assert.equal(code, 1);
  assert.match(stdout, /\nnobody \(untrusted\): /);
});

test("intermediates stand in the file behind the certificate, and without them there is no chain", async () => {
  const root = new MintedAuthority({ name: "root" });
  const middle = new MintedAuthority({ name: "middle", by: root });
  const { certPem } = middle.client("acme/billing");
  await write("root.crt", root.certPem);
  await write("chain.pem", certPem + middle.certPem);
  await write("alone.pem", certPem);
  const { code, stdout } = await aclog("chain.pem", "--ca", "root.crt");
  assert.equal(code, 0);
  assert.match(stdout, /^the chain to an authority +ok +\S*CN=middle\S* ← \S*CN=root/m);
  const alone = (await aclog("alone.pem", "--ca", "root.crt")).stdout;
  assert.match(
    alone,
    /\nnobody \(untrusted\): .*\n {2}if it is to be trusted, put the authority .* behind the certificate/,
  );
  assert.doesNotMatch(alone, /aclog identity/);
});

test("a revocation list that has expired is warned of where it is accepted", async () => {
  const root = new MintedAuthority({ name: "root" });
  await write("root.crt", root.certPem);
  await write("listed.pem", root.client("acme/billing").certPem);
  await write(
    "root.crl",
    root.list({ thisUpdate: new Date(Date.now() - 2000), nextUpdate: new Date(Date.now() - 1000) }),
  );
  const { code, stdout } = await aclog(
    "listed.pem",
    "--ca",
    "root.crt",
    "--crl",
    "root.crl",
    "--crl-expired",
    "accept",
  );
  assert.equal(code, 0);
  assert.match(stdout, /\nwarning: root\.crl: the revocation list of CN=root expired on .*: nobody knows what/);
});

test("the settings may stand in the server's file", async () => {
  await write("aclog.yaml", "ca: ca.crt\nidentity: identity.yaml\n");
  const spiffe = extension("2.5.29.17", derSequence(der(0x86, Buffer.from("spiffe://prod.example/ns/acme/sa/shop"))));
  await write("client.crt", authority.issue({ subject: [], extensions: [spiffe] }).der);
  const { code, stdout } = await aclog("client.crt", "--config", "aclog.yaml");
  assert.equal(code, 0);
  assert.match(stdout, /\nacme\/shop until /);
});

test("a mistake in the rules is refused with its place", async () => {
  await write("mistaken.yaml", rules.replace("when:", "wen:"));
  const { code, stderr } = await explain({ principal: "acme/billing" }, "--identity", "mistaken.yaml");
  assert.equal(code, 1);
  assert.match(stderr, /^ {2}mistaken\.yaml:6:5: unknown key "wen"; did you mean "when"\?$/m);
});

test("what is no certificate is refused", async () => {
  assert.match((await aclog("none.crt", "--ca", "ca.crt")).stderr, /none\.crt: there is no such file/);
  await write("cut.crt", authority.caPem.slice(0, 200));
  assert.match((await aclog("cut.crt", "--ca", "ca.crt")).stderr, /cut\.crt: this is not PEM as it should be: /);
  const { code, stdout } = await aclog("identity.yaml", "--ca", "ca.crt");
  assert.equal(code, 1);
  assert.match(stdout, /\nnobody \(malformed\): the certificate is malformed: /);
});

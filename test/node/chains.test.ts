import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { explainIdentity } from "../../src/node/explain-identity.js";
import { checkCertificate } from "../../src/pki/index.js";
import { extension } from "../support/certificates.js";
import { der, derOid, derSequence, derTag } from "../support/der.js";
import {
  type AuthorityOptions,
  type ClientOptions,
  MintedAuthority,
  authorityKeyOf,
  listPem,
  nameOf,
} from "../support/minted.js";
import { type TestNode, startTestNode } from "../support/test-node.js";

interface Case {
  /** Among ours; of every case its own, by their names. */
  readonly trusted: readonly MintedAuthority[];
  readonly by: MintedAuthority;
  readonly leaf?: ClientOptions;
  /** In this order behind the certificate. */
  readonly shown?: readonly MintedAuthority[];
  /** Revocation lists, as DER. */
  readonly lists?: readonly Buffer[];
  readonly openssl: "ok" | "refused";
  /** "ok", or the word that the refusal is counted by. */
  readonly aclog: string;
  /** What `aclog certs check` says, where that is something else. */
  readonly check?: "ok";
}

const yesterday = new Date(Date.now() - 86_400_000);
const other = new MintedAuthority({ name: "somebody's" });
const root = new MintedAuthority({ name: "root" });
const middle = new MintedAuthority({ name: "middle", by: root });
const lower = new MintedAuthority({ name: "lower", by: middle });
const direct = { trusted: [root], by: root };
const below = { trusted: [root], by: middle };
const lowest = { trusted: [root], by: lower };

/** Each is the authority `Old Root`, or would be if names were folded further than they are. */
const spelt = new MintedAuthority({ name: nameOf({ O: "Société", CN: "Old Root" }) });
const latin = Buffer.from("Société", "latin1");
const wide = (text: string): Buffer => Buffer.from(text, "utf16le").swap16();
const spellings = {
  "in capitals": nameOf({ O: "SOCIété", CN: "OLD ROOT" }),
  "with more blanks": nameOf({ O: " Société ", CN: "Old \t  Root" }),
  "as a TeletexString": nameOf({ O: latin, CN: "Old Root" }, derTag.teletexString),
  "as a BMPString": nameOf({ O: wide("Société"), CN: wide("Old Root") }, derTag.bmpString),
} as const;
const belowSpelt = new MintedAuthority({ name: "below spelt", by: spelt, issuer: spellings["in capitals"] });

const twins = [new MintedAuthority({ name: "twins" }), new MintedAuthority({ name: "twins" })] as const;
const old = new MintedAuthority({ name: "renewed", notAfter: yesterday });
const renewed = new MintedAuthority({ name: "renewed", keys: old.keys });
const first = new MintedAuthority({ name: "again" });
const again = new MintedAuthority({ name: "again", keys: first.keys });
const wants = ({ name: issuer, serial, keys: { publicKey: key } }: MintedAuthority): ClientOptions => ({
  authorityKey: authorityKeyOf({ key, issuer, serial }),
});
const globexNames = derSequence(der(0x82, Buffer.from("globex.example")));
/** Each was certified anew for more than before, and its first certificate is still among ours, ahead of the new one. */
const narrow = {
  "for authorities below it": { pathLength: 0 },
  "for clients": { extensions: [extension("2.5.29.37", derSequence(derOid("1.3.6.1.5.5.7.3.1")))] },
  "for other names": { extensions: [extension("2.5.29.30", derSequence(der(0xa0, globexNames)), true)] },
} as const;
const unnamed = new MintedAuthority({ name: "unnamed", subjectKey: "none" });

const expiredMiddle = new MintedAuthority({ name: "middle", keys: middle.keys, by: root, notAfter: yesterday });
const crossed = new MintedAuthority({ name: "middle", keys: middle.keys, by: other });
const decoy = new MintedAuthority({ name: "middle", by: other });

const lists = new MintedAuthority({ name: "Lists" });
const revoked = new MintedAuthority({ name: "revoked", by: lists });
const sameKey = new MintedAuthority({ name: "revoked", keys: revoked.keys, by: lists });
const ours = new MintedAuthority({ name: "ours", by: lists, authorityKey: authorityKeyOf({ serial: first.serial }) });
const revoking = [
  lists.list({ revoked: [revoked.serial], number: 1 }),
  // A later one, in which its name is spelt otherwise: what the first has revoked stays so.
  lists.list({ revoked: [ours.serial], number: 2, issuer: nameOf({ CN: "LISTS" }) }),
];
const listed = { trusted: [lists, ours], lists: revoking };

const text = (value: string): Buffer => Buffer.from(value);
const kinds = {
  directory: [0xa4, (value: string) => nameOf({ O: value })],
  email: [0x81, text],
  DNS: [0x82, text],
  URI: [0x86, text],
  address: [0x87, (value: string) => Buffer.from(value.split(/[./]/).map(Number))],
  registered: [0x88, text],
} as const;

type Constrained = readonly [
  kind: keyof typeof kinds,
  /** What an authority may vouch for, or not. */
  how: "permitted" | "excluded",
  base: string,
  /** What the certificate has of that kind, beside its subject, whose O is acme. */
  name: string,
  verdict: "ok" | "not",
];

const constrained: readonly Constrained[] = [
  ["directory", "permitted", " ACME", "", "ok"],
  ["directory", "permitted", "globex", "", "not"],
  ["directory", "excluded", "acme", "", "not"],
  ["directory", "permitted", "acme", "globex", "not"],
  ["DNS", "permitted", "acme.example", "", "ok"],
  ["DNS", "permitted", "acme.example", "A.Acme.example", "ok"],
  ["DNS", "permitted", "acme.example", "badacme.example", "not"],
  ["DNS", "permitted", ".acme.example", "acme.example", "not"],
  ["DNS", "excluded", "acme.example", "a.globex.example", "ok"],
  ["email", "permitted", "acme.example", "a@acme.example", "ok"],
  ["email", "permitted", "acme.example", "a@b.acme.example", "not"],
  ["email", "permitted", "a@acme.example", "A@acme.example", "not"],
  ["email", "excluded", "acme.example", "no address", "not"],
  ["URI", "permitted", ".acme.example", "spiffe://a.acme.example/b", "ok"],
  ["URI", "permitted", "acme.example", "spiffe://globex.example/acme.example", "not"],
  ["URI", "permitted", "acme.example", "urn:acme.example", "not"],
  ["address", "permitted", "10.0.0.0/255.0.0.0", "10.1.2.3", "ok"],
  ["address", "permitted", "10.0.0.0/255.0.0.0", "11.1.2.3", "not"],
  ["address", "permitted", "10.0.0.0/255.0.0.0", "10.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1", "not"],
  ["registered", "permitted", "*", "*", "not"],
];

function constrainedCase([kind, how, base, name, verdict]: Constrained): [string, Case] {
  const [tag, bytesOf] = kinds[kind];
  const subtree = derSequence(der(tag, bytesOf(base)));
  const constraints = derSequence(der(how === "excluded" ? 0xa1 : 0xa0, subtree));
  const by = new MintedAuthority({ by: root, extensions: [extension("2.5.29.30", constraints, true)] });
  const names = name === "" ? [] : [extension("2.5.29.17", derSequence(der(tag, bytesOf(name))))];
  return [
    `with ${name === "" ? "no other name" : name}, over one with ${how} names of the kind ${kind}: ${base}`,
    {
      trusted: [root],
      by,
      shown: [by],
      leaf: { extensions: names },
      openssl: verdict === "ok" ? "ok" : "refused",
      aclog: verdict === "ok" ? "ok" : "untrusted",
      // It warns that it does not look at these.
      check: "ok",
    },
  ];
}

/** OpenSSL goes by the first certificate of an authority, which is why a server gives it the widest first. */
function widenedCase([what, limits]: [string, AuthorityOptions]): [string, Case] {
  const before = new MintedAuthority(limits);
  const { name, keys } = before;
  const by = new MintedAuthority({ by: before });
  const trusted = [before, new MintedAuthority({ name, keys })];
  const names = extension("2.5.29.17", derSequence(der(0x82, Buffer.from("acme.example"))));
  const leaf = { extensions: [names] };
  return [
    `over one of ours, certified anew ${what}`,
    { trusted, by, shown: [by], leaf, openssl: "refused", aclog: "ok" },
  ];
}

const cases: Readonly<Record<string, Case>> = {
  "of one of ours": { ...direct, openssl: "ok", aclog: "ok" },
  "of one of ours, which is shown too": { ...direct, shown: [root, root], openssl: "ok", aclog: "ok" },
  "of nobody's": { ...direct, by: other, shown: [other], openssl: "refused", aclog: "untrusted" },
  "over one": { ...below, shown: [middle], openssl: "ok", aclog: "ok" },
  "over one that is not shown": { ...below, openssl: "refused", aclog: "untrusted" },
  "over two in order, and a stranger, and each twice": {
    ...lowest,
    shown: [other, lower, lower, middle, middle, root],
    openssl: "ok",
    aclog: "ok",
  },
  // Node hands on what it finds behind each certificate, and looks no further where that is the last one.
  "over two in another order": { ...lowest, shown: [middle, lower], openssl: "ok", aclog: "untrusted" },
  "over two in another order, with the root": {
    ...lowest,
    shown: [root, middle, lower, other],
    openssl: "ok",
    aclog: "ok",
  },

  ...Object.fromEntries(
    Object.entries(spellings).map(([how, issuer]): [string, Case] => [
      `of one whose name is written ${how}`,
      { trusted: [spelt], by: spelt, leaf: { issuer }, openssl: "ok", aclog: "ok" },
    ]),
  ),
  "of one whose name has another letter beyond ASCII": {
    trusted: [spelt],
    by: spelt,
    leaf: { issuer: nameOf({ O: "SOCIÉTÉ", CN: "Old Root" }) },
    openssl: "refused",
    aclog: "untrusted",
  },
  "of one whose name is in another order": {
    trusted: [spelt],
    by: spelt,
    leaf: { issuer: nameOf({ CN: "Old Root", O: "Société" }) },
    openssl: "refused",
    aclog: "untrusted",
  },
  "over one that spells ours otherwise": {
    trusted: [spelt],
    by: belowSpelt,
    shown: [belowSpelt],
    openssl: "ok",
    aclog: "ok",
  },

  "without a key identifier": { ...direct, leaf: { authorityKey: "none" }, openssl: "ok", aclog: "ok" },
  "with an empty key identifier": { ...direct, leaf: { authorityKey: authorityKeyOf({}) }, openssl: "ok", aclog: "ok" },
  "with another's key identifier": {
    ...direct,
    leaf: { authorityKey: authorityKeyOf({ key: other.keys.publicKey }) },
    openssl: "refused",
    aclog: "untrusted",
  },
  "with any, of one that calls its key nothing": {
    trusted: [unnamed],
    by: unnamed,
    leaf: { authorityKey: authorityKeyOf({ key: other.keys.publicKey }) },
    openssl: "ok",
    aclog: "ok",
  },
  "with the serial number of its authority": { ...direct, leaf: wants(root), openssl: "ok", aclog: "ok" },
  "with another serial number": {
    ...direct,
    leaf: { authorityKey: authorityKeyOf({ serial: other.serial }) },
    openssl: "refused",
    aclog: "untrusted",
  },
  "with another name of its authority's issuer": {
    ...direct,
    leaf: { authorityKey: authorityKeyOf({ issuer: other.name }) },
    openssl: "refused",
    aclog: "untrusted",
  },
  "with that name in another spelling": {
    trusted: [spelt],
    by: spelt,
    leaf: { authorityKey: authorityKeyOf({ issuer: spellings["in capitals"] }) },
    openssl: "ok",
    aclog: "ok",
  },

  "of the one of two that have a name": { trusted: twins, by: twins[0], openssl: "ok", aclog: "ok" },
  "of the other of two that have a name": { trusted: twins, by: twins[1], openssl: "ok", aclog: "ok" },
  "of one that has expired, and was renewed": { trusted: [old, renewed], by: old, openssl: "ok", aclog: "ok" },
  "of one that was renewed, by its old number": {
    trusted: [old, renewed],
    by: old,
    leaf: wants(old),
    openssl: "refused",
    aclog: "expired",
  },
  "of one that was renewed, by a number that is gone": {
    trusted: [again],
    by: first,
    leaf: wants(first),
    openssl: "refused",
    aclog: "untrusted",
  },
  "over one that was renewed": { ...below, shown: [middle, expiredMiddle], openssl: "ok", aclog: "ok" },
  // Node hands on the first of those with a name and a key, OpenSSL takes one that has not expired.
  "over one that was renewed, the old one first": {
    ...below,
    shown: [expiredMiddle, middle],
    openssl: "ok",
    aclog: "expired",
  },
  "over one that another has certified, too": { ...below, shown: [middle, crossed], openssl: "ok", aclog: "ok" },
  "over one that another has certified, that first": {
    ...below,
    shown: [crossed, middle],
    openssl: "refused",
    aclog: "untrusted",
  },
  "behind a decoy of its authority's name": { ...below, shown: [decoy, middle], openssl: "ok", aclog: "ok" },
  ...Object.fromEntries(Object.entries(narrow).map(widenedCase)),

  // OpenSSL is told of no lists.
  "over one that is revoked": { ...listed, by: revoked, shown: [revoked, revoked], openssl: "ok", aclog: "revoked" },
  "over one that is revoked, with another certificate": {
    ...listed,
    by: revoked,
    shown: [sameKey, revoked],
    openssl: "ok",
    aclog: "ok",
  },
  "over one that is revoked, by its number": {
    ...listed,
    by: revoked,
    leaf: { authorityKey: authorityKeyOf({ serial: revoked.serial }) },
    shown: [sameKey, revoked],
    openssl: "ok",
    aclog: "revoked",
  },
  "of one of ours that is revoked, and wants another certificate of its authority": {
    ...listed,
    by: ours,
    openssl: "ok",
    aclog: "revoked",
  },

  ...Object.fromEntries(constrained.map(constrainedCase)),

  // OpenSSL does not mind; RFC 5280, 4.1.2.1, does.
  "of version 1, with extensions": { ...direct, leaf: { version: 1 }, openssl: "ok", aclog: "malformed" },
};

let node: TestNode;
const bundle = [...new Set(Object.values(cases).flatMap(({ trusted }) => trusted))]
  .map(({ certPem }) => certPem)
  .join("");
const allLists = revoking.map(listPem).join("");
beforeAll(async () => {
  node = await startTestNode({
    prepare: async (directory) => {
      await writeFile(join(directory, "ca.crt"), bundle);
      await writeFile(join(directory, "lists.pem"), allLists);
      await mkdir(join(directory, "shown"));
      return { crl: { path: join(directory, "lists.pem"), isOptional: false } };
    },
  });
});
afterAll(() => node[Symbol.asyncDispose]());

test.each(Object.entries(cases))("a certificate %s: all who are asked agree", async (_, each) => {
  const { by, leaf, shown = [], openssl, aclog, check = aclog === "ok" ? "ok" : "refused" } = each;
  const { certPem, keyPem } = by.client("acme/root", leaf);
  const file = certPem + shown.map((one) => one.certPem).join("");
  const [{ identity }, asked, served] = await Promise.all([
    explainIdentity(node.config, Buffer.from(file)),
    verdictOfOpenSsl(certPem, file),
    verdictOfServer(file, keyPem),
  ]);
  const lists = [{ source: "lists.pem", bytes: Buffer.from(allLists), mayHaveNone: false }];
  const options = { role: "client", authorities: Buffer.from(bundle), lists } as const;
  const { findings } = checkCertificate(Buffer.from(file), options);
  expect({
    openssl: asked,
    server: served,
    identity: "problem" in identity ? identity.problem : "ok",
    check: findings.some(({ severity }) => severity === "error") ? "refused" : "ok",
  }).toEqual({ openssl, server: aclog, identity: aclog, check });
});

/** As a server asks it: any certificate that is trusted ends a chain. */
async function verdictOfOpenSsl(certPem: string, file: string): Promise<Case["openssl"]> {
  const path = (name: string): string => join(node.directory, "shown", name);
  await writeFile(path("leaf.crt"), certPem);
  await writeFile(path("others.crt"), file);
  const trusted = ["-CAfile", join(node.directory, "ca.crt"), "-partial_chain", "-purpose", "sslclient"];
  const child = execFile("openssl", ["verify", ...trusted, "-untrusted", path("others.crt"), path("leaf.crt")]);
  const [code] = (await once(child, "exit")) as [number];
  return code === 0 ? "ok" : "refused";
}

async function verdictOfServer(cert: string, key: string): Promise<string> {
  const socket = connect({
    port: node.port,
    host: "127.0.0.1",
    servername: "localhost",
    ca: node.authority.caPem,
    ALPNProtocols: ["h2"],
    cert,
    key,
  });
  socket.on("error", () => undefined);
  await once(socket, "secureConnect");
  const peer = `127.0.0.1:${socket.localPort}`;
  const line = await node.log.until((one) => one["peer"] === peer && /^(connected|connection refused)$/.test(one.msg));
  socket.destroy();
  return line.msg === "connected" ? "ok" : String(line["kind"]);
}

import { X509Certificate, createPrivateKey, generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { type CheckOptions, type ListFile, checkCertificate } from "../../src/pki/index.js";
import { makeCertificate, nameOf } from "../../src/pki/certificate.js";
import { makeRevocationList, revocationOf } from "../../src/pki/revocation-list.js";
import { extension, type IssueOptions, TestAuthority } from "../support/certificates.js";
import { derSequence } from "../support/der.js";
import { MintedAuthority, authorityKeyOf } from "../support/minted.js";
import { ecKey } from "../support/requests.js";

const authority = await TestAuthority.create({ commonName: "Authority" });
const sameName = await TestAuthority.create({ commonName: "Authority" });
const authorities = Buffer.from(authority.caPem);
const dayMs = 86_400_000;
const inDays = (days: number) => new Date(Date.now() + days * dayMs);
const lasting: IssueOptions = { principal: "acme/billing", notAfter: inDays(90) };
const server: IssueOptions = { ...lasting, usages: ["serverAuth"], names: ["log.example", "10.0.0.7"] };

const unlisted = "warning: whether it was revoked was not looked at";

function allProblems(file: string | Buffer, options: CheckOptions): string[] {
  const { findings } = checkCertificate(Buffer.from(file), options);
  return findings.map(({ severity, problem }) => `${severity}: ${problem}`);
}

/** But for the warning that all without lists have. */
function problems(file: string | Buffer, options: CheckOptions = { authorities }): string[] {
  return allProblems(file, options).filter((each) => each !== unlisted);
}

for (const key of ["ec", "rsa", "ed25519"] as const) {
  test(`nothing is found in a client's and a server's certificate that are as they should be, with an ${key} key`, () => {
    expect(problems(authority.issue({ ...lasting, key }).certPem)).toEqual([]);
    expect(problems(authority.issue({ ...server, key }).der, { authorities, host: "log.example" })).toEqual([]);
    expect(problems(authority.issue({ ...server, key }).der, { authorities, host: "10.0.0.7" })).toEqual([]);
  });
}

const mistakes: readonly (readonly [what: string, problem: RegExp, issued: IssueOptions, options?: CheckOptions])[] = [
  ["has ended", /^error: it ended on/, { ...lasting, notAfter: inDays(-1) }],
  ["is not valid yet", /^error: it is not valid before/, { ...lasting, notBefore: inDays(1) }],
  ["ends soon", /^warning: it ends in 6 days/, { ...lasting, notAfter: inDays(6.5) }],
  ["lasts very long", /^warning: it lasts for more than 825 days/, { ...lasting, notAfter: inDays(900) }],
  [
    "has no usage",
    /^error: it has no extended key usage, and a client needs clientAuth/,
    { ...lasting, usages: "none" },
  ],
  ["ends so soon", /^error: it ends in 89 days/, lasting, { authorities, expiringWithin: 100 }],
  ["is a server's", /^error: its usage is serverAuth, and a client/, { ...server }, { authorities, role: "client" }],
  [
    "is a client's",
    /^error: its usage is clientAuth, and a server/,
    { ...lasting, names: ["a.b"] },
    { authorities, role: "server" },
  ],
  ["is an authority's", /^error: it is the certificate of an authority/, { ...lasting, isCa: true, keyUsage: "none" }],
  [
    "is for other names",
    /^error: it is not for x\.example, but for DNS:log/,
    server,
    { authorities, host: "x.example" },
  ],
  ["has a common name only", /^error: it has no DNS name and no address/, { ...server, names: [] }],
  [
    "is of another authority",
    /^error: nobody who is trusted/,
    lasting,
    { authorities: Buffer.from((await TestAuthority.create()).caPem) },
  ],
  [
    "is of one of the same name",
    /^error: .* but it was signed with another key/,
    lasting,
    { authorities: Buffer.from(sameName.caPem) },
  ],
  ["is of who knows whom", /^warning: whether anybody trusts CN=Authority/, lasting, {}],
  [
    "has an extension nobody knows",
    /^error: it has the critical extension 1\.2\.3\.4/,
    { ...lasting, extensions: [extension("1.2.3.4", derSequence(), true)] },
  ],
];
for (const [what, expected, issued, options] of mistakes) {
  test(`a certificate that ${what} is told of, and that alone`, () => {
    const found = problems(authority.issue(issued).certPem, options);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(expected);
  });
}

test("keys that nobody can use here are told of", () => {
  const issuer = createPrivateKey(authority.caKeyPem);
  const name = nameOf(["CN", "Authority"]);
  const weak = [
    [generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey, /1024 bits, and 2048 are the least/],
    [generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey, /no signatures on the curve secp256k1/],
    [generateKeyPairSync("x25519").publicKey, /of the kind x25519/],
  ] as const;
  const usage = extension("2.5.29.37", derSequence(Buffer.from("06082b06010505070302", "hex")));
  for (const [publicKey, expected] of weak) {
    const content = { issuer: name, subject: name, notBefore: inDays(-1), notAfter: inDays(90), publicKey };
    const certificate = makeCertificate({ ...content, extensions: [usage] }, issuer);
    expect(problems(certificate.toString()).join()).toMatch(expected);
  }
});

test("over an intermediate authority in the file it leads to the root, and without it does not", async () => {
  const below = await intermediate({ isCa: true });
  expect(problems(below.leaf + below.authority)).toEqual([]);
  expect(problems(below.leaf)).toEqual([expect.stringMatching(/^error: nobody who is trusted has issued it/)]);
  expect(problems(below.leaf + below.authority + sameName.caPem)).toEqual([
    "warning: CN=Authority is in the file and leads nowhere",
  ]);
});

test("an authority on the way that may be none, has ended, or vouches for others alone, is told of", async () => {
  const found = async (options: Partial<IssueOptions>) => {
    const { leaf, authority: above } = await intermediate(options);
    return problems(leaf + above).join();
  };
  expect(await found({ isCa: "absent", keyUsage: "none" })).toMatch(
    /^error: CN=below has issued it, and is no authority/,
  );
  expect(await found({ isCa: true, notAfter: inDays(-1) })).toMatch(/^error: CN=below ended on/);
  expect(await found({ isCa: true, usages: ["serverAuth"] })).toBe(
    "error: CN=below vouches for serverAuth alone, and this needs clientAuth",
  );
  expect(await found({ isCa: true, usages: ["serverAuth", "clientAuth"] })).toBe("");
  expect(await found({ isCa: true, extensions: [extension("2.5.29.30", derSequence(), true)] })).toBe(
    "warning: CN=below may vouch for certain names alone, and at those this does not look",
  );
  expect(await found({ isCa: true, notAfter: inDays(6.5) })).toMatch(/^warning: CN=below ends in 6 days/);
});

test("a certificate that wants another one of its authority's, and one that lies in the wrong place, are told of", () => {
  const root = new MintedAuthority({ name: "root" });
  const middle = new MintedAuthority({ name: "middle", by: root });
  const lower = new MintedAuthority({ name: "lower", by: middle });
  const found = (file: string) => problems(file, { authorities: Buffer.from(root.certPem), role: "client" });
  const { certPem } = root.client("acme/billing", { authorityKey: authorityKeyOf({ serial: middle.serial }) });
  expect(found(certPem)).toContain(
    "error: CN=root is trusted and has signed it, but by its authorityKeyIdentifier it wants another certificate of that",
  );
  expect(found(lower.client("acme/billing").certPem + middle.certPem + lower.certPem)).toContain(
    "warning: CN=middle is in the file before what it has signed, and is not seen there",
  );
});

const listFile = (bytes: Buffer, mayHaveNone = false): ListFile => ({ source: "ca.crl", bytes, mayHaveNone });

test("what was revoked is told of, by the list of its own authority alone", () => {
  const issued = authority.issue(lasting);
  const { serialNumber } = new X509Certificate(issued.der);
  const listBy = (by: TestAuthority, nextUpdate = inDays(1), thisUpdate = new Date()) => [
    listFile(
      makeRevocationList(new X509Certificate(by.caPem), createPrivateKey(by.caKeyPem), {
        number: 1n,
        thisUpdate,
        nextUpdate,
        revoked: [revocationOf(serialNumber, "keyCompromise")],
      }),
    ),
  ];
  const revoked = "error: CN=billing,O=acme was revoked by CN=Authority";
  expect(problems(issued.der, { authorities, lists: listBy(authority) })).toEqual([revoked]);
  expect(problems(issued.der, { authorities, lists: listBy(sameName) })).toEqual([
    "warning: there is no revocation list of CN=Authority",
  ]);
  expect(problems(issued.der, { authorities, lists: listBy(authority, inDays(-1)) })).toEqual([
    revoked,
    "error: the revocation list of CN=Authority has ended",
  ]);
  const tomorrow = inDays(1);
  expect(problems(issued.der, { authorities, lists: listBy(authority, inDays(2), tomorrow) })).toEqual([
    revoked,
    `error: the revocation list of CN=Authority is not valid before ${tomorrow.toISOString().slice(0, -4)}000Z`,
  ]);
  const folder = [listFile(authorities, true), ...listBy(sameName), ...listBy(authority)];
  expect(problems(issued.der, { authorities, lists: folder })).toEqual([revoked]);
  expect(allProblems(issued.der, { authorities })).toEqual([unlisted]);
});

test("files that hold something else are refused, and it is said which", () => {
  const { certPem } = authority.issue(lasting);
  expect(() => problems("hello")).toThrow("this is not a certificate");
  expect(() => problems(certPem, { authorities: Buffer.from("hello") })).toThrow("of those who are trusted");
  for (const bytes of [Buffer.from("hello"), Buffer.from("3000", "hex"), Buffer.from(certPem)]) {
    const lists = [listFile(bytes)];
    expect(() => problems(certPem, { authorities, lists })).toThrow("there is no revocation list in ca.crl");
  }
});

test("a key that is not its own, and one that cannot be read, are told of", () => {
  const issued = authority.issue(lasting);
  expect(problems(issued.der, { authorities, key: Buffer.from(issued.keyPem) })).toEqual([]);
  const other = ecKey().export({ type: "pkcs8", format: "pem" });
  expect(problems(issued.der, { authorities, key: Buffer.from(other) })).toEqual(["error: this is not its key"]);
  expect(problems(issued.der, { authorities, key: Buffer.from("x") })[0]).toContain("not readable");
});

/** A leaf and the authority between it and the one that is trusted, which is made as told. */
async function intermediate(options: Partial<IssueOptions>): Promise<{ leaf: string; authority: string }> {
  const below = await TestAuthority.create({ commonName: "below" });
  const publicKey = new X509Certificate(below.caPem).publicKey;
  const issued: IssueOptions = { subject: [{ type: "CN", value: "below" }], usages: "none", notAfter: inDays(90) };
  const made = authority.certify(publicKey, { ...issued, ...options });
  return { leaf: below.issue(lasting).certPem, authority: made.toString() };
}

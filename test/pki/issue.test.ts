import { X509Certificate, generateKeyPairSync } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { OperatorError } from "../../src/errors.js";
import {
  type IssueOptions,
  holdingsIn,
  initAuthority,
  initCertificates,
  inspectCertificate,
  issueCertificate,
  renewCertificate,
  revokeCertificates,
} from "../../src/pki/index.js";
import { certificatesOf } from "../../src/pki/pem.js";
import { CertificateFolder } from "../support/certificate-folder.js";
import { extension, TestAuthority } from "../support/certificates.js";
import { der, derTag } from "../support/der.js";
import { ecKey, requestFor } from "../support/requests.js";

const shop = { tenant: "acme", name: "shop" };

test("a request brings nothing but its key: who it is for and what for, the authority says", async () => {
  await using folder = await CertificateFolder.make();
  const key = ecKey();
  const { made } = await issueCertificate(folder.path, shop, { force: false, request: requestFor(key) });
  expect(made).toEqual(["clients/acme/shop.crt"]);
  const certificate = await folder.certificate(made[0]!);
  expect(certificate.checkPrivateKey(key)).toBe(true);
  expect(inspectCertificate(certificate.raw)).toMatchObject({
    subject: "CN=shop,O=acme",
    keyUsage: ["digitalSignature"],
    extendedKeyUsage: ["clientAuth"],
    isCa: false,
  });
});

test("an index that an editor has saved with other line ends says the same, and is written as before", async () => {
  await using folder = await CertificateFolder.make();
  await folder.issue("acme/shop");
  const before = (await folder.read("index.txt")).toString();
  await folder.write("index.txt", before.replaceAll("\n", "\r\n"));
  await folder.issue("acme/till");
  expect((await folder.read("index.txt")).toString().startsWith(before)).toBe(true);
});

const p256 = ecKey();
const weakRsa = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey;
const badRequests = {
  "signed with another key than its own": [requestFor(p256, { signer: ecKey() }), "not signed with its own key"],
  "with an RSA key of 1024 bits": [requestFor(weakRsa, { algorithm: "rsa" }), "1024 bits"],
  "with a key on a curve that TLS 1.3 has no signatures on": [requestFor(ecKey("secp256k1")), "secp256k1"],
  "signed with SHA-1": [requestFor(weakRsa, { algorithm: "sha1" }), "weak or not known"],
  "that is a certificate": [Buffer.from((await TestAuthority.create()).caPem), "not a request"],
  "that is empty": [Buffer.alloc(0), "not a request"],
  "that is cut off": [
    Buffer.from("-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----"),
    "not a request",
  ],
} as const;
for (const [what, [request, problem]] of Object.entries(badRequests)) {
  test(`a request ${what} is refused, and nothing is made`, async () => {
    await using folder = await CertificateFolder.make();
    await expect(issueCertificate(folder.path, shop, { force: false, request })).rejects.toThrow(problem);
    expect(await folder.files()).toEqual(["ca.crt", "ca.key"]);
  });
}

test("a certificate is not put beside a key that is not its own", async () => {
  await using folder = await CertificateFolder.make();
  await folder.issue("acme/shop");
  const request = requestFor(ecKey());
  await expect(issueCertificate(folder.path, shop, { force: true, request })).rejects.toThrow(
    "is not the key of this request",
  );
  expect(await folder.fits("clients/acme/shop")).toBe(true);
});

test("of a certificate that is revoked nobody is told to use it as it is", async () => {
  await using folder = await CertificateFolder.make();
  const { serialNumber: serial } = await folder.issue("acme/shop");
  await expect(folder.issue("acme/shop")).rejects.toThrow("already, and nothing was made: use them as they are");
  await revokeCertificates(folder.path, { serial }, { reason: "keyCompromise" });
  await expect(folder.issue("acme/shop")).rejects.toThrow("the certificate there is revoked, --force puts this one");
});

test("names that the one before had and the new one has not are told", async () => {
  await using folder = await CertificateFolder.make();
  const issue = (dns: string[]) =>
    issueCertificate(folder.path, "server", { force: true, names: { dns }, request: requestFor(ecKey()) });
  expect((await issue(["a.example", "b.example"])).dropped).toEqual([]);
  expect((await issue(["b.example", "c.example"])).dropped).toEqual(["DNS:a.example"]);
});

test("names of every kind are in it, and a server's first name is its common name", async () => {
  await using folder = await CertificateFolder.make();
  const names = { dns: ["log.example", "*.log.example"], ip: ["10.0.0.7", "fd00::1"] };
  await issueCertificate(folder.path, "server", { force: false, names, request: requestFor(ecKey()) });
  const server = await folder.certificate("server.crt");
  expect(server.checkHost("eu.log.example")).toBe("*.log.example");
  expect([server.checkIP("10.0.0.7"), server.checkIP("fd00::1")]).toEqual(["10.0.0.7", "fd00::1"]);
  expect(inspectCertificate(server.raw)).toMatchObject({ subject: "CN=log.example", extendedKeyUsage: ["serverAuth"] });
  const client = await folder.issue("acme/shop", {
    names: { uri: ["spiffe://prod.example/ns/acme/sa/shop"], email: ["shop@acme.example"] },
  });
  expect(client.subjectAltName).toBe("email:shop@acme.example, URI:spiffe://prod.example/ns/acme/sa/shop");
});

const badNames: readonly IssueOptions["names"][] = [
  ...[
    "",
    "a..b",
    "-a.example",
    "a b",
    "a,b",
    "*",
    "*.example",
    "a.*.example",
    "10.0.0.1",
    "ü.example",
    `${"a".repeat(64)}.b`,
  ].map((name) => ({ dns: [name] })),
  ...["10.0.0", "fe80::1%eth0", "localhost"].map((address) => ({ ip: [address] })),
  ...["shop", "a@b@c", "a b@c.example", "@c.example", "a@*.c.example"].map((address) => ({ email: [address] })),
  ...[
    "http://prod.example/a",
    "spiffe://Prod.example/a",
    "spiffe:///a",
    "spiffe://prod.example",
    "spiffe://prod.example/",
    "spiffe://prod.example/a//b",
    "spiffe://prod.example/a/../b",
    "spiffe://prod.example/a?b",
    "spiffe://prod.example/a%2Fb",
    "spiffe://u@prod.example/a",
    "spiffe://prod.example:80/a",
    `spiffe://prod.example/${"a".repeat(2048)}`,
  ].map((id) => ({ uri: [id] })),
  { uri: ["spiffe://prod.example/a", "spiffe://prod.example/b"] },
];
test.each(badNames)("the name %j is refused before anything is made", async (names) => {
  await using folder = await CertificateFolder.make();
  const work = issueCertificate(folder.path, shop, { force: false, names, request: requestFor(p256) });
  await expect(work).rejects.toBeInstanceOf(OperatorError);
  expect(await folder.files()).toEqual(["ca.crt", "ca.key"]);
});

for (const place of ["../x", "clients/../../x", "/etc/x", ".hidden", "a//b", "ca", "CA", "x\0y"]) {
  test(`nothing is put at ${JSON.stringify(place)}`, async () => {
    await using folder = await CertificateFolder.make();
    const work = issueCertificate(folder.path, shop, { force: true, place, request: requestFor(p256) });
    await expect(work).rejects.toBeInstanceOf(OperatorError);
    expect(await folder.files()).toEqual(["ca.crt", "ca.key"]);
  });
}

test("an authority's name and key identifier are taken over as they are, of whatever strings and length", async () => {
  const root = await TestAuthority.create();
  const authority = root.issue({
    subject: [
      [
        { type: "O", value: Buffer.from("Sp\xf3\u0142ka", "latin1"), tag: derTag.teletexString },
        { type: "CN", value: "authority", tag: derTag.printableString },
      ],
    ],
    isCa: true,
    extensions: [extension("2.5.29.14", der(derTag.octetString, Buffer.from("our own identifier")))],
  });
  await using folder = await CertificateFolder.make(authority);
  const issued = await folder.issue("acme/shop");
  const ca = new X509Certificate(authority.certPem);
  expect([issued.checkIssued(ca), issued.verify(ca.publicKey)]).toEqual([true, true]);
  expect(issued.raw.includes("our own identifier")).toBe(true);
});

test("a tenant's own authority signs for its principals, and for nobody else", async () => {
  await using folder = await CertificateFolder.make();
  const { made } = await initAuthority(folder.path, { tenant: "acme" }, { force: false });
  expect(made).toEqual(["acme-ca.key", "acme-ca.crt", "acme-ca.crl", "index.txt"]);
  const own = await folder.certificate("acme-ca.crt");
  expect((await folder.issue("acme/shop")).checkIssued(own)).toBe(true);
  expect((await folder.issue("globex/shop")).checkIssued(own)).toBe(false);
  expect((await folder.issue("acme/other", { ca: "ca" })).checkIssued(own)).toBe(false);
  const lists = await folder.lists("acme-ca.crl", "acme-ca.crt");
  expect(lists.map(({ revoked }) => revoked)).toEqual([[]]);
  const itsOwn =
    "acme-ca.crt is the authority of tenant acme and signs for its principals alone: name another with --ca";
  await expect(folder.issue("globex/third", { ca: "acme-ca" })).rejects.toThrow(itsOwn);
  const forServer = { force: false, names: { dns: ["a.b"] }, ca: "acme-ca" };
  await expect(issueCertificate(folder.path, "server", forServer)).rejects.toThrow(itsOwn);
  await expect(renewCertificate(folder.path, { tenant: "globex", name: "shop" }, { ca: "acme-ca" })).rejects.toThrow(
    itsOwn,
  );
  await expect(initAuthority(folder.path, { ca: "globex-ca" }, { force: false })).rejects.toThrow("--tenant globex");
  for (const ca of ["../ca", "", ".x", "a/b", "nosuch"]) {
    await expect(folder.issue("acme/third", { ca })).rejects.toBeInstanceOf(OperatorError);
  }
});

test("below a root whose key is put away, the issuing authority signs and revokes, and leaves bring it along", async () => {
  const options = { principals: [], force: false, intermediate: true, bits: 3072, days: 90 } as const;
  await using folder = await CertificateFolder.make();
  await Promise.all(["ca.crt", "ca.key"].map((file) => rm(join(folder.path, file))));
  await initCertificates(folder.path, options);
  await rm(join(folder.path, "ca.key"));
  const shop = await folder.issue("acme/shop");
  await revokeCertificates(folder.path, { serial: shop.serialNumber }, { reason: "superseded" });

  const [root, issuing] = [await folder.certificate("ca.crt"), await folder.certificate("ca-issuing.crt")];
  expect(issuing.checkIssued(root) && issuing.verify(root.publicKey)).toBe(true);
  for (const file of ["server.crt", "clients/acme/shop.crt"]) {
    const [leaf, ...above] = certificatesOf(await folder.read(file));
    expect(leaf.checkIssued(issuing) && leaf.verify(issuing.publicKey)).toBe(true);
    expect(above.map(({ raw }) => raw)).toEqual([issuing.raw]);
  }
  const server = inspectCertificate(await folder.read("server.crt"));
  expect(server).toMatchObject({ keyBits: 3072, daysLeft: 89 });
  const lists = await folder.lists("ca.crl", "ca-issuing.crt");
  expect(lists.map(({ revoked }) => revoked.map(({ serial }) => serial))).toEqual([[], [shop.serialNumber]]);
  const { certificates } = await holdingsIn(folder.path);
  expect(certificates.map(({ file, state }) => [file, state])).toEqual([
    ["ca-issuing.crt", "valid"],
    ["server.crt", "valid"],
    ["clients/acme/shop.crt", "revoked"],
  ]);
});

test("below an authority whose certificate is not in the folder, it is told which, until a root is reached", async () => {
  const [root, policy, issuing] = await Promise.all([
    TestAuthority.create({ commonName: "Root" }),
    TestAuthority.create({ commonName: "Policy" }),
    TestAuthority.create({ commonName: "Issuing" }),
  ]);
  const certified = (by: TestAuthority, { caPem }: TestAuthority, CN: string) =>
    by.certify(new X509Certificate(caPem).publicKey, {
      subject: [{ type: "CN", value: CN }],
      isCa: true,
      usages: "none",
    });
  const [below, lowest] = [certified(root, policy, "Policy"), certified(policy, issuing, "Issuing")];
  await using folder = await CertificateFolder.make({ certPem: lowest.toString(), keyPem: issuing.caKeyPem });
  const options = { force: true, request: requestFor(ecKey()) };
  expect(await issueCertificate(folder.path, shop, options)).toMatchObject({ missing: "CN=Policy" });
  await folder.write("policy.crt", below.toString());
  expect(await renewCertificate(folder.path, shop, { sameKey: true })).toMatchObject({ missing: "CN=Root" });
  await folder.write("root.crt", root.caPem);
  expect((await renewCertificate(folder.path, shop, { sameKey: true })).missing).toBeUndefined();
  const [, ...above] = certificatesOf(await folder.read("clients/acme/shop.crt"));
  expect(above.map(({ raw }) => raw)).toEqual([lowest.raw, below.raw]);
});

import { X509Certificate } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { OperatorError } from "../../src/errors.js";
import {
  expiring,
  holdingsIn,
  initAuthority,
  renewCertificate,
  renewExpiring,
  revokeCertificates,
} from "../../src/pki/index.js";
import { partsOf } from "../../src/pki/certificate.js";
import { CertificateFolder } from "../support/certificate-folder.js";
import { extension, TestAuthority } from "../support/certificates.js";
import { der, derTag } from "../support/der.js";

const billing = { tenant: "acme", name: "billing" };
const file = "clients/acme/billing.crt";
const dayMs = 86_400_000;

function lifetimeDays(certificate: X509Certificate): number {
  return Math.round((Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)) / dayMs);
}

test("a renewed certificate has a new key and a new serial number, and lasts as long as the one before, which stays good", async () => {
  await using folder = await CertificateFolder.make();
  const before = await folder.issue("acme/billing", { days: 90, names: { dns: ["billing.example"] } });
  const renewal = await renewCertificate(folder.path, billing, {});
  const after = await folder.certificate(file);
  expect([renewal.before, renewal.serial]).toEqual([before.serialNumber, after.serialNumber]);
  expect(after.serialNumber).not.toBe(before.serialNumber);
  expect(after.publicKey.equals(before.publicKey)).toBe(false);
  expect(await folder.fits("clients/acme/billing")).toBe(true);
  expect([after.subject, after.subjectAltName, lifetimeDays(after)]).toEqual([
    before.subject,
    before.subjectAltName,
    90,
  ]);
  const { certificates } = await holdingsIn(folder.path);
  expect(certificates.map(({ serial, state }) => [serial, state])).toEqual([
    [before.serialNumber, "replaced"],
    [after.serialNumber, "valid"],
  ]);
});

test("with the same key, it need not be here", async () => {
  await using folder = await CertificateFolder.make();
  const before = await folder.issue("acme/billing");
  await rm(join(folder.path, "clients/acme/billing.key"));
  await expect(renewCertificate(folder.path, billing, {})).rejects.toThrow("--same-key");
  await renewCertificate(folder.path, billing, { sameKey: true, days: 7 });
  const after = await folder.certificate(file);
  expect(after.publicKey.equals(before.publicKey)).toBe(true);
  expect(lifetimeDays(after)).toBe(7);
});

test("all that were in its place before and are still good are revoked where that is asked for, and no other", async () => {
  await using folder = await CertificateFolder.make();
  const first = await folder.issue("acme/billing");
  const elsewhere = await folder.issue("acme/billing", { place: "hosts/b" });
  const [second] = [(await renewCertificate(folder.path, billing, {})).serial];
  await revokeCertificates(folder.path, { serial: second }, { reason: "keyCompromise" });
  const third = (await renewCertificate(folder.path, billing, {})).serial;
  const { revocation } = await renewCertificate(folder.path, billing, { revokeOld: true });
  expect(revocation!.revoked.map(({ serial }) => serial)).toEqual([first.serialNumber, third]);
  const { certificates } = await holdingsIn(folder.path);
  expect(certificates.find(({ serial }) => serial === elsewhere.serialNumber)!.state).toBe("valid");
});

test("nothing is renewed where what was there before is to be revoked and cannot be", async () => {
  await using folder = await CertificateFolder.make();
  const before = await folder.issue("acme/billing");
  await initAuthority(folder.path, { ca: "next" }, { force: false });
  await rm(join(folder.path, "ca.key"));
  await expect(renewCertificate(folder.path, billing, { ca: "next", revokeOld: true })).rejects.toThrow("the key of");
  expect((await folder.certificate(file)).raw).toEqual(before.raw);
});

test("the one before is revoked where that is asked for, as superseded", async () => {
  await using folder = await CertificateFolder.make();
  const before = await folder.issue("acme/billing");
  const { serial, wasOver } = await renewCertificate(folder.path, billing, { revokeOld: true });
  expect((await folder.lists())[0]!.revoked.map((each) => each.serial)).toEqual([before.serialNumber]);
  const index = await folder.index();
  expect(index.map((line) => [line[0], line[1], line[5]])).toEqual([
    ["revoked", before.serialNumber, "superseded"],
    ["valid", serial, "-"],
  ]);
  await revokeCertificates(folder.path, { serial }, { reason: "keyCompromise" });
  expect([wasOver, (await renewCertificate(folder.path, billing, {})).wasOver]).toEqual([false, true]);
});

test("a certificate from elsewhere keeps its subject, usages and names byte for byte, and loses what its issuer said of itself", async () => {
  const authority = await TestAuthority.create({ commonName: "Źródło, Ltd." });
  const old = authority.issue({
    subject: [
      { type: "C", value: "PL", tag: derTag.printableString },
      [
        { type: "O", value: Buffer.from("Sp\xf3\u0142ka", "latin1"), tag: derTag.teletexString },
        { type: "UID", value: "42", tag: derTag.ia5String },
      ],
      { type: "CN", value: Buffer.from("\0b\0i\0l\0l", "latin1"), tag: derTag.bmpString },
    ],
    usages: ["clientAuth", "1.2.3.4"],
    names: ["billing.example", "fd00::1"],
    extensions: [extension("1.2.3.4.5", der(derTag.octetString, Buffer.from("about the issuer")))],
  });
  await using folder = await CertificateFolder.make({ certPem: authority.caPem, keyPem: authority.caKeyPem });
  await folder.write("elsewhere/x.crt", old.certPem);
  await folder.write("elsewhere/x.key", old.keyPem);
  await renewCertificate(folder.path, { place: "elsewhere/x" }, {});
  const [before, after] = [partsOf(new X509Certificate(old.der)), partsOf(await folder.certificate("elsewhere/x.crt"))];
  expect(after.subject).toEqual(before.subject);
  for (const oid of ["2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.37"]) {
    expect(after.extensions.get(oid)!.whole).toEqual(before.extensions.get(oid)!.whole);
  }
  expect(after.extensions.has("1.2.3.4.5")).toBe(false);
});

test("an authority that did not issue the one before signs only where it is named", async () => {
  await using folder = await CertificateFolder.make();
  const stranger = (await TestAuthority.create()).issue({ principal: "acme/billing" });
  await folder.write(file, stranger.certPem);
  await folder.write("clients/acme/billing.key", stranger.keyPem);
  await expect(renewCertificate(folder.path, billing, {})).rejects.toThrow("has issued");
  expect((await folder.certificate(file)).raw).toEqual(stranger.der);
  await renewCertificate(folder.path, billing, { ca: "ca" });
  expect((await folder.certificate(file)).checkIssued(await folder.certificate("ca.crt"))).toBe(true);
});

test("everything that ends soon is renewed, and what cannot be is told of and holds up nothing", async () => {
  await using folder = await CertificateFolder.make();
  await folder.issue("acme/soon", { days: 10 });
  await folder.issue("acme/later", { days: 100 });
  await folder.issue("acme/keyless", { days: 10 });
  await rm(join(folder.path, "clients/acme/keyless.key"));
  expect(expiring((await holdingsIn(folder.path)).certificates, 30).map((each) => each.file)).toEqual([
    "clients/acme/soon.crt",
    "clients/acme/keyless.crt",
  ]);
  const outcomes = await renewExpiring(folder.path, 30, { days: 60 });
  expect(outcomes.map((outcome) => [outcome.holding.file, "problem" in outcome])).toEqual([
    ["clients/acme/soon.crt", false],
    ["clients/acme/keyless.crt", true],
  ]);
  const left = expiring((await holdingsIn(folder.path)).certificates, 30).map((each) => each.file);
  expect(left).toEqual(["clients/acme/keyless.crt"]);
});

test("what its authority lets last no longer is not made anew night after night, but told of", async () => {
  const notAfter = new Date(Math.ceil(Date.now() / 1000) * 1000 + 20 * dayMs);
  const brief = (await TestAuthority.create()).issue({
    subject: [{ type: "CN", value: "brief" }],
    isCa: true,
    notAfter,
  });
  await using folder = await CertificateFolder.make(brief);
  await folder.issue("acme/soon", { days: 10 });
  const cut = await folder.issue("acme/cut", { days: 90 });
  const outcomes = await renewExpiring(folder.path, 30, { days: 60 });
  expect(outcomes.map((outcome) => ("problem" in outcome ? outcome.problem : "renewed"))).toEqual([
    "renewed",
    expect.stringMatching(/^a new one would not last longer, since its authority, ca\.crt, ends on /),
  ]);
  expect((await folder.certificate("clients/acme/cut.crt")).raw).toEqual(cut.raw);
  expect(await renewExpiring(folder.path, Infinity, {})).toHaveLength(2);
});

test("all of an authority moves to the one that follows it, and nothing of a tenant's own", async () => {
  await using folder = await CertificateFolder.make();
  await folder.issue("acme/billing");
  await initAuthority(folder.path, { ca: "ca-2027" }, { force: false });
  await initAuthority(folder.path, { tenant: "globex" }, { force: false });
  const own = await folder.issue("globex/root");
  // The running server trusts both while the one follows the other.
  await folder.write("ca.crt", Buffer.concat([await folder.read("ca.crt"), await folder.read("ca-2027.crt")]));
  const move = () => renewExpiring(folder.path, Infinity, { ca: "ca-2027", issuedBy: "ca" });
  expect((await move()).map((outcome) => outcome.holding.file)).toEqual([file]);
  expect(await move()).toEqual([]);
  expect((await folder.certificate("clients/globex/root.crt")).raw).toEqual(own.raw);
  expect((await folder.certificate(file)).checkIssued(await folder.certificate("ca-2027.crt"))).toBe(true);
  // The first one, whose key is ca.key, still signs where no other is named.
  expect((await folder.issue("acme/other")).checkIssued(await folder.certificate("ca.crt"))).toBe(true);
});

test("all of a tenant moves to its own authority with the names that it has, and nobody else's", async () => {
  await using folder = await CertificateFolder.make();
  const before = await folder.issue("globex/root", { days: 90, names: { dns: ["root.globex.example"] } });
  const other = await folder.issue("acme/billing");
  await initAuthority(folder.path, { tenant: "globex" }, { force: false });
  const move = (tenant?: string) => renewExpiring(folder.path, Infinity, { ca: "globex-ca", tenant });
  for (const tenant of [undefined, "acme"])
    await expect(move(tenant)).rejects.toThrow("the authority of tenant globex");
  expect((await move("globex")).map(({ holding }) => holding.file)).toEqual(["clients/globex/root.crt"]);
  const after = await folder.certificate("clients/globex/root.crt");
  expect(after.checkIssued(await folder.certificate("globex-ca.crt"))).toBe(true);
  expect([after.subjectAltName, lifetimeDays(after)]).toEqual([before.subjectAltName, 90]);
  expect((await folder.certificate(file)).raw).toEqual(other.raw);
});

for (const place of ["../x", "clients/../../x", "/etc/x", ".hidden", "a//b", ""]) {
  test(`nothing is renewed at ${JSON.stringify(place)}`, async () => {
    await using folder = await CertificateFolder.make();
    await expect(renewCertificate(folder.path, { place }, {})).rejects.toBeInstanceOf(OperatorError);
  });
}

test("the certificate of an authority is not renewed like one of a client", async () => {
  await using folder = await CertificateFolder.make();
  await expect(renewCertificate(folder.path, { place: "ca" }, {})).rejects.toThrow("of an authority");
});

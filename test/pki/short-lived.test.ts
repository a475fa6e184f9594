import { X509Certificate, generateKeyPairSync } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ShortLivedAuthority, initCertificates, inspectCertificate, issueSelfSigned } from "../../src/pki/index.js";
import { Workplace } from "../cli/command.js";
import { TestAuthority } from "../support/certificates.js";

const billing = { tenant: "acme", name: "billing" };

test("a short-lived certificate is signed by the authority, for a day, and says who it is for", async () => {
  await using place = await Workplace.make();
  await initCertificates(place.path, { principals: [], force: false });
  const [ca, key] = await Promise.all(["ca.crt", "ca.key"].map((name) => readFile(join(place.path, name))));
  const issued = new X509Certificate(ShortLivedAuthority.of(ca!, key!).issue(billing).certificatePem);
  const authority = new X509Certificate(ca!);
  expect(issued.checkIssued(authority)).toBe(true);
  expect(issued.verify(authority.publicKey)).toBe(true);
  expect(inspectCertificate(issued.raw)).toMatchObject({
    subject: "CN=billing,O=acme",
    extendedKeyUsage: ["clientAuth"],
    isCa: false,
    daysLeft: 0,
  });
  const hours = (Date.parse(issued.validTo) - Date.parse(issued.validFrom)) / 3_600_000;
  expect(Math.round(hours)).toBe(24);
});

test("the key that comes with it is its own", () => {
  const { certificatePem, keyPem } = ShortLivedAuthority.unknown().issue(billing);
  const { certificatePem: other } = ShortLivedAuthority.unknown().issue(billing);
  expect(keyPem).toContain("PRIVATE KEY");
  expect(new X509Certificate(certificatePem).publicKey.equals(new X509Certificate(other).publicKey)).toBe(false);
});

test("who pretends to be an authority has its name, byte for byte, and not its signature", async () => {
  const real = new X509Certificate((await TestAuthority.create({ commonName: "Źródło, Ltd." })).caPem);
  const issued = ShortLivedAuthority.pretending(real.toString()).issue(billing);
  const pretended = new X509Certificate(issued.certificatePem);
  expect(pretended.issuer).toBe(real.subject);
  expect(pretended.checkIssued(real)).toBe(true);
  expect(pretended.verify(real.publicKey)).toBe(false);
});

test("a self-signed certificate is vouched for by itself", () => {
  const own = new X509Certificate(issueSelfSigned(billing).certificatePem);
  expect(own.issuer).toBe(own.subject);
  expect(own.verify(own.publicKey)).toBe(true);
});

test("usage and validity can be others", () => {
  const [notBefore, notAfter] = [new Date("2020-01-02T03:04:05Z"), new Date("2051-06-07T08:09:10Z")];
  const issued = ShortLivedAuthority.unknown().issue(billing, { usage: "serverAuth", notBefore, notAfter });
  expect(inspectCertificate(issued.certificatePem)).toMatchObject({
    notBefore,
    notAfter,
    extendedKeyUsage: ["serverAuth"],
  });
});

test("of several authorities, the one whose key it is signs", async () => {
  const [one, other] = [await TestAuthority.create(), await TestAuthority.create()];
  const { certificatePem } = ShortLivedAuthority.of(one.caPem + other.caPem, other.caKeyPem).issue(billing);
  expect(new X509Certificate(certificatePem).verify(new X509Certificate(other.caPem).publicKey)).toBe(true);
  expect(new X509Certificate(certificatePem).checkIssued(new X509Certificate(other.caPem))).toBe(true);
});

test("an authority's certificate and another key are refused", async () => {
  const { caPem } = await TestAuthority.create();
  const { privateKey } = generateKeyPairSync("ed25519");
  const keyPem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  expect(() => ShortLivedAuthority.of(caPem, keyPem)).toThrow("this is not the key of the authority's certificate");
  expect(() => ShortLivedAuthority.of("nothing", keyPem)).toThrow("this is not the key");
  expect(() => ShortLivedAuthority.of(caPem, "no key")).toThrow("is not readable as PEM");
});

import { X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { OperatorError } from "../../src/errors.js";
import { inspectCertificate } from "../../src/pki/index.js";
import { extension, TestAuthority } from "../support/certificates.js";
import { der, derSequence, derTag } from "../support/der.js";

let authority: TestAuthority;
beforeAll(async () => {
  authority = await TestAuthority.create({ commonName: "an authority" });
});

describe("inspecting", () => {
  test("a certificate that names nobody, as those with a SPIFFE ID alone do, has an empty subject", () => {
    expect(inspectCertificate(authority.issue({ subject: [] }).der)).toMatchObject({
      subject: "",
      issuer: "CN=an authority",
    });
  });

  for (const [key, keyType, keyBits] of [
    ["rsa", "rsa", 2048],
    ["ec", "ec", 256],
    ["ed25519", "ed25519", undefined],
  ] as const) {
    test(`a certificate with an ${keyType} key tells what is in it`, () => {
      const notBefore = new Date("2020-02-03T04:05:06Z");
      const notAfter = new Date(Math.trunc(Date.now() / 1000) * 1000 + 36 * 3_600_000);
      const issued = authority.issue({ principal: "acme/billing", key, notBefore, notAfter });
      const certificate = new X509Certificate(issued.certPem);
      expect(inspectCertificate(issued.certPem)).toEqual({
        subject: "CN=billing,O=acme",
        issuer: "CN=an authority",
        serial: certificate.serialNumber,
        notBefore,
        notAfter,
        daysLeft: 1,
        keyType,
        keyBits,
        keyUsage: ["digitalSignature"],
        extendedKeyUsage: ["clientAuth"],
        subjectAltNames: [],
        isCa: false,
        fingerprint256: certificate.fingerprint256,
      });
      expect(inspectCertificate(issued.der)).toEqual(inspectCertificate(Buffer.from(issued.certPem)));
    });
  }

  test("an authority tells that it is one", () => {
    expect(inspectCertificate(authority.caPem)).toMatchObject({
      isCa: true,
      keyUsage: ["keyCertSign", "cRLSign"],
      extendedKeyUsage: undefined,
    });
  });

  test("a certificate that is over counts days below zero", () => {
    const notAfter = new Date(Date.now() - 3_600_000);
    expect(inspectCertificate(authority.issue({ principal: "acme/x", notAfter }).certPem).daysLeft).toBe(-1);
  });

  test("a subject with separators and several values in one RDN is escaped as RFC 4514 has it", () => {
    const { certPem } = authority.issue({
      subject: [
        { type: "O", value: "Acme, Inc + Sons\n" },
        [
          { type: "OU", value: "a" },
          { type: "UID", value: "42" },
        ],
      ],
    });
    expect(inspectCertificate(certPem).subject).toBe("OU=a+UID=42,O=Acme\\, Inc \\+ Sons\\0A");
  });

  test("alternative names are listed one by one, also with commas in them, and unknown usages by their OID", () => {
    const { certPem } = authority.issue({
      principal: "acme/billing",
      names: ["a.example", "10.0.0.1", "fd00::1", "b.example, DNS:c.example"],
      usages: ["serverAuth", "1.2.3.4"],
    });
    expect(inspectCertificate(certPem)).toMatchObject({
      subjectAltNames: [
        "DNS:a.example",
        "IP Address:10.0.0.1",
        "IP Address:FD00:0:0:0:0:0:0:1",
        'DNS:"b.example\\u002c DNS:c.example"',
      ],
      extendedKeyUsage: ["serverAuth", "1.2.3.4"],
    });
  });

  test("a certificate without extensions restricts nothing", () => {
    const { der: whole } = authority.issue({
      principal: "acme/billing",
      usages: "none",
      isCa: "absent",
      keyUsage: "none",
    });
    expect(inspectCertificate(whole)).toMatchObject({ keyUsage: undefined, extendedKeyUsage: undefined });
  });

  test("every key usage has its name", () => {
    const { der: whole } = authority.issue({
      principal: "acme/billing",
      keyUsage: "none",
      extensions: [extension("2.5.29.15", der(derTag.bitString, Buffer.from([7, 0xff, 0x80])))],
    });
    expect(inspectCertificate(whole).keyUsage).toEqual([
      "digitalSignature",
      "nonRepudiation",
      "keyEncipherment",
      "dataEncipherment",
      "keyAgreement",
      "keyCertSign",
      "cRLSign",
      "encipherOnly",
      "decipherOnly",
    ]);
  });

  for (const [what, text] of [
    ["nothing", ""],
    ["text", "hello"],
    ["a broken certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],
    ["other DER", derSequence()],
  ] as const) {
    test(`${what} is refused as no certificate`, () => {
      expect(() => inspectCertificate(text)).toThrow(OperatorError);
    });
  }
});

import { generateKeyPairSync } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { readCertificate } from "../../src/identity/certificate.js";
import { requireClient, requireStrength, requireUnderstood } from "../../src/identity/fitness.js";
import { IdentityRefused } from "../../src/identity/index.js";
import { extension, type IssueOptions, TestAuthority } from "../support/certificates.js";
import { der, derSequence, derTag } from "../support/der.js";

let authority: TestAuthority;
beforeAll(async () => {
  authority = await TestAuthority.create();
});

/** "fit", or the problem and the reason. */
function judge(options: IssueOptions): string {
  const facts = readCertificate(authority.issue({ principal: "acme/billing", ...options }).der);
  try {
    requireStrength(facts);
    requireUnderstood(facts);
    requireClient(facts);
    return "fit";
  } catch (error) {
    if (!(error instanceof IdentityRefused)) throw error;
    return `${error.problem}: ${error.message}`;
  }
}

const ec = (namedCurve: string, paramEncoding: "named" | "explicit" = "named") =>
  generateKeyPairSync("ec", { namedCurve, paramEncoding });
const rsa = (modulusLength: number) => generateKeyPairSync("rsa", { modulusLength });
const keyUsage = (unused: number, ...bits: readonly number[]): IssueOptions => ({
  keyUsage: "none",
  extensions: [extension("2.5.29.15", der(derTag.bitString, Buffer.from([unused, ...bits])), true)],
});

describe("a certificate", () => {
  const certificates: readonly (readonly [what: string, options: () => IssueOptions, expected: string])[] = [
    ["with a P-256 key", () => ({ key: ec("P-256") }), "fit"],
    ["with a P-384 key", () => ({ key: ec("P-384") }), "fit"],
    ["with a P-521 key", () => ({ key: ec("P-521") }), "fit"],
    [
      "with a key that is strong enough, on a curve that TLS 1.3 does not know",
      () => ({ key: ec("secp256k1") }),
      "weak: the certificate has a key on a curve with which nobody signs in TLS 1.3 (1.3.132.0.10): P-256, P-384 and P-521 will do",
    ],
    [
      "with a P-192 key",
      () => ({ key: ec("prime192v1") }),
      "weak: the certificate has an EC key of 192 bits: at least 224 are needed",
    ],
    [
      "with a curve of its own",
      () => ({ key: ec("P-256", "explicit") }),
      "weak: the certificate has a key on a curve without a name",
    ],
    ["with an Ed25519 key", () => ({ key: "ed25519" }), "fit"],
    ["with an Ed448 key", () => ({ key: generateKeyPairSync("ed448") }), "fit"],
    ["with an RSA key", () => ({ key: "rsa" }), "fit"],
    ["with an RSA-PSS key", () => ({ key: generateKeyPairSync("rsa-pss", { modulusLength: 2048 }) }), "fit"],
    [
      "with an RSA key of 1024 bits",
      () => ({ key: rsa(1024) }),
      "weak: the certificate has an RSA key of 1024 bits: at least 2048 are needed",
    ],
    [
      "with an RSA key of one bit too few",
      () => ({ key: rsa(2047) }),
      "weak: the certificate has an RSA key of 2047 bits: at least 2048 are needed",
    ],
    [
      "with a short RSA-PSS key",
      () => ({ key: generateKeyPairSync("rsa-pss", { modulusLength: 1024 }) }),
      "weak: the certificate has an RSA key of 1024 bits: at least 2048 are needed",
    ],
    [
      "with a DSA key",
      () => ({ key: generateKeyPairSync("dsa", { modulusLength: 2048, divisorLength: 256 }) }),
      "weak: the certificate has a DSA key",
    ],
    [
      "with a key that cannot sign",
      () => ({ key: generateKeyPairSync("x25519") }),
      "weak: the certificate has a key of an unknown kind (1.3.101.110)",
    ],
    ["signed with SHA-1", () => ({ hash: "sha1" }), "weak: the certificate is signed with SHA-1"],
    ["for clients and servers", () => ({ usages: ["serverAuth", "clientAuth"] }), "fit"],
    ["without key usage", () => ({ keyUsage: "none" }), "fit"],
    ["without basic constraints", () => ({ isCa: "absent" }), "fit"],
    ["for servers only", () => ({ usages: ["serverAuth"] }), "wrong_usage: the certificate lacks the clientAuth usage"],
    [
      "for any usage",
      () => ({ usages: ["anyExtendedKeyUsage"] }),
      "wrong_usage: the certificate lacks the clientAuth usage",
    ],
    ["without usages", () => ({ usages: "none" }), "wrong_usage: the certificate lacks the clientAuth usage"],
    [
      "for key agreement only",
      () => keyUsage(3, 0x08),
      "wrong_usage: the certificate's key usage lacks digitalSignature",
    ],
    ["for nothing", () => keyUsage(0), "wrong_usage: the certificate's key usage lacks digitalSignature"],
    ["for signatures and more", () => keyUsage(5, 0xa0), "fit"],
    [
      "of an authority",
      () => ({ isCa: true }),
      "authority_as_client: the certificate is an authority's, not a client's",
    ],
    [
      "that may sign certificates",
      () => keyUsage(2, 0x84),
      "authority_as_client: the certificate's key usage is an authority's, not a client's",
    ],
    [
      "that may sign revocation lists",
      () => keyUsage(1, 0x82),
      "authority_as_client: the certificate's key usage is an authority's, not a client's",
    ],
    [
      "with a critical extension that nobody knows",
      () => ({ extensions: [extension("2.25.1", derSequence(), true)] }),
      "untrusted: the certificate has a critical extension that is unknown here (2.25.1)",
    ],
    [
      "with an extension that nobody needs to know",
      () => ({ extensions: [extension("2.25.1", derSequence())] }),
      "fit",
    ],
  ];
  test.each(certificates)("%s", (_, options, expected) => {
    expect(judge(options())).toBe(expected);
  });
});

test("an intermediate is called what it is in the refusal", () => {
  const facts = readCertificate(authority.issue({ principal: "acme/ca", isCa: true, hash: "sha1" }).der);
  expect(() => requireStrength(facts, "its issuer")).toThrow("its issuer is signed with SHA-1");
});

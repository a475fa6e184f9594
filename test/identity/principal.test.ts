import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { certificateFacts, IdentityRefused, IdentityRules } from "../../src/identity/index.js";
import { requireClient } from "../../src/identity/fitness.js";
import { Unauthenticated } from "../../src/errors.js";
import { formatPrincipal, isPrincipalName, isTenantName, type Principal } from "../../src/names.js";
import { extension, type IssueOptions, TestAuthority, type TestAttribute } from "../support/certificates.js";
import { der, derBoolean, derOid, derSequence, derTag, derTime } from "../support/der.js";

let authority: TestAuthority;
beforeAll(async () => {
  authority = await TestAuthority.create();
});

/** By the rule that is there without a file of rules. */
function principalOf(certificate: Buffer): Principal {
  const facts = certificateFacts(certificate);
  requireClient(facts);
  return IdentityRules.builtIn.evaluate(facts, []).principal;
}

/** The principal, or the reason against it. */
function judge(certificate: Buffer): string {
  try {
    return formatPrincipal(principalOf(certificate));
  } catch (error) {
    if (!(error instanceof IdentityRefused)) throw error;
    return error.message;
  }
}

const O = (value: string | Buffer, tag?: number): TestAttribute => attribute("O", value, tag);
const CN = (value: string | Buffer, tag?: number): TestAttribute => attribute("CN", value, tag);
const OU = (value: string): TestAttribute => attribute("OU", value);
function attribute(type: TestAttribute["type"], value: string | Buffer, tag?: number): TestAttribute {
  return tag === undefined ? { type, value } : { type, value, tag };
}

describe("a subject", () => {
  const subjects: readonly (readonly [
    what: string,
    subject: NonNullable<IssueOptions["subject"]>,
    principalOrReason: string,
  ])[] = [
    ["with O and CN", [O("acme"), CN("billing")], "acme/billing"],
    ["with CN before O", [CN("billing"), O("acme")], "acme/billing"],
    ["as PrintableString", [O("acme", derTag.printableString), CN("billing", derTag.printableString)], "acme/billing"],
    ["as IA5String", [O("acme", derTag.ia5String), CN("billing", derTag.ia5String)], "acme/billing"],
    ["with other attributes", [{ type: "C", value: "DE" }, OU("a"), O("acme"), OU("b"), CN("billing")], "acme/billing"],
    [
      "with a multi-valued RDN of others",
      [[OU("a"), { type: "UID", value: "42" }], O("acme"), CN("billing")],
      "acme/billing",
    ],
    ["with names of full length", [O("acme"), CN("a".repeat(63))], `acme/${"a".repeat(63)}`],
    ["that is empty", [], "the subject has no O value"],
    ["without O", [CN("billing")], "the subject has no O value"],
    ["without CN", [O("acme")], "the subject has no CN value"],
    ["with two O", [O("acme"), O("globex"), CN("billing")], "the subject has two O values"],
    ["with the same O twice", [O("acme"), O("acme"), CN("billing")], "the subject has two O values"],
    ["with three CN", [O("acme"), CN("a"), CN("b"), CN("c")], "the subject has 3 CN values"],
    ["with two CN in one RDN", [O("acme"), [CN("a"), CN("b")]], "the subject has two CN values"],
    ["with O beside OU in one RDN", [[O("acme"), OU("x")], CN("billing")], "O is in a multi-valued RDN"],
    ["with O beside CN in one RDN", [[O("acme"), CN("billing")]], "O is in a multi-valued RDN"],
    ["with CN beside OU in one RDN", [O("acme"), [CN("billing"), OU("x")]], "CN is in a multi-valued RDN"],
    ["of a company", [O("Acme Inc."), CN("billing")], 'O is not a valid tenant name: "Acme Inc."'],
    ["in upper case", [O("acme"), CN("Billing")], 'CN is not a valid principal name: "Billing"'],
    ["with an empty O", [O(""), CN("billing")], 'O is not a valid tenant name: ""'],
    ["with a name too long", [O("acme"), CN("a".repeat(64))], `CN is not a valid principal name: "${"a".repeat(64)}"`],
    [
      "with a name far too long",
      [O("acme"), CN("a".repeat(9000))],
      `CN is not a valid principal name: "${"a".repeat(64)}"...`,
    ],
    ["of the platform", [O("_system"), CN("root")], 'O is not a valid tenant name: "_system"'],
    ["called a role", [O("acme"), CN("role:producer")], 'CN is not a valid principal name: "role:producer"'],
    ["with a slash", [O("acme"), CN("a/b")], 'CN is not a valid principal name: "a/b"'],
    ["with dots", [O(".."), CN("billing")], 'O is not a valid tenant name: ".."'],
    ["with a null byte", [O("acme\0"), CN("billing")], 'O is not a valid tenant name: "acme\\u0000"'],
    ["with a line break", [O("acme\n"), CN("billing")], 'O is not a valid tenant name: "acme\\u000a"'],
    ["with a quote and a backslash", [O('"\\'), CN("billing")], 'O is not a valid tenant name: "\\u0022\\u005c"'],
    ["with a Cyrillic a", [O("аcme"), CN("billing")], 'O is not a valid tenant name: "\\u0430cme"'],
    ["that is not UTF-8", [O(Buffer.from([0x61, 0xff])), CN("billing")], 'O is no text of its kind: "a\\xff"'],
    [
      "that begins with a byte order mark",
      [O("\ufeffacme"), CN("billing")],
      'O is not a valid tenant name: "\\ufeffacme"',
    ],
    [
      "as PrintableString with odd bytes",
      [O(Buffer.from([0x61, 0xe9]), derTag.printableString), CN("billing")],
      'O is no text of its kind: "a\\xe9"',
    ],
    [
      "as BMPString",
      [O("acme"), CN(Buffer.from("billing", "utf16le").swap16(), derTag.bmpString)],
      "CN is encoded as BMPString",
    ],
    ["as TeletexString", [O("acme", derTag.teletexString), CN("billing")], "O is encoded as TeletexString"],
    ["as UniversalString", [O("acme", derTag.universalString), CN("billing")], "O is encoded as UniversalString"],
    ["as something else", [O("acme"), CN("billing", derTag.octetString)], "CN is encoded as tag 0x04"],
    [
      "that spells another RDN in its text",
      [O("acme"), CN("billing,O=globex")],
      'CN is not a valid principal name: "billing,O=globex"',
    ],
  ];
  for (const [what, subject, expected] of subjects) {
    test(`${what}: ${expected.slice(0, 80)}`, () => {
      expect(judge(authority.issue({ subject }).der)).toBe(expected);
    });
  }

  test("makes a principal exactly when both names are valid", () => {
    const nearlyAName = fc.string({
      unit: fc.constantFrom("a", "c", "m", "e", "-", ".", "_", "0", " ", "A", "/", "é"),
      maxLength: 6,
    });
    fc.assert(
      fc.property(fc.oneof(fc.constant("acme"), nearlyAName), nearlyAName, (tenant, name) => {
        const isOne = isTenantName(tenant) && isPrincipalName(name);
        const answer = judge(authority.issue({ subject: [O(tenant), CN(name)] }).der);
        expect(answer === `${tenant}/${name}`).toBe(isOne);
        expect(answer).toMatch(/^[\x20-\x7e]{1,200}$/);
      }),
      { numRuns: 300 },
    );
  });
});

describe("a certificate", () => {
  const certificates: readonly (readonly [what: string, options: Omit<IssueOptions, "principal">, expected: string])[] =
    [
      ["with an RSA key", { key: "rsa" }, "acme/billing"],
      ["with a P-256 key", { key: "ec" }, "acme/billing"],
      ["with an Ed25519 key", { key: "ed25519" }, "acme/billing"],
      ["for clients and servers", { usages: ["serverAuth", "clientAuth"] }, "acme/billing"],
      ["for servers only", { usages: ["serverAuth"] }, "the certificate lacks the clientAuth usage"],
      ["for any usage", { usages: ["anyExtendedKeyUsage"] }, "the certificate lacks the clientAuth usage"],
      ["for any usage and clients", { usages: ["anyExtendedKeyUsage", "clientAuth"] }, "acme/billing"],
      ["without usages", { usages: "none" }, "the certificate lacks the clientAuth usage"],
      ["with an empty list of usages", { usages: [] }, "the certificate lacks the clientAuth usage"],
      ["of an authority", { isCa: true }, "the certificate is an authority's, not a client's"],
      ["without basic constraints", { isCa: "absent" }, "acme/billing"],
      [
        "that writes its default out",
        { isCa: "absent", extensions: [extension("2.5.29.19", derSequence(derBoolean(false)))] },
        "acme/billing",
      ],
      [
        "with a path length and no authority",
        { isCa: "absent", extensions: [extension("2.5.29.19", derSequence(der(derTag.integer, Buffer.from([0]))))] },
        "acme/billing",
      ],
      [
        "with two lists of usages",
        { extensions: [extension("2.5.29.37", derSequence(derOid("1.3.6.1.5.5.7.3.2")))] },
        "the certificate is malformed: extension 2.5.29.37 stands in it twice",
      ],
      [
        "that is an authority in the second of two constraints",
        { extensions: [extension("2.5.29.19", derSequence(derBoolean(true)))] },
        "the certificate is malformed: extension 2.5.29.19 stands in it twice",
      ],
      [
        "with basic constraints that are not DER",
        { isCa: "absent", extensions: [extension("2.5.29.19", Buffer.from("30030101", "hex"))] },
        "the certificate is malformed: a length beyond the end",
      ],
      [
        "that is an authority by a boolean of 01",
        { isCa: "absent", extensions: [extension("2.5.29.19", derSequence(der(derTag.boolean, Buffer.from([1]))))] },
        "the certificate is malformed: a malformed boolean",
      ],
      [
        "with an unknown extension",
        { extensions: [extension("2.25.1", Buffer.from("anything"), true)] },
        "acme/billing",
      ],
    ];
  for (const [what, options, expected] of certificates) {
    test(`${what}: ${expected}`, () => {
      expect(judge(authority.issue({ principal: "acme/billing", ...options }).der)).toBe(expected);
    });
  }

  test("whose days are over still names its bearer: TLS judges the time", () => {
    const notAfter = new Date(Date.now() - 1000);
    expect(judge(authority.issue({ principal: "acme/billing", notAfter }).der)).toBe("acme/billing");
  });

  test("that something follows is refused", () => {
    const { der: certificate } = authority.issue({ principal: "acme/billing" });
    expect(judge(Buffer.concat([certificate, Buffer.from([0])]))).toBe(
      "the certificate is malformed: something follows the certificate",
    );
  });

  test("of the first version, which has no extensions, is refused", () => {
    const name = (oid: string, value: string) =>
      der(derTag.set, derSequence(derOid(oid), der(derTag.utf8String, Buffer.from(value))));
    const algorithm = derSequence(derOid("1.2.840.10045.4.3.2"));
    const signed = derSequence(
      der(derTag.integer, Buffer.from([1])),
      algorithm,
      derSequence(),
      derSequence(derTime(new Date("2026-01-01")), derTime(new Date("2027-01-01"))),
      derSequence(name("2.5.4.10", "acme"), name("2.5.4.3", "billing")),
      generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "der" }),
    );
    const certificate = derSequence(signed, algorithm, der(derTag.bitString, Buffer.from([0])));
    expect(judge(certificate)).toBe("the certificate lacks the clientAuth usage");
  });

  test("is refused as UNAUTHENTICATED, and its principal cannot be changed", () => {
    expect(() => principalOf(Buffer.alloc(0))).toThrow(Unauthenticated);
    const principal = principalOf(authority.issue({ principal: "acme/billing" }).der);
    expect(principal).toEqual({ tenant: "acme", name: "billing" });
    expect(principal).toSatisfy(Object.isFrozen);
  });
});

describe("bytes that are not quite a certificate", () => {
  const name = "[a-z0-9][a-z0-9._-]{0,62}";
  const isPrincipal = new RegExp(`^${name}/${name}$`);
  const principalOrRefusal = new RegExp(`^(?:${name}/${name}|[A-Za-z][\\x20-\\x7e]*)$`);

  test("cut at any length are refused", () => {
    const { der: certificate } = authority.issue({ principal: "acme/billing" });
    for (let length = 0; length < certificate.length; length++) {
      expect(judge(certificate.subarray(0, length)), `cut at ${length}`).toMatch(/^the certificate is malformed/);
    }
  });

  for (const key of ["ec", "rsa"] as const) {
    test(`changed in any one byte (${key}) give a refusal, or the name that they then spell`, () => {
      const { der: certificate } = authority.issue({ principal: "acme/billing", key });
      const [tenantAt, nameAt] = [certificate.indexOf("acme"), certificate.indexOf("billing")];
      for (let at = 0; at < certificate.length; at++) {
        for (const flip of [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff]) {
          const changed = Buffer.from(certificate);
          changed[at]! ^= flip;
          const answer = judge(changed);
          expect(answer).toMatch(principalOrRefusal);
          const tenant = changed.toString("latin1", tenantAt, tenantAt + "acme".length);
          const name = changed.toString("latin1", nameAt, nameAt + "billing".length);
          if (isPrincipal.test(answer)) expect(answer, `byte ${at} ^ ${flip}`).toBe(`${tenant}/${name}`);
        }
      }
    });
  }

  test("of any kind are refused and nothing worse", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(judge(Buffer.from(bytes))).toMatch(/^the certificate is malformed/);
      }),
      { numRuns: 2_000 },
    );
  });

  test("with stretches replaced, doubled or left out never give anything but valid names", () => {
    const { der: certificate } = authority.issue({ principal: "acme/billing" });
    const at = fc.nat({ max: certificate.length });
    fc.assert(
      fc.property(at, at, at, fc.uint8Array({ maxLength: 20 }), (one, other, into, junk) => {
        const stretch = certificate.subarray(Math.min(one, other), Math.max(one, other));
        const changed = Buffer.concat([certificate.subarray(0, into), junk, stretch, certificate.subarray(into)]);
        expect(judge(changed)).toMatch(principalOrRefusal);
        expect(judge(Buffer.concat([certificate.subarray(0, one), junk, certificate.subarray(other)]))).toMatch(
          principalOrRefusal,
        );
      }),
      { numRuns: 2_000 },
    );
  });
});

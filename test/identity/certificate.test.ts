import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { readKey, readSignatureAlgorithm } from "../../src/identity/algorithms.js";
import { certificateFacts, fingerprint256, readCertificate } from "../../src/identity/certificate.js";
import { DerError, decodeTime, DerReader } from "../../src/identity/der.js";
import { formatName } from "../../src/identity/distinguished-name.js";
import { IdentityRefused } from "../../src/identity/index.js";
import { extension, type IssueOptions, TestAuthority } from "../support/certificates.js";
import { der, derBoolean, derOid, derSequence, derTag, derTime } from "../support/der.js";

let authority: TestAuthority;
beforeAll(async () => {
  authority = await TestAuthority.create();
});

const issue = (options: IssueOptions = {}) => authority.issue({ principal: "acme/billing", ...options });
const factsOf = (options: IssueOptions = {}) => readCertificate(issue(options).der);

const names = (...general: readonly Buffer[]) => extension("2.5.29.17", derSequence(...general));
const usage = (...bits: readonly number[]) => extension("2.5.29.15", der(derTag.bitString, Buffer.from(bits)));
const constraints = (...content: readonly Buffer[]) => extension("2.5.29.19", derSequence(...content));

/** Node writes each part of a name on a line of its own, the first one first. */
const linesOf = (subject: string) => subject.split("\n").reverse().join(",");

describe("a certificate says the same here as to OpenSSL", () => {
  const keys = {
    "P-256": generateKeyPairSync("ec", { namedCurve: "P-256" }),
    "P-384": generateKeyPairSync("ec", { namedCurve: "P-384" }),
    "P-521": generateKeyPairSync("ec", { namedCurve: "P-521" }),
    brainpoolP256r1: generateKeyPairSync("ec", { namedCurve: "brainpoolP256r1" }),
    "RSA 1024": generateKeyPairSync("rsa", { modulusLength: 1024 }),
    "RSA 2048": generateKeyPairSync("rsa", { modulusLength: 2048 }),
    "RSA 2049": generateKeyPairSync("rsa", { modulusLength: 2049 }),
    "RSA-PSS": generateKeyPairSync("rsa-pss", {
      modulusLength: 2048,
      hashAlgorithm: "sha256",
      mgf1HashAlgorithm: "sha256",
    }),
    Ed25519: generateKeyPairSync("ed25519"),
    Ed448: generateKeyPairSync("ed448"),
    DSA: generateKeyPairSync("dsa", { modulusLength: 1024, divisorLength: 160 }),
  };
  test.each(Object.entries(keys))("with a key of %s", (_, key) => {
    const { der: bytes } = issue({ key });
    const node = new X509Certificate(bytes);
    const facts = readCertificate(bytes);
    expect(facts.serial).toBe(node.serialNumber);
    expect(formatName(facts.subject)).toBe(linesOf(node.subject));
    expect(formatName(facts.issuer)).toBe(linesOf(node.issuer));
    expect(facts.notBeforeMs).toBe(Date.parse(node.validFrom));
    expect(facts.notAfterMs).toBe(Date.parse(node.validTo));
    expect(facts.key.kind).toBe(node.publicKey.asymmetricKeyType);
    const { modulusLength, namedCurve } = node.publicKey.asymmetricKeyDetails ?? {};
    const curveBits = namedCurve === undefined ? 0 : Number(/\d{3}/.exec(namedCurve)?.[0] ?? 256);
    expect(facts.key.bits).toBe(modulusLength ?? curveBits);
    expect(facts.key.hasBadExponent).toBe(false);
    expect(facts.signature).toEqual({ oid: "1.2.840.10045.4.3.2", hash: "SHA-256" });
    expect(fingerprint256(bytes)).toBe(node.fingerprint256);
  });

  test.each(["01", "7f", "00ff", "0080", "00", "ff", "80", "ff7f", "8000", `7f${"ff".repeat(19)}`])(
    "with serial number %s",
    (hex) => {
      const { der: bytes } = issue({ serial: Buffer.from(hex, "hex") });
      expect(readCertificate(bytes).serial).toBe(new X509Certificate(bytes).serialNumber);
    },
  );

  test.each([
    "1950-01-01T00:00:00Z",
    "1999-12-31T23:59:59Z",
    "2049-12-31T23:59:59Z",
    "2050-01-01T00:00:00Z",
    "2124-02-29T00:00:00Z",
    "9999-12-31T23:59:59Z",
  ])("that ends on %s", (day) => {
    const { der: bytes } = issue({ notBefore: new Date("1950-01-01"), notAfter: new Date(day) });
    expect(readCertificate(bytes).notAfterMs).toBe(Date.parse(day));
    expect(Date.parse(new X509Certificate(bytes).validTo)).toBe(Date.parse(day));
  });
});

describe("what a certificate may be used for", () => {
  test("is read from its extensions", () => {
    const facts = factsOf({ usages: ["clientAuth", "1.2.3.4"] });
    expect(facts.keyUsage).toEqual(new Set(["digitalSignature"]));
    expect(facts.extendedKeyUsage).toEqual(["1.3.6.1.5.5.7.3.2", "1.2.3.4"]);
    expect(facts.basicConstraints).toEqual({ isCa: false, pathLength: undefined });
    expect(facts.criticalExtensions).toEqual(["2.5.29.15", "2.5.29.19"]);
  });

  test("is not restricted where it has none", () => {
    const facts = factsOf({ keyUsage: "none", usages: "none", isCa: "absent" });
    expect(facts).toMatchObject({
      keyUsage: undefined,
      extendedKeyUsage: undefined,
      basicConstraints: undefined,
      criticalExtensions: [],
    });
  });

  test("has each bit of the key usage under its name", () => {
    const all = factsOf({ keyUsage: "none", extensions: [usage(7, 0xff, 0x80)] }).keyUsage;
    expect([...all!]).toEqual([
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
    expect(factsOf({ keyUsage: "none", extensions: [usage(1, 0x06)] }).keyUsage).toEqual(
      new Set(["keyCertSign", "cRLSign"]),
    );
    expect(factsOf({ keyUsage: "none", extensions: [usage(0)] }).keyUsage).toEqual(new Set());
  });

  test("says how long a chain may go on below an authority", () => {
    const zero = [derBoolean(true), der(derTag.integer, Buffer.from([0]))];
    expect(factsOf({ isCa: "absent", extensions: [constraints(...zero)] }).basicConstraints).toEqual({
      isCa: true,
      pathLength: 0,
    });
  });

  const malformed: readonly (readonly [what: string, options: IssueOptions, problem: string])[] = [
    [
      "a key usage that is no bit string",
      { keyUsage: "none", extensions: [extension("2.5.29.15", derBoolean(true))] },
      "tag 0x01 in place of the key usage",
    ],
    ["an empty bit string", { keyUsage: "none", extensions: [usage()] }, "a malformed bit string"],
    ["a bit string with 8 unused bits", { keyUsage: "none", extensions: [usage(8, 0x80)] }, "a malformed bit string"],
    ["a bit string of unused bits alone", { keyUsage: "none", extensions: [usage(7)] }, "a malformed bit string"],
    [
      "a bit string with unused bits set",
      { keyUsage: "none", extensions: [usage(7, 0x81)] },
      "a bit string whose unused bits are set",
    ],
    [
      "an endless bit string",
      { keyUsage: "none", extensions: [usage(0, ...new Array<number>(100).fill(1))] },
      "a malformed bit string",
    ],
    [
      "a negative path length",
      { isCa: "absent", extensions: [constraints(derBoolean(true), der(derTag.integer, Buffer.from([0xff])))] },
      "a number below zero",
    ],
    [
      "an enormous path length",
      { isCa: "absent", extensions: [constraints(derBoolean(true), der(derTag.integer, Buffer.from([1, 0, 0])))] },
      "a number that is too large",
    ],
    [
      "a usage that is no OID",
      { usages: "none", extensions: [extension("2.5.29.37", derSequence(derBoolean(true)))] },
      "tag 0x01 in place of a usage",
    ],
    [
      "an alternative name of an unknown kind",
      { extensions: [names(der(0x89, Buffer.from("a")))] },
      "tag 0x89 in place of an alternative name",
    ],
    [
      "alternative names behind which something follows",
      { extensions: [extension("2.5.29.17", Buffer.concat([derSequence(), Buffer.from([0])]))] },
      "something follows the alternative names",
    ],
    [
      "two lists of alternative names",
      { names: ["a.example"], extensions: [names(der(0x82, Buffer.from("b.example")))] },
      "extension 2.5.29.17 stands in it twice",
    ],
    ["a serial number that is padded", { serial: Buffer.from([0, 1]) }, "a number that is padded"],
    ["an empty serial number", { serial: Buffer.alloc(0) }, "a number that is empty or absurd"],
    ["an endless serial number", { serial: Buffer.alloc(65, 1) }, "a number that is empty or absurd"],
  ];
  test.each(malformed)("is refused with %s", (_, options, problem) => {
    expect(() => certificateFacts(issue(options).der)).toThrow(`the certificate is malformed: ${problem}`);
    expect(() => certificateFacts(issue(options).der)).toThrow(IdentityRefused);
  });

  test("is refused with more bytes than a certificate has", () => {
    expect(() => factsOf({ extensions: [extension("2.25.1", Buffer.alloc(65_536))] })).toThrow("more bytes");
  });

  test.each([
    [0, 1],
    [1, 2],
    [3, 4],
  ])("is refused with extensions where its version is written as %i", (written, version) => {
    const { der: bytes } = issue();
    bytes[bytes.indexOf("a003020102", "hex") + 4] = written;
    expect(() => certificateFacts(bytes)).toThrow(`extensions in a certificate of version ${version}`);
  });

  test("is refused when two algorithms are named for one signature", () => {
    const { der: bytes } = issue();
    const algorithm = derOid("1.2.840.10045.4.3.2");
    const second = bytes.lastIndexOf(algorithm);
    bytes[second + algorithm.length - 1] = 3;
    expect(() => readCertificate(bytes)).toThrow("two different algorithms of the signature");
  });
});

test("alternative names come by their kinds, as they are written", () => {
  const facts = factsOf({
    extensions: [
      names(
        der(0x86, Buffer.from("spiffe://a/b")),
        der(0x82, Buffer.from("A.example\0")),
        der(0x81, Buffer.from("x@y")),
        der(0x86, Buffer.from("urn:x")),
        der(0x87, Buffer.from([127, 0, 0, 1])),
        der(0xa0, derOid("1.2.3")),
        der(0xa4, derSequence()),
      ),
    ],
  });
  expect(facts.alternativeNames).toEqual({
    uris: [Buffer.from("spiffe://a/b"), Buffer.from("urn:x")],
    dnsNames: [Buffer.from("A.example\0")],
    emails: [Buffer.from("x@y")],
    all: [0x86, 0x82, 0x81, 0x86, 0x87, 0xa0, 0xa4].map((tag) => expect.objectContaining({ tag }) as object),
  });
  expect(factsOf().alternativeNames).toEqual({ uris: [], dnsNames: [], emails: [], all: [] });
});

describe("a key", () => {
  const modulus = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "jwk" }).n!;
  const rsa = (exponent: readonly number[]) =>
    derSequence(
      derSequence(derOid("1.2.840.113549.1.1.1"), der(0x05)),
      der(
        derTag.bitString,
        Buffer.from([0]),
        derSequence(
          der(derTag.integer, Buffer.from([0]), Buffer.from(modulus, "base64url")),
          der(derTag.integer, Buffer.from(exponent)),
        ),
      ),
    );
  test.each([
    [[1], true],
    [[2], true],
    [[1, 0, 0], true],
    [[0xff], true],
    [[3], false],
    [[1, 0, 1], false],
  ])("of RSA with the bytes %j for an exponent: is bad, %s", (exponent, isBad) => {
    expect(readKey(rsa(exponent))).toMatchObject({ kind: "rsa", bits: 2048, hasBadExponent: isBad });
  });

  test("on a curve that it describes by itself has no curve", () => {
    const keys = generateKeyPairSync("ec", { namedCurve: "P-256", paramEncoding: "explicit" });
    expect(factsOf({ key: keys }).key).toMatchObject({ kind: "ec", curve: undefined, bits: 256 });
  });
});

describe("the hash of a signature", () => {
  const pss = (...parameters: readonly Buffer[]) => derSequence(derOid("1.2.840.113549.1.1.10"), ...parameters);
  const hash = (oid: string) => der(0xa0, derSequence(derOid(oid)));
  test.each([
    ["SHA-256 with RSA", derSequence(derOid("1.2.840.113549.1.1.11"), der(0x05)), "SHA-256"],
    ["SHA-1 with RSA", derSequence(derOid("1.2.840.113549.1.1.5"), der(0x05)), "SHA-1"],
    ["Ed25519", derSequence(derOid("1.3.101.112")), "built in"],
    ["RSA-PSS with SHA-384", pss(derSequence(hash("2.16.840.1.101.3.4.2.2"))), "SHA-384"],
    ["RSA-PSS that names no hash", pss(derSequence()), "SHA-1"],
    ["RSA-PSS without parameters", pss(), "SHA-1"],
    ["RSA-PSS with an unknown hash", pss(derSequence(hash("1.2.3"))), undefined],
    ["something unknown", derSequence(derOid("1.2.3")), undefined],
  ])("of %s", (_, algorithm, expected) => {
    expect(readSignatureAlgorithm(algorithm).hash).toBe(expected);
  });
});

describe("a time", () => {
  const read = (tag: number, text: string) => decodeTime(new DerReader(der(tag, Buffer.from(text))).next());
  test.each([
    [derTag.utcTime, "2602280000Z"],
    [derTag.utcTime, "260230000000Z"],
    [derTag.utcTime, "261301000000Z"],
    [derTag.utcTime, "260001000000Z"],
    [derTag.utcTime, "260200000000Z"],
    [derTag.utcTime, "260431000000Z"],
    [derTag.utcTime, "270229000000Z"],
    [derTag.utcTime, "260228006000Z"],
    [derTag.utcTime, "2 0228000000Z"],
    [derTag.utcTime, "26022800000:Z"],
    [derTag.generalizedTime, "21000229000000Z"],
    [derTag.utcTime, "260228240000Z"],
    [derTag.utcTime, "260228000060Z"],
    [derTag.utcTime, "260228000000+0100"],
    [derTag.utcTime, "260228000000Z\n"],
    [derTag.utcTime, "20260228000000Z"],
    [derTag.generalizedTime, "260228000000Z"],
    [derTag.generalizedTime, "20260228000000.5Z"],
    [derTag.generalizedTime, "20260228000000"],
    [derTag.utf8String, "260228000000Z"],
    [derTag.utcTime, ""],
  ])("is refused: tag %i, %j", (tag, text) => {
    expect(() => read(tag, text)).toThrow(DerError);
  });

  test("is that of its year whatever the century", () => {
    const before = Buffer.from(derTime(new Date("2049-12-31T23:59:59Z")));
    expect(decodeTime(new DerReader(before).next())).toBe(Date.parse("2049-12-31T23:59:59Z"));
    expect(read(derTag.generalizedTime, "00010101000000Z")).toBe(Date.parse("0001-01-01T00:00:00Z"));
    expect(read(derTag.generalizedTime, "20000229235959Z")).toBe(Date.parse("2000-02-29T23:59:59Z"));
  });
});

describe("a name is shown", () => {
  const subjects: readonly (readonly [what: string, subject: NonNullable<IssueOptions["subject"]>, shown: string])[] = [
    [
      "with its last part first",
      [
        { type: "O", value: "acme" },
        { type: "CN", value: "billing" },
      ],
      "CN=billing,O=acme",
    ],
    [
      "with all of a part together",
      [
        [
          { type: "OU", value: "b" },
          { type: "OU", value: "a" },
        ],
      ],
      "OU=a+OU=b",
    ],
    [
      "with what stands for something escaped",
      [{ type: "CN", value: 'a,b+c"d\\e<f>g;h' }],
      'CN=a\\,b\\+c\\"d\\\\e\\<f\\>g\\;h',
    ],
    ["with blanks at its ends escaped", [{ type: "CN", value: " a b " }], "CN=\\ a b\\ "],
    ["on one line", [{ type: "CN", value: "a\nO=globex\0" }], "CN=a\\0AO=globex\\00"],
    ["in ASCII", [{ type: "CN", value: "аcme" }], "CN=\\D0\\B0cme"],
    ["with the OID of what has no short name", [{ type: "2.5.4.97", value: "x" }], "2.5.4.97=x"],
    ["empty", [], ""],
    ["cut", [{ type: "CN", value: "a".repeat(9000) }], `CN=${"a".repeat(509)}...`],
  ];
  test.each(subjects)("%s", (_, subject, shown) => {
    expect(formatName(factsOf({ subject }).subject)).toBe(shown);
  });
});

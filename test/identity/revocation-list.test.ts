import { type KeyObject, X509Certificate, generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { RevocationListError, readRevocationList } from "../../src/identity/index.js";
import { extension } from "../support/certificates.js";
import { der, derOid, derSequence, derTag } from "../support/der.js";
import { type ListOptions, MintedAuthority } from "../support/minted.js";

const keyOf = (authority: MintedAuthority): KeyObject => new X509Certificate(authority.der).publicKey;
const hex = (serial: Buffer): string => serial.toString("hex").toUpperCase();
const serials = [1, 2, 3].map((last) => Buffer.from([0x41, 0x42, last]));

describe.each(["ec", "rsa", "rsa-pss", "ed25519"] as const)("a list that is signed with %s", (signing) => {
  const authority = new MintedAuthority({ signing });
  const der = authority.list({ revoked: serials, number: 7 });

  test("is its authority's, and no other's", async () => {
    const list = await readRevocationList(der);
    const other = new MintedAuthority({ signing: signing === "ed25519" ? "ec" : "ed25519" });
    const sameKind = new MintedAuthority({ signing: "ec" });
    expect(list.isSignedBy(keyOf(authority))).toBe(true);
    expect(await list.checkSignedBy(keyOf(authority))).toBe(true);
    for (const wrong of [other, sameKind]) {
      expect(list.isSignedBy(keyOf(wrong))).toBe(false);
      expect(await list.checkSignedBy(keyOf(wrong))).toBe(false);
    }
    expect(list).toMatchObject({ number: 7n, size: 3 });
    expect(serials.map((serial) => list.reasonOf(hex(serial)))).toEqual(Array(3).fill("unspecified"));
    expect(list.reasonOf("414204")).toBeUndefined();
  });

  test("is refused, or signed by nobody, wherever a bit of it flips and wherever it is cut", async () => {
    const key = keyOf(authority);
    const isBelieved = async (bytes: Buffer): Promise<boolean> => {
      try {
        return (await readRevocationList(bytes)).isSignedBy(key);
      } catch (error) {
        expect(error).toBeInstanceOf(RevocationListError);
        return false;
      }
    };
    // Every bit of one kind; of the others one of each byte.
    const bits = Array.from({ length: der.length * 8 }, (_, bit) => bit);
    for (const bit of bits.filter((bit) => signing === "ec" || bit % 8 === (bit >> 3) % 8)) {
      const flipped = Buffer.from(der);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(await isBelieved(flipped), `bit ${bit}`).toBe(false);
    }
    for (let end = 0; end < der.length; end++) expect(await isBelieved(der.subarray(0, end)), `${end}`).toBe(false);
    expect(await isBelieved(Buffer.concat([der, Buffer.from([0])]))).toBe(false);
    expect(await isBelieved(der)).toBe(true);
  });
});

test("a key that says how it signs has not signed otherwise", async () => {
  const options = { modulusLength: 2048, hashAlgorithm: "sha384", mgf1HashAlgorithm: "sha384" };
  const { publicKey } = generateKeyPairSync("rsa-pss", options);
  const list = await readRevocationList(new MintedAuthority({ signing: "rsa-pss" }).list());
  expect(list.isSignedBy(publicKey)).toBe(false);
  expect(await list.checkSignedBy(publicKey)).toBe(false);
});

describe("what a list says", () => {
  const authority = new MintedAuthority();
  const read = (options: ListOptions) => readRevocationList(authority.list(options));
  const serial = serials[0]!;

  test.each([
    [1, "keyCompromise"],
    [6, "certificateHold"],
    [8, undefined],
  ])("reason %i of an entry is %s", async (reason, expected) => {
    expect((await read({ revoked: [{ serial, reason }] })).reasonOf(hex(serial))).toBe(expected);
  });

  test("an entry that takes a certificate off the list does not undo another that puts it there", async () => {
    const list = await read({ revoked: [serial, { serial, reason: 8 }] });
    expect(list.reasonOf(hex(serial))).toBe("unspecified");
  });

  test("each entry for itself, with a reason, another one, or none", async () => {
    const [first, second, third] = serials as [Buffer, Buffer, Buffer];
    const revoked = [{ serial: first, reason: 1 }, second, { serial: third, reason: 4 }];
    const list = await read({ revoked });
    const reasons = serials.map((each) => list.reasonOf(hex(each)));
    expect(reasons).toEqual(["keyCompromise", "unspecified", "superseded"]);
  });

  test("without entries, without number and without an end", async () => {
    const list = await read({ nextUpdate: "none" });
    expect(list).toMatchObject({ size: 0, number: undefined, nextUpdateMs: undefined });
    expect(list.reasonOf(hex(serial))).toBeUndefined();
  });

  test("a part of an authority's certificates has its own scope", async () => {
    const point = derSequence(
      der(0xa0, der(0xa0, der(0x86, Buffer.from("http://ca.example/1.crl")))),
      der(0x81, Buffer.from([0xff])),
    );
    const list = await read({ revoked: [serial], extensions: [extension("2.5.29.28", point, true)] });
    expect(list.scope.length).toBeGreaterThan(0);
    expect(list.reasonOf(hex(serial))).toBe("unspecified");
  });

  const flag = (tag: number) => extension("2.5.29.28", derSequence(der(tag, Buffer.from([0xff]))), true);
  const odd = extension("1.2.3.4", Buffer.from([5, 0]), true);
  test.each<[string, ListOptions, RegExp]>([
    ["an unknown critical extension", { extensions: [odd] }, /critical extension .* 1\.2\.3\.4/],
    ["a delta", { extensions: [extension("2.5.29.27", der(derTag.integer, Buffer.from([1])), true)] }, /delta/],
    ["certificates of other issuers", { extensions: [flag(0x84)] }, /other issuers/],
    ["attribute certificates", { extensions: [flag(0x85)] }, /attribute certificates/],
    ["some reasons only", { extensions: [flag(0x83)] }, /some of the reasons/],
    [
      "an entry of another issuer",
      { revoked: [{ serial, extensions: [extension("2.5.29.29", derSequence(), true)] }] },
      /2\.5\.29\.29/,
    ],
    ["a reason that is none", { revoked: [{ serial, reason: 7 }] }, /reason that is none/],
    ["a signature with SHA-1", { algorithm: derSequence(derOid("1.2.840.10045.4.1")) }, /SHA-1, which is too weak/],
    [
      "a signature of no known kind",
      { algorithm: derSequence(derOid("1.2.3")) },
      /1\.2\.3, which is too weak or not known/,
    ],
    ["an extension twice", { extensions: [odd, odd].map(() => extension("2.5.29.46", derSequence())) }, /twice/],
  ])("%s: refused", async (_, options, problem) => {
    const refused = await read(options).then(undefined, (error: unknown) => error);
    expect(refused).toBeInstanceOf(RevocationListError);
    expect((refused as Error).message).toMatch(problem);
  });
});

test("a list of 100,000 entries does not keep the event loop for long", async () => {
  const authority = new MintedAuthority();
  const many = Array.from({ length: 100_000 }, (_, at) => {
    const serial = Buffer.alloc(8, 0x40);
    serial.writeUInt32BE(at, 4);
    return { serial, reason: 1 };
  });
  const bytes = authority.list({ revoked: many });
  // By what the processor does: how long a turn takes on a machine that others use says nothing.
  let turns = 0;
  let longestMs = 0;
  let before = process.cpuUsage();
  let isOver = false;
  const beat = (): void => {
    const { user, system } = process.cpuUsage(before);
    before = process.cpuUsage();
    longestMs = Math.max(longestMs, (user + system) / 1000);
    turns++;
    if (!isOver) setImmediate(beat);
  };
  setImmediate(beat);
  const list = await readRevocationList(bytes);
  isOver = true;
  expect(list.size).toBe(100_000);
  expect(list.reasonOf(hex(many[99_999]!.serial))).toBe("keyCompromise");
  expect(turns).toBeGreaterThan(10);
  expect(longestMs).toBeLessThan(60);
  expect(await list.checkSignedBy(keyOf(authority))).toBe(true);
});

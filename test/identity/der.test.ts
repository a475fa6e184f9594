import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DerError, DerReader, decodeBoolean, decodeOid, tags } from "../../src/identity/der.js";
import { der, derOid } from "../support/der.js";

const read = (hex: string) => new DerReader(Buffer.from(hex, "hex")).next();

describe("an element", () => {
  const refused = [
    ["", "nothing at all"],
    ["04", "a tag without a length"],
    ["0402ff", "a length beyond the end"],
    ["0480ffff0000", "the indefinite length"],
    ["048101ff", "a length of one in two bytes"],
    ["04817fff", "a length of 127 in two bytes"],
    ["04820080ff", "a length with a leading zero"],
    ["0485000000000100", "a length of five bytes"],
    ["0484ffffffff00", "a length of four gigabytes"],
    ["04ff00", "the reserved length"],
    ["0482", "a length that is cut short"],
    ["1f0100", "a tag in the long form"],
    ["bf0100", "a context tag in the long form"],
  ] as const;
  for (const [hex, what] of refused) {
    test(`is refused: ${what}`, () => {
      expect(() => read(hex)).toThrow(DerError);
    });
  }

  test("of any length below the limit reads back as it was written", () => {
    for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536, 1 << 20]) {
      const content = Buffer.alloc(length, 7);
      const reader = new DerReader(der(tags.octetString, content));
      expect(reader.expect(tags.octetString, "text").equals(content), `${length} bytes`).toBe(true);
      expect(reader.atEnd).toBe(true);
    }
  });

  test("with another tag than expected is refused, and stays unread when it is optional", () => {
    const reader = new DerReader(der(tags.integer, Buffer.from([5])));
    expect(reader.optional(tags.boolean)).toBeUndefined();
    expect(() => new DerReader(der(tags.integer, Buffer.from([5]))).expect(tags.oid, "a type")).toThrow(DerError);
    expect(reader.expect(tags.integer, "a number")).toEqual(Buffer.from([5]));
    expect(reader.optional(tags.integer)).toBeUndefined();
  });

  test("that something follows is refused where nothing may follow", () => {
    const reader = new DerReader(Buffer.concat([der(tags.integer, Buffer.from([5])), Buffer.from([0])]));
    reader.next();
    expect(() => reader.end("the number")).toThrow(DerError);
  });
});

describe("an object identifier", () => {
  const known = ["2.5.4.10", "1.3.6.1.5.5.7.3.2", "0.9.2342.19200300.100.1.1", "2.999.1", "1.39", "2.40", "0.0"];
  for (const oid of known) {
    test(`${oid} reads back as it was written`, () => {
      expect(decodeOid(new DerReader(derOid(oid)).next().content)).toBe(oid);
    });
  }

  test("with an arc of 128 bits keeps every digit", () => {
    const uuid = Buffer.from("6983f09da7ebcfdee0c7a1a7b2c0948cc8f9d776", "hex");
    expect(decodeOid(uuid)).toBe("2.25.329800735698586629295641978511506172918");
  });

  for (const [hex, what] of [
    ["", "empty"],
    ["5580", "cut short"],
    ["8055", "padded at its start"],
    ["558004", "padded within"],
    ["55".repeat(65), "absurdly long"],
  ] as const) {
    test(`is refused when it is ${what}`, () => {
      expect(() => decodeOid(Buffer.from(hex, "hex"))).toThrow(DerError);
    });
  }
});

test("a boolean is one byte, 00 or FF, and nothing else", () => {
  expect(decodeBoolean(Buffer.from([0xff]))).toBe(true);
  expect(decodeBoolean(Buffer.from([0x00]))).toBe(false);
  for (const bytes of [[], [1], [0xff, 0xff]]) expect(() => decodeBoolean(Buffer.from(bytes))).toThrow(DerError);
});

test("whatever the bytes, a reader ends: at their end, or with a DerError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const reader = new DerReader(Buffer.from(bytes));
      try {
        while (!reader.atEnd) reader.next();
      } catch (error) {
        expect(error).toBeInstanceOf(DerError);
      }
    }),
    { numRuns: 2_000 },
  );
});

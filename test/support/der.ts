/** Writes DER, the right kind and the wrong kind: tests need certificates that no library would agree to make. */

export const derTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One element: tag byte, minimal length, contents. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), derLength(content.byteLength), content]);
}

function derLength(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const digits = length.toString(16);
  const bytes = Buffer.from(digits.padStart(digits.length + (digits.length % 2), "0"), "hex");
  return Buffer.concat([Buffer.from([0x80 | bytes.byteLength]), bytes]);
}

export function derSequence(...contents: readonly Uint8Array[]): Buffer {
  return der(derTag.sequence, ...contents);
}

/** `2.5.4.10` as an OBJECT IDENTIFIER element. */
export function derOid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const digits = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) digits.unshift(0x80 | (left & 0x7f));
    return digits;
  });
  return der(derTag.oid, Buffer.from(bytes));
}

export function derBoolean(value: boolean): Buffer {
  return der(derTag.boolean, Buffer.from([value ? 0xff : 0x00]));
}

/** UTCTime before 2050 and GeneralizedTime from then on (RFC 5280, 4.1.2.5). */
export function derTime(time: Date): Buffer {
  const text = `${time.toISOString().slice(0, 19).replace(/[-:T]/g, "")}Z`;
  return time.getUTCFullYear() < 2050
    ? der(derTag.utcTime, Buffer.from(text.slice(2)))
    : der(derTag.generalizedTime, Buffer.from(text));
}

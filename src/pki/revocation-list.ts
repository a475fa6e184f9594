import { type KeyObject, type X509Certificate, verify } from "node:crypto";
import { extension, partsOf } from "./certificate.js";
import {
  childrenOf,
  der,
  type Element,
  elementsIn,
  integer,
  MalformedDer,
  readOid,
  sequence,
  tags,
  timeOf,
} from "./der.js";
import { authorityKeyIdentifier, oids } from "./extensions.js";
import { type Reason, reasons } from "./reasons.js";
import { digestOf, signed } from "./signing.js";

/** One revoked certificate. */
export interface Revoked {
  /** Upper-case hexadecimal, as Node writes serial numbers. */
  readonly serial: string;
  /** DER of the entry, which a new list takes over as it is. */
  readonly entry: Buffer;
}

/** A list (RFC 5280, 5), as it was read. Nothing has been verified. */
export interface RevocationList {
  readonly der: Buffer;
  /** DER of the name of the authority. */
  readonly issuer: Buffer;
  readonly number: bigint | undefined;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date | undefined;
  readonly revoked: readonly Revoked[];
}

/** A list of version 2, of the certificates of one authority. */
export function makeRevocationList(
  authority: X509Certificate,
  key: KeyObject,
  content: { number: bigint; thisUpdate: Date; nextUpdate: Date; revoked: readonly Revoked[] },
): Buffer {
  const { number, thisUpdate, nextUpdate, revoked } = content;
  const extensions = [
    authorityKeyIdentifier(authority),
    extension(oids.crlNumber, integer(Buffer.from(evenHex(number.toString(16)), "hex"))),
  ];
  return signed(key, (algorithm) =>
    sequence(
      integer(Buffer.from([1])),
      algorithm,
      partsOf(authority).subject,
      timeOf(thisUpdate),
      timeOf(nextUpdate),
      // An empty list of entries is left out, not written as empty.
      ...(revoked.length === 0 ? [] : [sequence(...revoked.map(({ entry }) => entry))]),
      der(0xa0, sequence(...extensions)),
    ),
  );
}

/** @param serial hexadecimal */
export function revocationOf(serial: string, reason: Reason, at = new Date()): Revoked {
  const why = extension(oids.reasonCode, der(tags.enumerated, Buffer.from([reasons[reason]])));
  const entry = sequence(
    integer(Buffer.from(evenHex(serial), "hex")),
    timeOf(at),
    // RFC 5280, 5.3.1: unspecified is said by saying nothing.
    ...(reason === "unspecified" ? [] : [sequence(why)]),
  );
  return { serial: serial.toUpperCase(), entry };
}

/**
 * @throws MalformedDer when it is no list
 */
export function readRevocationList(bytes: Buffer): RevocationList {
  const fields = childrenOf(childrenOf(bytes)[0]!.whole);
  if (fields[0]?.tag === tags.integer) fields.shift();
  const [, issuer, thisUpdate, next] = fields;
  if (issuer === undefined || !isTime(thisUpdate)) throw new MalformedDer("this is no revocation list");
  const nextUpdate = isTime(next) ? next : undefined;
  const rest = fields.slice(nextUpdate === undefined ? 3 : 4);
  const entries = rest.find(({ tag }) => tag === tags.sequence);
  return {
    der: bytes,
    issuer: issuer.whole,
    number: numberIn(rest.find(({ tag }) => tag === 0xa0)),
    thisUpdate: readTime(thisUpdate),
    nextUpdate: nextUpdate === undefined ? undefined : readTime(nextUpdate),
    revoked: entries === undefined ? [] : elementsIn(entries.content).map(revokedIn),
  };
}

/** Whether the holder of the key of this certificate signed the list. */
export function isSignedBy(list: RevocationList, authority: X509Certificate): boolean {
  const [toBeSigned, algorithm, signature] = childrenOf(list.der);
  const digest = digestOf(readOid(childrenOf(algorithm!.whole)[0]!.content));
  if (digest === undefined) return false;
  return verify(digest, toBeSigned!.whole, authority.publicKey, signature!.content.subarray(1));
}

/** When it was revoked and why, for people. */
export function describeRevoked({ entry }: Revoked): { readonly revokedAt: Date; readonly reason: string } {
  const [, at, extensions] = childrenOf(entry);
  const code = (extensions === undefined ? [] : elementsIn(extensions.content))
    .map(({ whole }) => childrenOf(whole))
    .find((parts) => readOid(parts[0]!.content) === oids.reasonCode)
    ?.at(-1)
    ?.content.at(-1);
  const known = Object.entries(reasons).find(([, number]) => number === (code ?? 0));
  return { revokedAt: readTime(at!), reason: known?.[0] ?? `reason ${code}` };
}

function revokedIn({ whole }: Element): Revoked {
  const serial = childrenOf(whole)[0];
  if (serial?.tag !== tags.integer) throw new MalformedDer("an entry without a serial number");
  return {
    serial: serial.content
      .toString("hex")
      .replace(/^(00)+(?=..)/, "")
      .toUpperCase(),
    entry: whole,
  };
}

function numberIn(extensions: Element | undefined): bigint | undefined {
  if (extensions === undefined) return undefined;
  for (const { whole } of childrenOf(extensions.content)) {
    const parts = childrenOf(whole);
    if (readOid(parts[0]!.content) !== oids.crlNumber) continue;
    const digits = elementsIn(parts.at(-1)!.content)[0]?.content.toString("hex");
    return digits ? BigInt(`0x${digits}`) : undefined;
  }
  return undefined;
}

function isTime(element: Element | undefined): element is Element {
  return element?.tag === tags.utcTime || element?.tag === tags.generalizedTime;
}

function readTime({ tag, content }: Element): Date {
  const text = content.toString("latin1");
  // RFC 5280, 4.1.2.5.1: two digits of a year from 50 on are of the last century.
  const century = tag === tags.generalizedTime ? "" : Number(text.slice(0, 2)) < 50 ? "20" : "19";
  const iso = (century + text).replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z");
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) throw new MalformedDer("a time that is none");
  return time;
}

function evenHex(digits: string): string {
  return digits.padStart(digits.length + (digits.length % 2), "0");
}

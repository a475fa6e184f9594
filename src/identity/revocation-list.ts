import { type KeyObject, constants, verify } from "node:crypto";
import { promisify } from "node:util";
import { type Hash, readSignatureAlgorithm } from "./algorithms.js";
import { DerError, DerReader, decodeBoolean, decodeCount, decodeInteger, decodeTime, tags } from "./der.js";
import { formatName, readName } from "./distinguished-name.js";
import { type Extension, readExtensions } from "./extensions.js";
import { maxListBytes } from "../revocation-files.js";
import { comparableName } from "../same-name.js";
import { Stretches } from "../stretches.js";

/** The bytes are no list that could be used, and the message says why. */
export class RevocationListError extends Error {
  constructor(problem: string, options?: ErrorOptions) {
    super(problem, options);
    this.name = "RevocationListError";
  }
}

/** What an authority has said to be revoked (RFC 5280, 5): read, and believed only where `isSignedBy` says so. */
export interface RevocationList {
  /** As RFC 4514 writes it. */
  readonly issuer: string;
  /** It is an authority's list only if this is the authority's name: its `subjectName`. */
  readonly issuerName: string;
  /** The whole element, as this list spells it. */
  readonly issuerBytes: Buffer;
  /** Which of the issuer's certificates it is about: the bytes of its issuingDistributionPoint; empty: all of them. */
  readonly scope: Buffer;
  /** Rises with each list of an issuer; undefined where it has none. */
  readonly number: bigint | undefined;
  /** When it was made, in milliseconds since 1970. */
  readonly thisUpdateMs: number;
  /** When it expires; undefined where it does not say so, and then it never does. */
  readonly nextUpdateMs: number | undefined;
  /** How many certificates it names. */
  readonly size: number;
  /** How long it is itself. */
  readonly bytes: number;
  /** Why the certificate with this serial number (upper-case hexadecimal) is revoked; undefined if it is not. */
  reasonOf(serial: string): string | undefined;
  /** On the event loop, for as long as hashing the list takes: a few milliseconds for 100,000 entries. */
  isSignedBy(key: KeyObject): boolean;
  /** The same, elsewhere than on the event loop. */
  checkSignedBy(key: KeyObject): Promise<boolean>;
}

/** The reason of an entry that gives none. */
export const unspecified = "unspecified";

/** CRLReason (RFC 5280, 5.3.1); one that is not here is no reason. */
const reasons: Readonly<Record<number, string>> = {
  0: unspecified,
  1: "keyCompromise",
  2: "cACompromise",
  3: "affiliationChanged",
  4: "superseded",
  5: "cessationOfOperation",
  6: "certificateHold",
  8: "removeFromCRL",
  9: "privilegeWithdrawn",
  10: "aACompromise",
};

const enumeratedTag = 0x0a;

const noExtensions: Buffer = Buffer.alloc(0);

/** What entries say of themselves is looked up, and read only once, as long as it is of so many kinds. */
const maxKnown = 64;

const removeFromCrl = "removeFromCRL";

const reasonCodeOid = "2.5.29.21";
const invalidityDateOid = "2.5.29.24";
const numberOid = "2.5.29.20";
const deltaOid = "2.5.29.27";
const scopeOid = "2.5.29.28";
const authorityKeyOid = "2.5.29.35";

/**
 * Reads one list, in DER, in stretches. Its signature is not looked at.
 * @throws RevocationListError when it is not exactly one list, or one whose meaning is not known here: with an unknown
 *   critical extension, with entries of several issuers, or with changes alone
 */
export async function readRevocationList(der: Buffer): Promise<RevocationList> {
  try {
    return await read(der);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw new RevocationListError(`the revocation list is malformed: ${error.message}`, { cause: error });
  }
}

async function read(der: Buffer): Promise<RevocationList> {
  if (der.length > maxListBytes) throw new RevocationListError("the revocation list is larger than 32 MiB");
  const outer = new DerReader(der);
  const list = outer.enter(tags.sequence, "the list");
  outer.end("the list");
  const signedBytes = list.whole(tags.sequence, "the signed part");
  const algorithm = list.whole(tags.sequence, "the signature's algorithm");
  const signature = list.expect(tags.bitString, "the signature");
  list.end("the signature");
  if (signature[0] !== 0) throw new DerError("a signature of broken bytes");

  const signed = new DerReader(signedBytes).enter(tags.sequence, "the signed part");
  const version = signed.optional(tags.integer);
  if (version !== undefined && decodeInteger(version) !== "01") throw new DerError("an unknown version");
  // RFC 5280, 5.1.1.2. Only this one is covered by the signature.
  if (!signed.whole(tags.sequence, "the algorithm").equals(algorithm))
    throw new DerError("two different algorithms of the signature");
  const issuerBytes = signed.whole(tags.sequence, "the issuer");
  const thisUpdateMs = decodeTime(signed.next());
  const nextUpdateMs = optionalTime(signed);
  const entries = await readEntries(signed.optional(tags.sequence));
  const extensions = readExtensions(signed.optional(0xa0));
  signed.end("the extensions");
  const { number, scope } = readMeaning(extensions);
  const issuer = readName(issuerBytes, "the issuer");
  const check = checkOf(algorithm, signature.subarray(1));
  return {
    issuer: formatName(issuer),
    issuerName: comparableName(issuer),
    issuerBytes,
    scope,
    number,
    thisUpdateMs,
    nextUpdateMs,
    size: entries.size,
    bytes: der.length,
    reasonOf: (serial) => entries.get(serial),
    isSignedBy: (key) => check.sync(signedBytes, key),
    checkSignedBy: (key) => check.elsewhere(signedBytes, key),
  };
}

function optionalTime(signed: DerReader): number | undefined {
  for (const tag of [tags.utcTime, tags.generalizedTime]) {
    const content = signed.optional(tag);
    if (content !== undefined) return decodeTime({ tag, content });
  }
  return undefined;
}

/** By serial number: why. What an entry takes off the list is not on it. */
async function readEntries(content: Buffer | undefined): Promise<ReadonlyMap<string, string>> {
  const entries = new Map<string, string>();
  if (content === undefined) return entries;
  const list = new DerReader(content);
  const known = new Map<string, string>();
  const stretches = new Stretches();
  for (let count = 1; !list.atEnd; count++) {
    const entry = list.enter(tags.sequence, "an entry");
    const serial = decodeInteger(entry.expect(tags.integer, "an entry's serial number"));
    decodeTime(entry.next());
    const element = entry.atEnd ? noExtensions : entry.whole(tags.sequence, "an entry's extensions");
    entry.end("an entry");
    const key = element.toString("latin1");
    const reason = known.get(key) ?? readReason(element);
    if (known.size < maxKnown) known.set(key, reason);
    // The same number twice: what takes one entry off the list does not take the other off.
    if (reason !== removeFromCrl) entries.set(serial, reason);
    const turn = count % 64 === 0 ? stretches.step() : undefined;
    if (turn !== undefined) await turn;
  }
  return entries;
}

function readReason(element: Buffer): string {
  let reason: string = unspecified;
  if (element.length === 0) return reason;
  for (const [oid, { isCritical, value }] of readExtensions(element)) {
    if (oid === reasonCodeOid) reason = decodeReason(value);
    // Among others certificateIssuer: then the entry is about another authority's certificate.
    else if (isCritical && oid !== invalidityDateOid) throw unknownExtension(oid, "an entry");
  }
  return reason;
}

function decodeReason(value: Buffer): string {
  const reader = new DerReader(value);
  const content = reader.expect(enumeratedTag, "a reason");
  reader.end("a reason");
  const reason = content.length === 1 ? reasons[content[0]!] : undefined;
  if (reason === undefined) throw new DerError("a reason that is none");
  return reason;
}

function readMeaning(extensions: ReadonlyMap<string, Extension>): Pick<RevocationList, "number" | "scope"> {
  for (const [oid, { isCritical }] of extensions) {
    if (oid === deltaOid)
      throw new RevocationListError("the list is a delta: it names only what changed since another");
    if (isCritical && ![numberOid, scopeOid, authorityKeyOid].includes(oid)) throw unknownExtension(oid, "the list");
  }
  const number = extensions.get(numberOid);
  const scope = extensions.get(scopeOid);
  if (scope !== undefined) checkScope(scope.value);
  return {
    number: number === undefined ? undefined : readNumber(number.value),
    scope: scope?.value ?? Buffer.alloc(0),
  };
}

function readNumber(value: Buffer): bigint {
  const reader = new DerReader(value);
  const digits = decodeInteger(reader.expect(tags.integer, "the list's number"));
  reader.end("the list's number");
  if (digits.startsWith("-")) throw new DerError("a number below zero");
  return BigInt(`0x${digits}`);
}

/** RFC 5280, 5.2.5. A part of the issuer's certificates is good: every list says only what is revoked, not what is not. */
function checkScope(value: Buffer): void {
  const outer = new DerReader(value);
  const scope = outer.enter(tags.sequence, "the issuing distribution point");
  outer.end("the issuing distribution point");
  scope.optional(0xa0);
  for (const tag of [0x81, 0x82]) {
    const flag = scope.optional(tag);
    if (flag !== undefined) decodeBoolean(flag);
  }
  if (scope.optional(0x83) !== undefined) throw new RevocationListError("the list is only about some of the reasons");
  for (const [tag, what] of [
    [0x84, "about other issuers' certificates too"],
    [0x85, "about attribute certificates"],
  ] as const) {
    const flag = scope.optional(tag);
    if (flag !== undefined && decodeBoolean(flag)) throw new RevocationListError(`the list is ${what}`);
  }
  scope.end("the issuing distribution point");
}

function unknownExtension(oid: string, what: string): RevocationListError {
  return new RevocationListError(`${what} has a critical extension that is not known here: ${oid}`);
}

interface Algorithm {
  /** As `verify` wants it; null where the key says it. */
  readonly digest: string | null;
  readonly keyTypes: readonly (string | undefined)[];
  readonly parameters: { padding?: number; saltLength?: number };
}

interface SignatureCheck {
  sync(signed: Buffer, key: KeyObject): boolean;
  elsewhere(signed: Buffer, key: KeyObject): Promise<boolean>;
}

const inThreadPool = promisify(verify);

/** A key for PSS can say how it signs; asked for a signature of another kind, OpenSSL does not say no but fails. */
function checkOf(algorithm: Buffer, signature: Buffer): SignatureCheck {
  const { digest, keyTypes, parameters } = readAlgorithm(algorithm);
  const fits = (key: KeyObject): boolean => keyTypes.includes(key.asymmetricKeyType);
  return {
    sync: (signed, key) => {
      try {
        return fits(key) && verify(digest, signed, { key, ...parameters }, signature);
      } catch {
        return false;
      }
    },
    elsewhere: async (signed, key) =>
      fits(key) && inThreadPool(digest, signed, { key, ...parameters }, signature).catch(() => false),
  };
}

const digests: Readonly<Partial<Record<Hash, string>>> = {
  "SHA-224": "sha224",
  "SHA-256": "sha256",
  "SHA-384": "sha384",
  "SHA-512": "sha512",
};

const pssOid = "1.2.840.113549.1.1.10";

/** @throws RevocationListError for an algorithm that nobody should believe, or that is not known here */
function readAlgorithm(element: Buffer): Algorithm {
  const { oid, hash } = readSignatureAlgorithm(element);
  if (hash === "built in") return { digest: null, keyTypes: ["ed25519", "ed448"], parameters: {} };
  const digest = hash === undefined ? undefined : digests[hash];
  if (digest === undefined) {
    throw new RevocationListError(`the list is signed by ${hash ?? oid}, which is too weak or not known here`);
  }
  if (oid.startsWith("1.2.840.10045.4.")) return { digest, keyTypes: ["ec"], parameters: {} };
  if (oid === pssOid) {
    const parameters = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: readSaltLength(element) };
    return { digest, keyTypes: ["rsa", "rsa-pss"], parameters };
  }
  if (oid.startsWith("1.2.840.113549.1.1.")) return { digest, keyTypes: ["rsa"], parameters: {} };
  throw new RevocationListError(`the list is signed by ${oid}, which is not known here`);
}

/** RFC 4055, 3.1. That both hashes are the same is for the check to find out: it uses one for both. */
function readSaltLength(element: Buffer): number {
  const algorithm = new DerReader(element).enter(tags.sequence, "the signature's algorithm");
  algorithm.expect(tags.oid, "the signature's algorithm");
  const parameters = algorithm.enter(tags.sequence, "the parameters of the signature");
  algorithm.end("the parameters of the signature");
  parameters.optional(0xa0);
  parameters.optional(0xa1);
  const wrapped = parameters.optional(0xa2);
  if (wrapped === undefined) return 20;
  return decodeCount(new DerReader(wrapped).expect(tags.integer, "the length of the salt"));
}

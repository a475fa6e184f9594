import {
  type KeyObject,
  X509Certificate,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
} from "node:crypto";
import forge from "node-forge";
import { OperatorError } from "../errors.js";
import type { Principal } from "../names.js";
import type { Issued } from "./authority.js";
import { certificatesIn } from "./pem.js";

/** What a certificate says beside its subject. */
export interface ShortLivedOptions {
  /** `clientAuth` unless told. */
  readonly usage?: keyof typeof usageOids;
  /** A minute ago unless told. */
  readonly notBefore?: Date;
  /** In a day unless told. */
  readonly notAfter?: Date;
}

const usageOids = { clientAuth: "1.3.6.1.5.5.7.3.2", serverAuth: "1.3.6.1.5.5.7.3.1" } as const;

const minuteMs = 60_000;
const dayMs = 86_400_000;

/**
 * Signs client certificates that live for a day, to try out who gets in. Unlike the authority of `aclog certs` it may have
 * a key of any kind, and may be one that only pretends to be another. Nothing is written to a disk here.
 */
export class ShortLivedAuthority {
  /** As it stands in the authority's own certificate, byte for byte. */
  readonly #name: Buffer;
  readonly #key: KeyObject;

  private constructor(name: Buffer, key: KeyObject) {
    this.#name = name;
    this.#key = key;
  }

  /**
   * The authority whose key (RSA, elliptic curve or Ed25519) this is.
   * @param certificatesPem of one authority, or of several of which it is one
   * @throws OperatorError when something is unreadable, or when the key belongs to none of them
   */
  static of(certificatesPem: string | Buffer, keyPem: string | Buffer): ShortLivedAuthority {
    let certificates, key: KeyObject;
    try {
      certificates = certificatesIn(certificatesPem).map((pem) => new X509Certificate(pem));
      key = createPrivateKey(keyPem);
    } catch (error) {
      throw new OperatorError("the authority's certificate or key is not readable as PEM", [], { cause: error });
    }
    const certificate = certificates.find((each) => each.checkPrivateKey(key));
    if (certificate === undefined) throw new OperatorError("this is not the key of the authority's certificate");
    if (signatureOf(key) === undefined) {
      throw new OperatorError(`the authority's key is ${key.asymmetricKeyType ?? "unknown"}, and cannot sign here`);
    }
    return new ShortLivedAuthority(subjectIn(certificate), key);
  }

  /** One with a key of its own and the name that is in this certificate. */
  static pretending(certificatePem: string | Buffer): ShortLivedAuthority {
    return new ShortLivedAuthority(subjectIn(new X509Certificate(certificatePem)), makeKey());
  }

  /** One that nobody has heard of. */
  static unknown(): ShortLivedAuthority {
    return new ShortLivedAuthority(nameOf([["2.5.4.3", `unknown ${randomBytes(4).toString("hex")}`]]), makeKey());
  }

  /** A certificate with the subject O=tenant, CN=name and an elliptic curve key. */
  issue(principal: Principal, options: ShortLivedOptions = {}): Issued {
    return make(principal, makeKey(), this.#name, this.#key, options);
  }
}

/** A client's certificate that is vouched for by nobody but itself. */
export function issueSelfSigned(principal: Principal): Issued {
  const key = makeKey();
  return make(principal, key, subjectOf(principal), key, {});
}

function make(
  principal: Principal,
  key: KeyObject,
  issuer: Buffer,
  issuerKey: KeyObject,
  { usage = "clientAuth", notBefore, notAfter }: ShortLivedOptions,
): Issued {
  const { algorithm, digest } = signatureOf(issuerKey)!;
  const validity = [notBefore ?? new Date(Date.now() - minuteMs), notAfter ?? new Date(Date.now() + dayMs)];
  // RFC 5280, 4.1: version 3, serial number, algorithm, issuer, validity, subject, public key, extensions.
  const toBeSigned = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([0x40]), randomBytes(15)])),
    algorithm,
    issuer,
    sequence(...validity.map(timeOf)),
    subjectOf(principal),
    createPublicKey(key).export({ type: "spki", format: "der" }),
    der(0xa3, sequence(sequence(oidOf("2.5.29.37"), der(0x04, sequence(oidOf(usageOids[usage])))))),
  );
  const signature = sign(digest, toBeSigned, issuerKey);
  const certificate = sequence(toBeSigned, algorithm, der(0x03, Buffer.from([0]), signature));
  return {
    certificatePem: new X509Certificate(certificate).toString(),
    keyPem: key.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

function makeKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

/** How a key signs (RFC 4055, 5758, 8410); undefined for a kind that is not known here. */
function signatureOf(key: KeyObject): { readonly algorithm: Buffer; readonly digest: string | null } | undefined {
  switch (key.asymmetricKeyType) {
    case "rsa":
      return { algorithm: sequence(oidOf("1.2.840.113549.1.1.11"), der(0x05)), digest: "sha256" };
    case "ec":
      return { algorithm: sequence(oidOf("1.2.840.10045.4.3.2")), digest: "sha256" };
    case "ed25519":
      return { algorithm: sequence(oidOf("1.3.101.112")), digest: null };
    default:
      return undefined;
  }
}

/** A certificate's subject, whatever kinds of strings it is made of: written anew it could come out otherwise. */
function subjectIn(certificate: X509Certificate): Buffer {
  const [toBeSigned] = forge.asn1.fromDer(certificate.raw.toString("latin1")).value as forge.asn1.Asn1[];
  const fields = toBeSigned!.value as forge.asn1.Asn1[];
  // The version comes first, unless it is the first one.
  const hasVersion = fields[0]!.tagClass === forge.asn1.Class.CONTEXT_SPECIFIC;
  return Buffer.from(forge.asn1.toDer(fields[hasVersion ? 5 : 4]!).getBytes(), "latin1");
}

function subjectOf({ tenant, name }: Principal): Buffer {
  return nameOf([
    ["2.5.4.10", tenant],
    ["2.5.4.3", name],
  ]);
}

function nameOf(attributes: readonly (readonly [oid: string, value: string])[]): Buffer {
  return sequence(...attributes.map(([oid, value]) => der(0x31, sequence(oidOf(oid), der(0x0c, Buffer.from(value))))));
}

/** UTCTime, which ends with the year 2049 (RFC 5280, 4.1.2.5). */
function timeOf(date: Date): Buffer {
  const digits = date.toISOString().replace(/\D/g, "").slice(0, 14);
  return date.getUTCFullYear() < 2050
    ? der(0x17, Buffer.from(`${digits.slice(2)}Z`))
    : der(0x18, Buffer.from(`${digits}Z`));
}

function oidOf(text: string): Buffer {
  return der(0x06, Buffer.from(forge.asn1.oidToDer(text).getBytes(), "latin1"));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, ...parts);
}

/** One element: tag, length, content. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

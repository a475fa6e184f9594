import { type KeyObject, X509Certificate, createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { type Issued, extension, makeCertificate, nameOf, partsOf } from "./certificate.js";
import { der, integer, oidOf, sequence, tags, timeOf } from "./der.js";
import { certificatesIn } from "./pem.js";
import { signed } from "./signing.js";

/** What a certificate is to say that is only there to be tried. Nothing is checked: most are to be refused. */
export interface TrialContent {
  /** In this order, each a part of the name by itself; or DER of a name. */
  readonly subject: readonly (readonly [type: "CN" | "O", value: string])[] | Buffer;
  /** `clientAuth` unless told; `none` leaves the extension out. */
  readonly usage?: keyof typeof usageOids | "none";
  readonly uris?: readonly string[];
  /** The whole extension, in the place of `uris`. */
  readonly alternativeNames?: Buffer | undefined;
  /** Whether it says that it is an authority's; left out unless told. */
  readonly isCa?: boolean;
  /** P-256 unless told; `weak` is RSA with 1,024 bits. */
  readonly key?: "weak";
  /** A minute ago unless told. */
  readonly notBefore?: Date;
  /** In a day unless told. */
  readonly notAfter?: Date;
}

/** A certificate, its key, and what a revocation list calls it. */
export interface TrialCertificate extends Issued {
  /** Upper-case hexadecimal. */
  readonly serial: string;
}

const usageOids = { clientAuth: "1.3.6.1.5.5.7.3.2", serverAuth: "1.3.6.1.5.5.7.3.1" } as const;

const minuteMs = 60_000;
const dayMs = 86_400_000;
const uriTag = 0x86;

let weakKey: KeyObject | undefined;
let lists = 0;

/** An authority made for a run, which signs whatever it is asked to. Nothing is written to a disk here. */
export class TrialAuthority {
  readonly certificatePem: string;
  /** DER of its name. */
  readonly #name: Buffer;
  readonly #key: KeyObject;

  private constructor(name: Buffer, key: KeyObject, certificatePem: string) {
    this.#name = name;
    this.#key = key;
    this.certificatePem = certificatePem;
  }

  /** One that vouches for itself. */
  static make(commonName: string): TrialAuthority {
    const name = nameOf(["CN", commonName]);
    const key = makeKey();
    const certificate = make({ subject: [], usage: "none", isCa: true }, name, key, name, key);
    return new TrialAuthority(name, key, certificate.toString());
  }

  /**
   * One that there is, whose key this is.
   * @param certificatesPem of one authority, or of several of which it is one
   * @throws Error when something is unreadable, or when the key belongs to none of them
   */
  static of(certificatesPem: string | Buffer, keyPem: string | Buffer): TrialAuthority {
    const key = createPrivateKey(keyPem);
    const certificates = certificatesIn(certificatesPem).map((pem) => new X509Certificate(pem));
    const certificate = certificates.find((each) => each.checkPrivateKey(key));
    if (certificate === undefined) throw new Error("this is not the key of the authority's certificate");
    return new TrialAuthority(partsOf(certificate).subject, key, certificate.toString());
  }

  /** One with a key of its own and the name of another. */
  static namesakeOf({ certificatePem }: Pick<TrialAuthority, "certificatePem">): TrialAuthority {
    return new TrialAuthority(partsOf(new X509Certificate(certificatePem)).subject, makeKey(), certificatePem);
  }

  /** One that this one vouches for. */
  intermediate(commonName: string): TrialAuthority {
    const name = nameOf(["CN", commonName]);
    const key = makeKey();
    const certificate = make({ subject: [], usage: "none", isCa: true }, name, key, this.#name, this.#key);
    return new TrialAuthority(name, key, certificate.toString());
  }

  issue(content: TrialContent): TrialCertificate {
    const key = content.key === "weak" ? (weakKey ??= makeWeakKey()) : makeKey();
    return pairOf(make(content, subjectOf(content), key, this.#name, this.#key), key);
  }

  /** A revocation list, newer than every one before it, with these serial numbers. */
  revocationList(serials: readonly string[]): string {
    const now = Date.now();
    // RFC 5280, 5.1: version 2, algorithm, issuer, this and the next update, what is revoked, extensions.
    const list = signed(this.#key, (algorithm) =>
      sequence(
        integer(Buffer.from([1])),
        algorithm,
        this.#name,
        timeOf(new Date(now - minuteMs)),
        timeOf(new Date(now + dayMs)),
        ...(serials.length === 0 ? [] : [sequence(...serials.map((serial) => entryOf(serial, now)))]),
        der(0xa0, sequence(extension("2.5.29.20", integer(numberOf(++lists))))),
      ),
    );
    const lines = list.toString("base64").match(/.{1,64}/g) ?? [];
    return ["-----BEGIN X509 CRL-----", ...lines, "-----END X509 CRL-----", ""].join("\n");
  }
}

/** A certificate that is vouched for by nobody but itself. */
export function issueAlone(content: TrialContent): TrialCertificate {
  const key = makeKey();
  const name = subjectOf(content);
  return pairOf(make(content, name, key, name, key), key);
}

function subjectOf({ subject }: TrialContent): Buffer {
  return Buffer.isBuffer(subject) ? subject : nameOf(...subject);
}

function make(
  { usage = "clientAuth", uris = [], alternativeNames, isCa, notBefore, notAfter }: TrialContent,
  subject: Buffer,
  key: KeyObject,
  issuer: Buffer,
  issuerKey: KeyObject,
): X509Certificate {
  const extensions = [
    ...(isCa === undefined ? [] : [extension("2.5.29.19", sequence(...(isCa ? [truth] : [])), true)]),
    // digitalSignature, keyCertSign and cRLSign are bits 0, 5 and 6: OpenSSL takes it for a client's too.
    ...(isCa === true ? [extension("2.5.29.15", der(tags.bitString, Buffer.from([1, 0x86])), true)] : []),
    ...(usage === "none" ? [] : [extension("2.5.29.37", sequence(oidOf(usageOids[usage])))]),
    ...(alternativeNames === undefined ? [] : [alternativeNames]),
    ...(uris.length === 0
      ? []
      : [extension("2.5.29.17", sequence(...uris.map((uri) => der(uriTag, Buffer.from(uri)))))]),
  ];
  const content = {
    issuer,
    subject,
    notBefore: notBefore ?? new Date(Date.now() - minuteMs),
    notAfter: notAfter ?? new Date(Date.now() + dayMs),
    publicKey: createPublicKey(key),
    extensions,
  };
  return makeCertificate(content, issuerKey);
}

const truth = der(tags.boolean, Buffer.from([0xff]));

function pairOf(certificate: X509Certificate, key: KeyObject): TrialCertificate {
  return {
    certificatePem: certificate.toString(),
    keyPem: key.export({ type: "pkcs8", format: "pem" }).toString(),
    serial: certificate.serialNumber,
  };
}

function entryOf(serial: string, revokedMs: number): Buffer {
  return sequence(integer(Buffer.from(serial, "hex")), timeOf(new Date(revokedMs - minuteMs)));
}

function numberOf(count: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(count);
  return bytes;
}

function makeKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

function makeWeakKey(): KeyObject {
  return generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey;
}

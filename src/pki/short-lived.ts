import {
  type KeyObject,
  X509Certificate,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
} from "node:crypto";
import { OperatorError } from "../errors.js";
import type { Principal } from "../names.js";
import { extension, type Issued, makeCertificate, nameOf, partsOf } from "./certificate.js";
import { oidOf, sequence } from "./der.js";
import { certificatesIn } from "./pem.js";
import { signatureOf } from "./signing.js";

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
    return new ShortLivedAuthority(partsOf(certificate).subject, key);
  }

  /** One with a key of its own and the name that is in this certificate. */
  static pretending(certificatePem: string | Buffer): ShortLivedAuthority {
    return new ShortLivedAuthority(partsOf(new X509Certificate(certificatePem)).subject, makeKey());
  }

  /** One that nobody has heard of. */
  static unknown(): ShortLivedAuthority {
    return new ShortLivedAuthority(nameOf(["CN", `unknown ${randomBytes(4).toString("hex")}`]), makeKey());
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
  const content = {
    issuer,
    subject: subjectOf(principal),
    notBefore: notBefore ?? new Date(Date.now() - minuteMs),
    notAfter: notAfter ?? new Date(Date.now() + dayMs),
    publicKey: createPublicKey(key),
    extensions: [extension("2.5.29.37", sequence(oidOf(usageOids[usage])))],
  };
  return {
    certificatePem: makeCertificate(content, issuerKey).toString(),
    keyPem: key.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

function makeKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

function subjectOf({ tenant, name }: Principal): Buffer {
  return nameOf(["O", tenant], ["CN", name]);
}

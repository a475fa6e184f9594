import {
  type KeyObject,
  type KeyPairKeyObjectResult,
  constants,
  generateKeyPairSync,
  randomBytes,
  sign,
} from "node:crypto";
import { extension } from "./certificates.js";
import { der, derBoolean, derOid, derSequence, derTag, derTime } from "./der.js";

/** How an authority signs. */
export type Signing = "ec" | "rsa" | "rsa-pss" | "ed25519";

/** What an authority writes of itself into what it signs, where it is not the truth, or not as usual. */
interface Oddities {
  /** DER of the issuer's name; as the issuer writes it unless told. */
  readonly issuer?: Buffer;
  /** What the authorityKeyIdentifier holds; the issuer's key unless told. "none" leaves the extension out. */
  readonly authorityKey?: Buffer | "none";
  readonly version?: 1 | 2 | 3;
}

export interface AuthorityOptions extends Oddities {
  /** Its common name, or DER of all of its name; made unlike every other one's unless it is given. */
  readonly name?: string | Buffer;
  readonly signing?: Signing;
  /** Of another authority's certificate: what it is certified anew with. */
  readonly keys?: KeyPairKeyObjectResult;
  readonly by?: MintedAuthority;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly pathLength?: number;
  /** "none": no subjectKeyIdentifier. */
  readonly subjectKey?: "none";
  /** False: a certificate that is no authority's, and signs all the same. */
  readonly isCa?: boolean;
  /** keyCertSign and cRLSign unless told. */
  readonly keyUsage?: readonly ("keyCertSign" | "cRLSign")[];
  /** Whole elements to add as they are. */
  readonly extensions?: readonly Buffer[];
}

export interface ClientOptions extends Oddities {
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly serial?: Buffer;
  readonly usage?: "clientAuth" | "serverAuth";
  /** Whole elements to add as they are. */
  readonly extensions?: readonly Buffer[];
}

export interface Minted {
  readonly der: Buffer;
  readonly certPem: string;
  readonly keyPem: string;
  /** Content of the INTEGER. */
  readonly serial: Buffer;
}

export interface ListOptions {
  readonly revoked?: readonly (
    Buffer | { readonly serial: Buffer; readonly reason?: number; readonly extensions?: Buffer[] }
  )[];
  readonly number?: number;
  readonly thisUpdate?: Date;
  /** "none": it never expires. */
  readonly nextUpdate?: Date | "none";
  readonly extensions?: readonly Buffer[];
  /** DER of the issuer's name; as the issuer writes it unless told. */
  readonly issuer?: Buffer;
  /** In place of itself. */
  readonly signedBy?: MintedAuthority;
  /** What the list says of how it is signed; the truth unless told. */
  readonly algorithm?: Buffer;
}

const hourMs = 3_600_000;
const usageOids = { clientAuth: "1.3.6.1.5.5.7.3.2", serverAuth: "1.3.6.1.5.5.7.3.1" } as const;
const usageBits = { keyCertSign: 0x04, cRLSign: 0x02 } as const;

/** The longest that there is room for in 2048 bits, as OpenSSL takes it: a number of two bytes. */
const saltLength = 222;

const sha256Oid = derSequence(derOid("2.16.840.1.101.3.4.2.1"), der(0x05));
const algorithms: Readonly<Record<Signing, Buffer>> = {
  ec: derSequence(derOid("1.2.840.10045.4.3.2")),
  rsa: derSequence(derOid("1.2.840.113549.1.1.11"), der(0x05)),
  "rsa-pss": derSequence(
    derOid("1.2.840.113549.1.1.10"),
    derSequence(
      der(0xa0, sha256Oid),
      der(0xa1, derSequence(derOid("1.2.840.113549.1.1.8"), sha256Oid)),
      der(0xa2, der(derTag.integer, Buffer.from([0, saltLength]))),
    ),
  ),
  ed25519: derSequence(derOid("1.3.101.112")),
};

/** An authority of any kind, with lists, and with authorities above and below. */
export class MintedAuthority {
  readonly der: Buffer;
  readonly certPem: string;
  readonly keys: KeyPairKeyObjectResult;
  readonly signing: Signing;
  readonly name: Buffer;
  readonly serial = randomSerial();

  constructor(options: AuthorityOptions = {}) {
    this.signing = options.signing ?? "ec";
    this.keys = options.keys ?? keysOf(this.signing);
    const { name = `authority ${randomBytes(4).toString("hex")}` } = options;
    this.name = Buffer.isBuffer(name) ? name : nameOf({ CN: name });
    const { isCa = true, keyUsage = ["keyCertSign", "cRLSign"], pathLength, extensions = [] } = options;
    const bits = keyUsage.reduce((all, usage) => all | usageBits[usage], 0);
    const constraints = [
      ...(isCa ? [derBoolean(true)] : []),
      ...(pathLength === undefined ? [] : [der(derTag.integer, Buffer.from([pathLength]))]),
    ];
    const by = options.by ?? this;
    const keyId = extension("2.5.29.14", der(derTag.octetString, keyIdOf(this.keys.publicKey)));
    this.der = certificateOf(by, {
      ...options,
      serial: this.serial,
      subject: this.name,
      publicKey: this.keys.publicKey,
      extensions: [
        extension("2.5.29.19", derSequence(...constraints), true),
        extension("2.5.29.15", der(derTag.bitString, Buffer.from([1, bits])), true),
        ...(options.subjectKey === "none" ? [] : [keyId]),
        ...extensions,
      ],
    });
    this.certPem = pemOf("CERTIFICATE", this.der);
  }

  /** Of `acme/billing`, with O=acme, CN=billing. */
  client(principal: string, options: ClientOptions = {}): Minted {
    const [O = "", CN = ""] = principal.split("/");
    return this.#leaf({ O, CN }, options, []);
  }

  /** For localhost. */
  server(options: ClientOptions = {}): Minted {
    const names = extension("2.5.29.17", derSequence(der(0x82, Buffer.from("localhost"))));
    return this.#leaf({ CN: "localhost" }, { usage: "serverAuth", ...options }, [names]);
  }

  /** A revocation list, as DER. */
  list(options: ListOptions = {}): Buffer {
    const { revoked = [], number, thisUpdate = new Date(Date.now() - hourMs), extensions = [] } = options;
    const { nextUpdate = new Date(Date.now() + 24 * hourMs) } = options;
    const revokedAt = derTime(new Date(Date.now() - hourMs));
    const entries = revoked.map((each) => {
      const { serial, reason, extensions: others = [] } = Buffer.isBuffer(each) ? { serial: each } : each;
      const reasons = reason === undefined ? [] : [extension("2.5.29.21", der(0x0a, Buffer.from([reason])))];
      const all = [...reasons, ...others];
      return derSequence(der(derTag.integer, serial), revokedAt, ...(all.length === 0 ? [] : [derSequence(...all)]));
    });
    const all = [
      ...(number === undefined ? [] : [extension("2.5.29.20", der(derTag.integer, Buffer.from([number])))]),
      ...extensions,
    ];
    const { signing, keys } = options.signedBy ?? this;
    const { algorithm = algorithms[signing] } = options;
    const signed = derSequence(
      der(derTag.integer, Buffer.from([1])),
      algorithm,
      options.issuer ?? this.name,
      derTime(thisUpdate),
      ...(nextUpdate === "none" ? [] : [derTime(nextUpdate)]),
      ...(entries.length === 0 ? [] : [derSequence(Buffer.concat(entries))]),
      ...(all.length === 0 ? [] : [der(0xa0, derSequence(...all))]),
    );
    return signedBy(signing, keys.privateKey, signed, algorithm);
  }

  #leaf(subject: Readonly<Record<string, string>>, options: ClientOptions, extensions: readonly Buffer[]): Minted {
    const { serial = randomSerial(), usage = "clientAuth", extensions: others = [] } = options;
    const keys = keysOf("ec");
    const bytes = certificateOf(this, {
      ...options,
      serial,
      subject: nameOf(subject),
      publicKey: keys.publicKey,
      extensions: [
        extension("2.5.29.19", derSequence(), true),
        extension("2.5.29.15", der(derTag.bitString, Buffer.from([7, 0x80])), true),
        extension("2.5.29.37", derSequence(derOid(usageOids[usage]))),
        ...extensions,
        ...others,
      ],
    });
    const keyPem = keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    return { der: bytes, certPem: pemOf("CERTIFICATE", bytes), keyPem, serial };
  }
}

/** PEM of a revocation list. */
export function listPem(list: Buffer): string {
  return pemOf("X509 CRL", list);
}

export function pemOf(label: string, bytes: Buffer): string {
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

interface Body extends Oddities {
  readonly serial: Buffer;
  readonly subject: Buffer;
  readonly publicKey: KeyObject;
  readonly notBefore?: Date | undefined;
  readonly notAfter?: Date | undefined;
  readonly extensions: readonly Buffer[];
}

function certificateOf(by: Pick<MintedAuthority, "name" | "keys" | "signing">, body: Body): Buffer {
  const { notBefore = new Date(Date.now() - hourMs), notAfter = new Date(Date.now() + 24 * hourMs) } = body;
  const { version = 3, issuer = by.name } = body;
  // Without it OpenSSL cannot tell two authorities of one name apart.
  const { authorityKey = authorityKeyOf({ key: by.keys.publicKey }) } = body;
  const signed = derSequence(
    ...(version === 1 ? [] : [der(0xa0, der(derTag.integer, Buffer.from([version - 1])))]),
    der(derTag.integer, body.serial),
    algorithms[by.signing],
    issuer,
    derSequence(derTime(notBefore), derTime(notAfter)),
    body.subject,
    body.publicKey.export({ type: "spki", format: "der" }),
    der(
      0xa3,
      derSequence(...body.extensions, ...(authorityKey === "none" ? [] : [extension("2.5.29.35", authorityKey)])),
    ),
  );
  return signedBy(by.signing, by.keys.privateKey, signed);
}

/** What an authorityKeyIdentifier holds. */
export function authorityKeyOf(parts: {
  readonly key?: KeyObject;
  /** DER of a name. */
  readonly issuer?: Buffer;
  readonly serial?: Buffer;
}): Buffer {
  const { key, issuer, serial } = parts;
  return derSequence(
    ...(key === undefined ? [] : [der(0x80, keyIdOf(key))]),
    ...(issuer === undefined ? [] : [der(0xa1, der(0xa4, issuer))]),
    ...(serial === undefined ? [] : [der(0x82, serial)]),
  );
}

function signedBy(signing: Signing, key: KeyObject, signed: Buffer, algorithm = algorithms[signing]): Buffer {
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
  const signature =
    signing === "ed25519"
      ? sign(null, signed, key)
      : sign("sha256", signed, signing === "rsa-pss" ? { key, ...pss } : key);
  return derSequence(signed, algorithm, der(derTag.bitString, Buffer.from([0]), signature));
}

function keyIdOf(key: KeyObject): Buffer {
  return key.export({ type: "spki", format: "der" }).subarray(-20);
}

/** @param tag of the strings */
export function nameOf(attributes: Readonly<Record<string, string | Buffer>>, tag: number = derTag.utf8String): Buffer {
  const oids: Readonly<Record<string, string>> = { CN: "2.5.4.3", O: "2.5.4.10" };
  const sets = Object.entries(attributes).map(([type, value]) =>
    der(derTag.set, derSequence(derOid(oids[type]!), der(tag, Buffer.from(value)))),
  );
  return derSequence(...sets);
}

function randomSerial(): Buffer {
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  return serial;
}

let rsaKeys: KeyPairKeyObjectResult | undefined;

function keysOf(signing: Signing): KeyPairKeyObjectResult {
  if (signing === "ec") return generateKeyPairSync("ec", { namedCurve: "P-256" });
  if (signing === "ed25519") return generateKeyPairSync("ed25519");
  // Making one takes a tenth of a second.
  return (rsaKeys ??= generateKeyPairSync("rsa", { modulusLength: 2048 }));
}

import {
  generateKeyPair,
  generateKeyPairSync,
  type KeyObject,
  type KeyPairKeyObjectResult,
  X509Certificate,
  randomBytes,
  sign,
} from "node:crypto";
import { isIP } from "node:net";
import { promisify } from "node:util";
import { der, derBoolean, derOid, derSequence, derTag, derTime } from "./der.js";

/** One attribute of a subject. Nothing is checked: tests need subjects that no sane authority would sign. */
export interface TestAttribute {
  /** A short name or a dotted OID. */
  readonly type: keyof typeof attributeOids | `${number}.${string}`;
  /** Text is written as UTF-8; bytes as they are. */
  readonly value: string | Buffer;
  /** An ASN.1 string tag from `derTag`; UTF8String unless told. */
  readonly tag?: number;
}

export interface IssueOptions {
  /** In order; an inner list is one multi-valued RDN. */
  readonly subject?: readonly (TestAttribute | readonly TestAttribute[])[];
  /** `acme/billing` is the subject O=acme, CN=billing. Used when no subject is given. */
  readonly principal?: string;
  /** `clientAuth` unless told; "none" leaves the extension out. An OID stands for itself. */
  readonly usages?: readonly (keyof typeof usageOids | `${number}.${string}`)[] | "none";
  /** An hour ago unless told. */
  readonly notBefore?: Date;
  /** In a day unless told. */
  readonly notAfter?: Date;
  /** What basicConstraints says: false unless told; "absent" leaves the extension out. */
  readonly isCa?: boolean | "absent";
  /** digitalSignature, or what an authority needs where isCa is true, unless told; "none" leaves the extension out. */
  readonly keyUsage?: "none";
  /** DNS names and IP addresses. */
  readonly names?: readonly string[];
  /** P-256 unless told. RSA certificates of one test process share one key: making one takes a tenth of a second. */
  readonly key?: KeyKind | KeyPairKeyObjectResult;
  /** Of the signature; sha256 unless told. */
  readonly hash?: "sha1" | "sha256";
  /** The content of the serial number; 16 random bytes unless told. */
  readonly serial?: Buffer;
  /** Whole extension elements to add as they are. */
  readonly extensions?: readonly Buffer[];
}

export interface IssuedCertificate {
  readonly certPem: string;
  /** PKCS#8. */
  readonly keyPem: string;
  readonly der: Buffer;
}

type KeyKind = "ec" | "rsa" | "ed25519";

const attributeOids = {
  CN: "2.5.4.3",
  C: "2.5.4.6",
  L: "2.5.4.7",
  ST: "2.5.4.8",
  O: "2.5.4.10",
  OU: "2.5.4.11",
  serialNumber: "2.5.4.5",
  UID: "0.9.2342.19200300.100.1.1",
  emailAddress: "1.2.840.113549.1.9.1",
} as const;

const usageOids = {
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
  anyExtendedKeyUsage: "2.5.29.37.0",
} as const;

const ecdsaWith = {
  sha1: derSequence(derOid("1.2.840.10045.4.1")),
  sha256: derSequence(derOid("1.2.840.10045.4.3.2")),
} as const;

const hourMs = 3_600_000;

/** A certificate authority made for the run. Its certificates are real; its key is a P-256 one. */
export class TestAuthority {
  /** The authority's own certificate: what servers and clients trust. */
  readonly caPem: string;
  readonly #name: Buffer;
  readonly #key: KeyObject;

  private constructor(commonName: string, keys: KeyPairKeyObjectResult) {
    this.#name = nameOf([{ type: "CN", value: commonName }]);
    this.#key = keys.privateKey;
    const validity = [new Date(Date.now() - hourMs), new Date(Date.now() + 365 * 24 * hourMs)] as const;
    this.caPem = pemOf(this.#sign(this.#name, validity, keys.publicKey, extensionsOf({ isCa: true, usages: "none" })));
  }

  /** The name is made unlike every other authority's unless it is given. */
  static async create(options: { readonly commonName?: string } = {}): Promise<TestAuthority> {
    const keys = await promisify(generateKeyPair)("ec", { namedCurve: "P-256" });
    return new TestAuthority(options.commonName ?? `test authority ${randomBytes(6).toString("hex")}`, keys);
  }

  /** PKCS#8, for tests in which it lies beside the certificate. */
  get caKeyPem(): string {
    return this.#key.export({ type: "pkcs8", format: "pem" }).toString();
  }

  issue(options: IssueOptions): IssuedCertificate {
    const { key = "ec" } = options;
    const keys = typeof key === "string" ? keysOf(key) : key;
    const validity = [
      options.notBefore ?? new Date(Date.now() - hourMs),
      options.notAfter ?? new Date(Date.now() + 24 * hourMs),
    ] as const;
    const certificate = this.#sign(
      nameOf(options.subject ?? subjectOf(options.principal)),
      validity,
      keys.publicKey,
      extensionsOf(options),
      options,
    );
    return {
      certPem: pemOf(certificate),
      keyPem: keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      der: certificate,
    };
  }

  /** A certificate for a key that somebody else has, such as another authority's. */
  certify(publicKey: KeyObject, options: IssueOptions): X509Certificate {
    const validity = [
      options.notBefore ?? new Date(Date.now() - hourMs),
      options.notAfter ?? new Date(Date.now() + 24 * hourMs),
    ] as const;
    const subject = nameOf(options.subject ?? subjectOf(options.principal));
    return new X509Certificate(this.#sign(subject, validity, publicKey, extensionsOf(options)));
  }

  /** A server's certificate for localhost, 127.0.0.1 and ::1. */
  server(): IssuedCertificate {
    return this.issue({
      subject: [{ type: "CN", value: "localhost" }],
      usages: ["serverAuth"],
      names: ["localhost", "127.0.0.1", "::1"],
    });
  }

  #sign(
    subject: Buffer,
    [notBefore, notAfter]: readonly [Date, Date],
    publicKey: KeyObject,
    extensions: readonly Buffer[],
    { hash = "sha256", serial = randomSerial() }: Pick<IssueOptions, "hash" | "serial"> = {},
  ): Buffer {
    const toBeSigned = derSequence(
      der(0xa0, der(derTag.integer, Buffer.from([2]))),
      der(derTag.integer, serial),
      ecdsaWith[hash],
      this.#name,
      derSequence(derTime(notBefore), derTime(notAfter)),
      subject,
      publicKey.export({ type: "spki", format: "der" }),
      ...(extensions.length === 0 ? [] : [der(0xa3, derSequence(...extensions))]),
    );
    const signature = sign(hash, toBeSigned, this.#key);
    return derSequence(toBeSigned, ecdsaWith[hash], der(derTag.bitString, Buffer.from([0]), signature));
  }
}

function randomSerial(): Buffer {
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  return serial;
}

/** One extension, for `IssueOptions.extensions`. */
export function extension(oid: string, value: Buffer, critical = false): Buffer {
  return derSequence(derOid(oid), ...(critical ? [derBoolean(true)] : []), der(derTag.octetString, value));
}

// digitalSignature is bit 0; keyCertSign and cRLSign are bits 5 and 6.
const leafUsage = extension("2.5.29.15", der(derTag.bitString, Buffer.from([7, 0x80])), true);
const signingUsage = extension("2.5.29.15", der(derTag.bitString, Buffer.from([1, 0x06])), true);

let rsaKeys: KeyPairKeyObjectResult | undefined;

function keysOf(kind: KeyKind): KeyPairKeyObjectResult {
  switch (kind) {
    case "ec":
      return generateKeyPairSync("ec", { namedCurve: "P-256" });
    case "ed25519":
      return generateKeyPairSync("ed25519");
    case "rsa":
      return (rsaKeys ??= generateKeyPairSync("rsa", { modulusLength: 2048 }));
  }
}

function subjectOf(principal: string | undefined): readonly TestAttribute[] {
  const [tenant, name] = principal?.split("/") ?? [];
  if (tenant === undefined || name === undefined) throw new TypeError("issue() needs a subject or a tenant/name");
  return [
    { type: "O", value: tenant },
    { type: "CN", value: name },
  ];
}

function nameOf(subject: readonly (TestAttribute | readonly TestAttribute[])[]): Buffer {
  const sets = subject.map((rdn) => {
    const attributes = (isSingle(rdn) ? [rdn] : rdn).map(attributeOf);
    // DER sorts the members of a SET OF by their encoding.
    return der(derTag.set, ...attributes.sort((a, b) => Buffer.compare(a, b)));
  });
  return derSequence(...sets);
}

function isSingle(rdn: TestAttribute | readonly TestAttribute[]): rdn is TestAttribute {
  return !Array.isArray(rdn);
}

function attributeOf({ type, value, tag }: TestAttribute): Buffer {
  const oid = (attributeOids as Readonly<Record<string, string>>)[type] ?? type;
  return derSequence(derOid(oid), der(tag ?? derTag.utf8String, Buffer.from(value)));
}

function extensionsOf(options: IssueOptions): readonly Buffer[] {
  const { isCa = false, usages = ["clientAuth"], names = [] } = options;
  const extensions: Buffer[] = [];
  if (options.keyUsage !== "none") extensions.push(isCa === true ? signingUsage : leafUsage);
  if (isCa !== "absent")
    extensions.push(extension("2.5.29.19", derSequence(...(isCa ? [derBoolean(true)] : [])), true));
  if (usages !== "none") {
    const oids = usages.map((usage) => (usageOids as Readonly<Record<string, string>>)[usage] ?? usage);
    extensions.push(extension("2.5.29.37", derSequence(...oids.map(derOid))));
  }
  if (names.length > 0) extensions.push(extension("2.5.29.17", derSequence(...names.map(generalNameOf))));
  return [...extensions, ...(options.extensions ?? [])];
}

function generalNameOf(name: string): Buffer {
  return isIP(name) === 0 ? der(0x82, Buffer.from(name)) : der(0x87, addressBytes(name));
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split(".").map(Number));
  const [head = "", tail] = address.split("::");
  const groups = (text: string) => text.split(":").filter((group) => group !== "");
  const [before, after] = [groups(head), groups(tail ?? "")];
  const zeros = new Array<string>(8 - before.length - after.length).fill("0");
  return Buffer.from([...before, ...zeros, ...after].map((group) => group.padStart(4, "0")).join(""), "hex");
}

function pemOf(certificate: Buffer): string {
  const lines = certificate.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

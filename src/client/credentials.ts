/** Who the client is and whom it trusts: given once, read from files, or asked for; and when to look again. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import { createSecureContext, type SecureContext } from "node:tls";
import { expected, isContent } from "./misuse.js";

/** Certificates and a key, as text or bytes in PEM. */
export interface Pem {
  /** Whoever may vouch for the server. */
  readonly ca: string | Buffer;
  /** Who the client is. */
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

/** Where the same are, in PEM. */
export interface CertificateFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** Told why the files cannot be used that are there now, once: calls go on with what was read before. What it throws fails the call. */
  readonly onUnusable?: ((reason: Error) => void) | undefined;
}

/** There are no certificates to call with: files that cannot be read, a function that failed, or what came does not fit. */
export class CredentialsError extends Error {
  /** @param cause what went wrong */
  constructor(cause: unknown) {
    super(`no certificates to call with: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = "CredentialsError";
  }
}

/** Certificates and key that belong together. */
export interface Identity {
  readonly pem: Pem;
  /** TLS 1.3. */
  readonly context: SecureContext;
  /** In milliseconds since 1970. */
  readonly validFromMs: number;
  readonly validToMs: number;
}

/** Gives what a call that starts now should be made with: the same object as before unless the certificates are others. */
export interface CredentialSource {
  /** @throws CredentialsError when there is nothing that could still be used */
  current(): Identity | Promise<Identity>;
  /** Somebody could not connect. */
  connectionFailed(): void;
  /** A server takes whoever has these for nobody: the next call looks again, however soon that is. */
  wasRefused(identity: Identity): void;
}

/**
 * @throws TypeError that names which of the three is missing or no PEM of its kind, or a key of another certificate
 */
export function identityOf(pem: Pem): Identity {
  const { ca, cert, key } = pem;
  for (const [name, content] of Object.entries({ ca, cert, key })) {
    // Without an authority Node would trust everyone that browsers trust.
    if (!isContent(content)) throw expected(name, "PEM as text or bytes", content);
    if (content.length === 0) throw new TypeError(`${name}: expected PEM as text or bytes, got nothing`);
  }
  // Of an authority that is none OpenSSL says nothing, and of the others not which one it is.
  parsed("ca", "a certificate", ca, (pem) => new X509Certificate(pem));
  const certificate = parsed("cert", "a certificate", cert, (pem) => new X509Certificate(pem));
  const privateKey = parsed("key", "a private key without a passphrase", key, (pem) => createPrivateKey(pem));
  if (!certificate.checkPrivateKey(privateKey)) throw new TypeError("key: it does not belong to the certificate");
  const context = createSecureContext({ ca, cert, key, minVersion: "TLSv1.3" });
  const { validFrom, validTo } = certificate;
  return { pem: { ca, cert, key }, context, validFromMs: Date.parse(validFrom), validToMs: Date.parse(validTo) };
}

function parsed<T>(name: string, what: string, content: string | Buffer, parse: (pem: Buffer) => T): T {
  const pem = Buffer.from(content);
  try {
    // What parses as DER is of no use to TLS.
    if (pem.includes("-----BEGIN ")) return parse(pem);
  } catch (error) {
    throw new TypeError(`${name}: this is not ${what} in PEM`, { cause: error });
  }
  throw new TypeError(`${name}: this is not ${what} in PEM`);
}

/** Certificates that stay the same. */
export function fixedCredentials(identity: Identity): CredentialSource {
  return { current: () => identity, connectionFailed: () => undefined, wasRefused: () => undefined };
}

/** Looks when a call starts, at most every two seconds, whether the files changed. No watcher keeps the process alive. */
export function credentialsFromFiles(files: CertificateFiles): CredentialSource {
  let readStamp = "";
  return new RenewedCredentials(
    () => true,
    async (known) => {
      // Taken before the files are read: should one change meanwhile, the next look finds another stamp.
      const stamp = await stampOf(files);
      if (known !== undefined && stamp === readStamp) return known;
      const [ca, cert, key] = await Promise.all([readFile(files.ca), readFile(files.cert), readFile(files.key)]);
      // Of a pair that is being replaced, this may be one old and one new file, and throws.
      const identity = identityOf({ ca, cert, key });
      readStamp = stamp;
      return identity;
    },
    files.onUnusable,
  );
}

/**
 * Asks at the first call, and when a call starts while the certificate is in the last tenth of its life (at most five
 * minutes before its end) or after a connection failed; at most every two seconds.
 */
export function credentialsFromFunction(ask: () => Promise<Pem> | Pem): CredentialSource {
  return new RenewedCredentials(
    ({ validFromMs, validToMs }, hasFailed) => {
      const marginMs = Math.min((validToMs - validFromMs) / 10, 5 * 60_000);
      return hasFailed || Date.now() >= validToMs - marginMs;
    },
    async () => {
      const pem: unknown = await ask();
      if (typeof pem !== "object" || pem === null) throw expected("credentials", "{ ca, cert, key }", pem);
      return identityOf(pem as Pem);
    },
  );
}

const atMostEveryMs = 2_000;

class RenewedCredentials implements CredentialSource {
  readonly #isDue: (known: Identity, hasFailed: boolean) => boolean;
  readonly #renew: (known: Identity | undefined) => Promise<Identity>;
  readonly #onUnusable: (reason: Error) => void;
  /** What was told last of what cannot be used. */
  #told: string | undefined;
  #identity: Identity | undefined;
  #renewedAt = -Infinity;
  #hasFailed = false;
  /** Calls that start meanwhile wait for the same renewal. */
  #renewal: Promise<Identity> | undefined;

  constructor(
    isDue: (known: Identity, hasFailed: boolean) => boolean,
    renew: (known: Identity | undefined) => Promise<Identity>,
    onUnusable: (reason: Error) => void = () => undefined,
  ) {
    this.#isDue = isDue;
    this.#renew = renew;
    this.#onUnusable = onUnusable;
  }

  current(): Identity | Promise<Identity> {
    const known = this.#identity;
    if (known !== undefined && Date.now() < known.validToMs) {
      if (performance.now() - this.#renewedAt < atMostEveryMs) return known;
      if (!this.#isDue(known, this.#hasFailed)) return known;
    }
    this.#renewal ??= this.#renewed(known).finally(() => (this.#renewal = undefined));
    return this.#renewal;
  }

  connectionFailed(): void {
    this.#hasFailed = true;
  }

  wasRefused(identity: Identity): void {
    // Others have come since, which may be good.
    if (identity !== this.#identity) return;
    this.#hasFailed = true;
    this.#renewedAt = -Infinity;
  }

  async #renewed(known: Identity | undefined): Promise<Identity> {
    this.#hasFailed = false;
    try {
      const renewed = await this.#renew(known);
      this.#identity = known !== undefined && isSame(known.pem, renewed.pem) ? known : renewed;
      this.#told = undefined;
    } catch (error) {
      if (known === undefined || Date.now() >= known.validToMs) throw new CredentialsError(error);
      this.#tell(error as Error);
    } finally {
      this.#renewedAt = performance.now();
    }
    return this.#identity ?? known!;
  }

  #tell(reason: Error): void {
    if (this.#told === reason.message) return;
    this.#told = reason.message;
    this.#onUnusable(reason);
  }
}

async function stampOf({ ca, cert, key }: CertificateFiles): Promise<string> {
  const stats = await Promise.all([ca, cert, key].map((path) => stat(path, { bigint: true })));
  return stats.map(({ ino, size, mtimeNs, ctimeNs }) => [ino, size, mtimeNs, ctimeNs].join()).join(" ");
}

/** The certificate is the same, whomever the client trusts. */
export function isSameCertificate(a: Identity, b: Identity): boolean {
  return isSameContent("cert", a.pem, b.pem);
}

function isSame(a: Pem, b: Pem): boolean {
  return (["ca", "cert", "key"] as const).every((name) => isSameContent(name, a, b));
}

function isSameContent(name: keyof Pem, a: Pem, b: Pem): boolean {
  return Buffer.from(a[name]).equals(Buffer.from(b[name]));
}

import { type X509Certificate, createPrivateKey } from "node:crypto";
import { createSecureContext } from "node:tls";
import type { Finding } from "../errors.js";
import { x509Of } from "../x509.js";
import { Unusable } from "./part.js";
import { PemError, pemBlocks } from "./pem.js";

/** The server's own certificate, with those that lead from it to an authority, and its key; PEM. */
export interface ServerPair {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly fingerprint256: string;
  /** On one line. */
  readonly subject: string;
  /** From when it is valid, in milliseconds since 1970. */
  readonly startMs: number;
  /** When the first of them ends, in milliseconds since 1970. */
  readonly endMs: number;
}

/** Source: RFC 5280, id-kp-serverAuth. */
const serverAuth = "1.3.6.1.5.5.7.3.1";

/**
 * Tries whether a server can be one with these: OpenSSL takes most of what is wrong without a word, and then nobody comes in.
 * @throws Unusable with every mistake
 */
export async function serverPairOf(
  certSource: string,
  keySource: string,
  cert: Buffer | undefined,
  key: Buffer | undefined,
): Promise<ServerPair> {
  const findings: Finding[] = [];
  const certificates = cert && (await parsed(findings, certSource, "a certificate", () => certificatesIn(cert)));
  const privateKey =
    key && (await parsed(findings, keySource, "a private key without a passphrase", () => createPrivateKey(key)));
  const first = certificates?.[0];
  if (first !== undefined) {
    for (const problem of problemsOf(first)) findings.push({ source: certSource, problem });
    if (privateKey !== undefined && !first.checkPrivateKey(privateKey)) {
      findings.push({ source: keySource, problem: `this key does not belong to the certificate in ${certSource}` });
    }
  }
  if (findings.length === 0 && cert !== undefined && key !== undefined) {
    try {
      createSecureContext({ cert, key });
    } catch (error) {
      const problem = `OpenSSL does not serve with this certificate: ${error instanceof Error ? error.message : "?"}`;
      findings.push({ source: certSource, problem });
    }
  }
  if (findings.length > 0 || first === undefined || cert === undefined || key === undefined)
    throw new Unusable(findings);
  const endMs = Math.min(...certificates!.map(({ validTo }) => Date.parse(validTo)));
  return {
    cert,
    key,
    fingerprint256: first.fingerprint256,
    subject: oneLine(first.subject),
    startMs: Date.parse(first.validFrom),
    endMs,
  };
}

async function parsed<T>(
  findings: Finding[],
  source: string,
  what: string,
  parse: () => T | Promise<T>,
): Promise<T | undefined> {
  try {
    return await parse();
  } catch (error) {
    const why = error instanceof PemError ? `: ${error.message}` : "";
    findings.push({ source, problem: `this is not ${what}, as PEM${why}` });
    return undefined;
  }
}

async function certificatesIn(pem: Buffer): Promise<readonly X509Certificate[]> {
  const certificates = (await pemBlocks(pem, "CERTIFICATE")).map(x509Of);
  if (certificates.length === 0) throw new Error("there is none");
  return certificates;
}

/** Node writes each part on a line of its own, and undefined for none, whatever its types say. */
function oneLine(subject: string | undefined): string {
  return (subject ?? "").replaceAll("\n", ",");
}

function* problemsOf(certificate: X509Certificate): Generator<string> {
  // A certificate that names usages, and not that one; without the extension it is for everything. Node says undefined
  // where the extension is missing; its types do not.
  const usages = certificate.keyUsage as readonly string[] | undefined;
  if (usages !== undefined && !usages.includes(serverAuth)) {
    yield "this certificate is not for servers: it lacks the serverAuth usage";
  }
  const { validFrom, validTo } = certificate;
  if (Date.parse(validTo) <= Date.now()) yield `this certificate expired on ${validTo}`;
  if (Date.parse(validFrom) > Date.now()) yield `this certificate is not valid before ${validFrom}`;
}

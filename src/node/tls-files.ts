import { X509Certificate, createPrivateKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Config } from "../config/index.js";
import { type Finding, OperatorError } from "../errors.js";
import type { TlsMaterial } from "../transport/index.js";

/** Node says undefined where the extension is missing; its types do not. */
function isForOthers(certificate: X509Certificate): boolean {
  const usages = certificate.keyUsage as readonly string[] | undefined;
  return usages !== undefined && !usages.includes(serverAuth);
}

/** When the first certificate of each file ends, in milliseconds since 1970. */
export type CertificateEnds = Readonly<Record<"server" | "ca", number>>;

/** Source: RFC 5280, id-kp-serverAuth. */
const serverAuth = "1.3.6.1.5.5.7.3.1";

/**
 * Reads the authority, certificate and key of the server, and tries whether they are what they are said to be: OpenSSL
 * would take an authority that is none without a word, and then let nobody in.
 *
 * @throws OperatorError with every mistake in all three files
 */
export async function readTls(files: Config["tls"]): Promise<TlsMaterial & { readonly endsMs: CertificateEnds }> {
  const findings: Finding[] = [];
  const read = async <T>(source: string, what: string, parse: (pem: Buffer) => T) => {
    try {
      const pem = await readFile(source);
      return { pem, parsed: parse(pem) };
    } catch (error) {
      const problem = error instanceof Error && "syscall" in error ? `: ${error.message}` : ", as PEM";
      findings.push({ source, problem: `this is not ${what}${problem}` });
      return undefined;
    }
  };
  const ca = await read(files.ca, "an authority's certificate", (pem) => new X509Certificate(pem));
  const cert = await read(files.cert, "a certificate", (pem) => new X509Certificate(pem));
  const key = await read(files.key, "a private key without a passphrase", (pem) => createPrivateKey(pem));
  if (ca !== undefined && !ca.parsed.ca) {
    findings.push({ source: files.ca, problem: "this certificate is not an authority's" });
  }
  if (cert !== undefined && key !== undefined && !cert.parsed.checkPrivateKey(key.parsed)) {
    findings.push({ source: files.key, problem: `this key does not belong to the certificate in ${files.cert}` });
  }
  // Without the extension a certificate is for everything.
  if (cert !== undefined && isForOthers(cert.parsed)) {
    findings.push({
      source: files.cert,
      problem: "this certificate is not for servers: it lacks the serverAuth usage",
    });
  }
  if (cert !== undefined && Date.parse(cert.parsed.validTo) < Date.now()) {
    findings.push({ source: files.cert, problem: `this certificate expired on ${cert.parsed.validTo}` });
  }
  if (findings.length > 0 || ca === undefined || cert === undefined || key === undefined) {
    throw new OperatorError("cannot serve with these certificates; `make certs` makes a set to begin with", findings);
  }
  return { ca: ca.pem, cert: cert.pem, key: key.pem, endsMs: { server: endOf(cert.pem), ca: endOf(ca.pem) } };
}

/** Of all certificates in the file, the first end. */
function endOf(pem: Buffer): number {
  const blocks = pem.toString("latin1").match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  return Math.min(...blocks.map((block) => Date.parse(new X509Certificate(block).validTo)));
}

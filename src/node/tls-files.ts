import { X509Certificate, createPrivateKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Config } from "../config/index.js";
import { type Finding, OperatorError } from "../errors.js";
// Not from the room's index: a server makes no certificates, and need not load what does.
import { certificatesIn } from "../pki/pem.js";
import { whyUnreadable } from "../read-file.js";
import type { TlsMaterial } from "../transport/index.js";

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
  const missing: string[] = [];
  const read = async <T>(source: string, what: string, parse: (pem: Buffer) => T) => {
    try {
      const pem = await readFile(source);
      return { pem, parsed: parse(pem) };
    } catch (error) {
      const isUnreadable = error instanceof Error && "syscall" in error;
      if (isUnreadable && "code" in error && error.code === "ENOENT") missing.push(source);
      findings.push({ source, problem: isUnreadable ? whyUnreadable(error) : `this is not ${what}, as PEM` });
      return undefined;
    }
  };
  const ca = await read(files.ca, "an authority's certificate", parseCertificates);
  const cert = await read(files.cert, "a certificate", parseCertificates);
  const key = await read(files.key, "a private key without a passphrase", (pem) => createPrivateKey(pem));
  if (ca?.parsed.first.ca === false) {
    findings.push({ source: files.ca, problem: "this certificate is not an authority's" });
  }
  if (cert !== undefined && key !== undefined && !cert.parsed.first.checkPrivateKey(key.parsed)) {
    findings.push({ source: files.key, problem: `this key does not belong to the certificate in ${files.cert}` });
  }
  if (cert !== undefined && isForOthers(cert.parsed.first)) {
    findings.push({
      source: files.cert,
      problem: "this certificate is not for servers: it lacks the serverAuth usage",
    });
  }
  if (cert !== undefined && Date.parse(cert.parsed.first.validTo) < Date.now()) {
    findings.push({ source: files.cert, problem: `this certificate expired on ${cert.parsed.first.validTo}` });
  }
  if (findings.length > 0 || ca === undefined || cert === undefined || key === undefined) {
    const advice = "; `make certs` makes a set to begin with, and --ca, --cert and --key name one that is elsewhere";
    throw new OperatorError(`cannot serve with these certificates${missing.length > 0 ? advice : ""}`, findings);
  }
  const endsMs = { server: cert.parsed.endMs, ca: ca.parsed.endMs };
  return { ca: ca.pem, cert: cert.pem, key: key.pem, endsMs };
}

/**
 * All of a file: the first, and when the first of them to end does.
 * @throws Error when there is none, or when one of them is broken
 */
function parseCertificates(pem: Buffer): { readonly first: X509Certificate; readonly endMs: number } {
  const [first, ...others] = certificatesIn(pem).map((each) => new X509Certificate(each));
  if (first === undefined) throw new Error("there is no certificate");
  return { first, endMs: Math.min(...[first, ...others].map(({ validTo }) => Date.parse(validTo))) };
}

/** A certificate that names usages, and not that one; without the extension it is for everything. */
function isForOthers(certificate: X509Certificate): boolean {
  // Node says undefined where the extension is missing; its types do not.
  const usages = certificate.keyUsage as readonly string[] | undefined;
  return usages !== undefined && !usages.includes(serverAuth);
}

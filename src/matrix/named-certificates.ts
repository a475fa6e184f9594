/** Certificates as a report names them, so that whoever keeps it can say later which they were. */
import { certificatesIn, inspectCertificate } from "../pki/index.js";

export interface NamedCertificate {
  /** As RFC 4514 writes it, the last part first: `CN=log.example,O=Example`. */
  readonly subject: string;
  /** SHA-256 of the whole certificate, as `AB:CD:…`. */
  readonly fingerprint256: string;
}

/** @throws OperatorError when it is none */
export function namedCertificate(certificate: string | Buffer): NamedCertificate {
  const { subject, fingerprint256 } = inspectCertificate(certificate);
  return { subject, fingerprint256 };
}

/** All that are in these, PEM, each once. */
export function namedCertificates(pems: readonly (string | Buffer)[]): readonly NamedCertificate[] {
  const named = pems.flatMap(certificatesIn).flatMap((each) => {
    try {
      return [namedCertificate(each)];
    } catch {
      // It vouches for nobody. Who needs it says what is wrong with it.
      return [];
    }
  });
  return [...new Map(named.map((each) => [each.fingerprint256, each])).values()];
}

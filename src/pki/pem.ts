import { X509Certificate } from "node:crypto";
import { OperatorError } from "../errors.js";
import { isDer, x509In } from "../x509.js";

/** The certificates of a PEM file, each for itself. */
export function certificatesIn(pem: string | Buffer): readonly string[] {
  const blocks = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
  return pem.toString("latin1").match(blocks) ?? [];
}

/**
 * The certificates of a PEM file, or the one of a DER file.
 * @throws OperatorError when there is none, or one that is damaged
 */
export function certificatesOf(file: Buffer): [X509Certificate, ...X509Certificate[]] {
  const pems = isDer(file) ? [] : certificatesIn(file);
  try {
    const [first, ...others] = pems.map((pem) => new X509Certificate(pem));
    return [first ?? x509In(file), ...others];
  } catch (error) {
    throw new OperatorError("this is not a certificate in PEM or DER", [], { cause: error });
  }
}

/**
 * Certificates as OpenSSL reads them. Node looks for PEM in any bytes that it is given, before it takes them for DER: one that
 * holds the PEM of another, in an extension or a name, would be that other one to it.
 */
import { X509Certificate } from "node:crypto";

/** @throws Error when it is none */
export function x509Of(der: Buffer): X509Certificate {
  return new X509Certificate(certificatePem(der));
}

/** Of a file: the one in DER, or the first in PEM. @throws Error when there is none */
export function x509In(file: Buffer): X509Certificate {
  return isDer(file) ? x509Of(file) : new X509Certificate(file);
}

/** A SEQUENCE of many bytes, which no text begins with. */
export function isDer(file: Buffer): boolean {
  return file[0] === 0x30 && file[1]! >= 0x80;
}

export function certificatePem(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

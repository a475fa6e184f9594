/** The certificates of a PEM file, each for itself. */
export function certificatesIn(pem: string | Buffer): readonly string[] {
  const blocks = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
  return pem.toString("latin1").match(blocks) ?? [];
}

import type { X509Certificate } from "node:crypto";

/**
 * What a server sees of the certificates that a peer shows: those that lead upwards from its own. Node 20 hands on no others. From
 * each it goes on to the first that OpenSSL takes for its issuer's by what is written there; but where that was the last of
 * those that are left, it takes it for the end. So each has to be shown behind the one that it has signed.
 */
export function linkedCertificates(leaf: X509Certificate, others: readonly X509Certificate[]): X509Certificate[] {
  const left = [...others];
  const linked: X509Certificate[] = [];
  for (let at = leaf; ;) {
    const found = left.findIndex((other) => at.checkIssued(other));
    if (found === -1) return linked;
    at = left.splice(found, 1)[0]!;
    linked.push(at);
    if (found === left.length) return linked;
  }
}

/** What grpc-js says when a connection fails, for people. */

/** One line, without the inside of OpenSSL and the labels that grpc-js adds. */
export function shortened(message: string): string {
  return (
    message
      // With several addresses it tells this once for all of them and once more for one.
      .replace(
        /(?:(?:round_robin: )?No connection established\. Last error: )+/,
        "No connection established. Last error: ",
      )
      // grpc-js ends some messages with a label that nothing follows.
      .replace(/\.? Resolution note: *$/, "")
      .replace(/[0-9A-F]+:error:[0-9A-F]+:[^:]*:[^:]*:([^:]*):[^:\s]*:\d+:(\s|$)+/g, "$1")
      .replace(/\bError(?: \[(\w+)\])?: /g, (_, code?: string) => (code === undefined ? "" : `${code}: `))
      .replace(/ \(\d{4}-\d\d-\d\dT[\d:.]+Z\)$/, "")
      .replace(/\s*\n\s*/g, " ")
      .trim()
  );
}

/** What the call was made with. */
interface Files {
  readonly cert: string;
  readonly ca: string;
  /** The folder that may have revocation lists; undefined where none is known. */
  readonly lists?: string | undefined;
}

/** What may be the matter, for a call that no server answered. */
export function whyUnreachable(details: string, address: string, files: Files): string {
  return causes.find(([pattern]) => pattern.test(details))?.[1](address, files) ?? `No answer came from ${address}.`;
}

// The words are those of Node 20 and later, of its OpenSSL and of grpc-js 1.14; a test provokes most of them.
const causes: readonly (readonly [pattern: RegExp, advice: (address: string, files: Files) => string])[] = [
  [/ECONNREFUSED/, (address) => `Nobody listens at ${address}: start the server, or check the address.`],
  [/Name resolution failed|ENOTFOUND|EAI_AGAIN/, (address) => `No host is known by the name in ${address}.`],
  [
    /self-signed certificate|unable to (?:verify|get) /,
    (address) => `${address} shows a certificate that the authority given here did not issue: check --ca, or --certs.`,
  ],
  [/certificate has expired/, (address) => `The certificate of ${address} has expired: its operator has to renew it.`],
  [/certificate is not yet valid/, () => "The server's certificate is not valid yet: compare the clocks."],
  [
    /ALTNAME_INVALID|does not match certificate's altnames/,
    (address) => `The server's certificate is not for the name in ${address}: call it by one that it lists.`,
  ],
  [/wrong version number/, (address) => `${address} does not speak TLS: is it another service's port?`],
  [
    // In TLS 1.3 a server sees the client's certificate only when the client holds the connection for secured.
    /disconnected before secure TLS/,
    (address) =>
      `Whoever listens at ${address} closed the connection at once: another service's port, a proxy in between, or a server that stops or is full?`,
  ],
  [
    // "Failed to connect" is a session that ended, without an error, before HTTP/2 had begun on it.
    /ECONNRESET|EPIPE|socket hang up|Connection dropped|Failed to connect|\balert\b/,
    (address, { cert, ca, lists }) =>
      `The server at ${address} closed the connection: most likely it does not accept this certificate. Its log says why, ` +
      `and \`aclog certs check ${cert} --for client --ca ${ca}${lists === undefined ? "" : ` --crl ${lists}`}\` what can be seen from here.`,
  ],
];

/** Where to, and under which certificate. */
import { requireAddresses } from "./channel.js";
import { Connection } from "./connection.js";
import {
  credentialsFromFiles,
  credentialsFromFunction,
  fixedCredentials,
  identityOf,
  type CertificateFiles,
  type CredentialSource,
  type Pem,
} from "./credentials.js";
import { duration, expected, requireOptions, requireText } from "./misuse.js";
import { optionNames } from "./option-names.js";

interface Servers {
  /**
   * `host:port`, or `[address]:port` for IPv6. With several, calls go to one after the other, past those that cannot be
   * reached; each server has to have a certificate for its own name or address.
   */
  readonly address: string | readonly string[];
  /**
   * How long nothing may come from the server, while calls are under way, before it is asked for a sign of life, in
   * milliseconds from 1,000 on. Default 20,000. It has as long to give one, and 10,000 ms at most; then the calls
   * fail with UNAVAILABLE.
   */
  readonly keepaliveMs?: number | undefined;
}

/**
 * Where to, and who the client is: certificates and key in PEM; files, which are read at the first call and again when
 * they change; or a function that is asked at the first call and again before its certificate expires.
 */
export type ConnectOptions = Servers &
  (
    | (Pem & { readonly files?: undefined; readonly credentials?: undefined })
    | ({ readonly files: CertificateFiles; readonly credentials?: undefined } & NoPem)
    | ({ readonly credentials: () => Promise<Pem> | Pem; readonly files?: undefined } & NoPem)
  );

type NoPem = { readonly [Name in keyof Pem]?: undefined };

const defaultKeepaliveMs = 20_000;
const dayMs = 24 * 3_600_000;

/**
 * @throws TypeError for an address without a port, an option that there is not, or where certificates are missing, given
 * in more than one way, or, given as PEM, do not parse or do not belong together
 */
export function connectionTo(options: ConnectOptions): Connection {
  requireOptions(options, optionNames.connect);
  const addresses = requireAddresses(options.address);
  const keepaliveMs = duration("keepaliveMs", options.keepaliveMs ?? defaultKeepaliveMs, 1_000, dayMs);
  return new Connection({ addresses, keepaliveMs }, sourceOf(options));
}

function sourceOf(options: ConnectOptions): CredentialSource {
  const { ca, cert, key, files, credentials } = options;
  const ways = [ca ?? cert ?? key, files, credentials].filter((given) => given !== undefined);
  if (ways.length > 1) throw new TypeError("options: expected one of { ca, cert, key }, { files } and { credentials }");
  if (files !== undefined) {
    requireOptions(files, optionNames.files, "files");
    const paths = { ca: files.ca, cert: files.cert, key: files.key };
    for (const [name, path] of Object.entries(paths)) requireText(`files.${name}`, path);
    return credentialsFromFiles({ ...paths, onUnusable: files.onUnusable });
  }
  if (credentials !== undefined) {
    if (typeof credentials !== "function") throw expected("credentials", "a function", credentials);
    return credentialsFromFunction(credentials);
  }
  return fixedCredentials(identityOf({ ca, cert, key }));
}

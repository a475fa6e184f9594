/** Which server, and under which certificate: what every client command needs first. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import type { CallError, CertificateFiles as FilesToWatch, Client } from "../client/index.js";
import { parseAddress } from "../address.js";
import { clientVariables, unknownVariables } from "../config/settings.js";
import { whyUnreadable } from "../read-file.js";
import { OperatorError, type Finding } from "../errors.js";
import { formatPrincipal, parsePrincipal, type Principal } from "../names.js";
import { collect, notPrincipal } from "./arguments.js";
import { CallFailure, type Aftermath } from "./failure.js";
import { shortened } from "./unreachable.js";

export const defaultAddress = "localhost:8400";
export const defaultCertificates = "certs";

/** What the options below give. */
export interface ConnectionFlags {
  readonly address?: readonly string[];
  readonly as?: string;
  readonly certs?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly json?: true;
}

export function addConnectionOptions(command: Command): Command {
  const { address, as, certs } = clientVariables;
  return command
    .option(
      "--address <HOST:PORT>",
      `the server; several, with commas or repeated, take turns (${address}; default ${defaultAddress})`,
      collect,
    )
    .option("--as <TENANT/NAME>", `call as this client, whose certificate is under certs/ (${as})`)
    .option("--certs <DIR>", `where the certificates are (${certs}; default ./${defaultCertificates})`)
    .option("--ca <FILE>", "instead of --as: who vouches for the server")
    .option("--cert <FILE>", "instead of --as: the client's certificate")
    .option("--key <FILE>", "instead of --as: the client's private key");
}

/**
 * Runs `use` with a connected client, and the address that it calls, and closes it.
 * @param aftermath asked when a call fails
 * @throws OperatorError for flags, variables and certificate files; CallFailure for what a call throws
 */
export async function withClient(
  flags: ConnectionFlags,
  use: (client: Client, address: string) => Promise<void>,
  aftermath: (call: CallError) => Aftermath = () => ({ hasBegun: false }),
): Promise<void> {
  const { addresses, files } = locate(flags);
  const address = addresses.join(", ");
  const [ca, cert, key] = await Promise.all([read(files, "ca"), read(files, "cert"), read(files, "key")]);
  refuseMistaken(files, { ca, cert, key });
  // grpc-js takes a while to load; a wrong flag should not have to wait for it.
  const { CallError, Client, CredentialsError } = await import("../client/index.js");
  const source = (await areFiles(files)) ? { files: watched(files, flags.json === true) } : { ca, cert, key };
  await using client = connect(() => Client.connect({ address: addresses, ...source }), files);
  try {
    await use(client, address);
  } catch (error) {
    if (error instanceof CredentialsError) throw unusable(error.cause, files);
    throw error instanceof CallError ? new CallFailure(error, address, aftermath(error), files) : error;
  }
}

/** Who calls, where --as or its variable says so. */
export function callerOf({ as, cert }: ConnectionFlags): Principal | undefined {
  if (cert !== undefined) return undefined;
  const [named] = pick(as, "--as", clientVariables.as) ?? [];
  return named === undefined ? undefined : parsePrincipal(named);
}

interface CertificateFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** The folder that they are in, where `aclog certs` puts revocation lists, too. */
  readonly lists?: string;
  /** What each of them is called when it is the one to mend. */
  readonly roles: Readonly<Record<Role, string>>;
  /** What to do when it is not there. */
  readonly remedies: Readonly<Record<Role, string>>;
}

type Role = "ca" | "cert" | "key";

function locate(flags: ConnectionFlags): { addresses: string[]; files: CertificateFiles } {
  const findings: Finding[] = unknownVariables(process.env);
  const [text, source] = pick(flags.address?.join(","), "--address", clientVariables.address) ?? [defaultAddress, ""];
  const addresses = text.split(",").map((address) => address.trim());
  for (const address of addresses) {
    if (!parseAddress(address)?.port) {
      findings.push({ source, problem: `${JSON.stringify(address)} is not HOST:PORT, such as ${defaultAddress}` });
    }
  }
  const files = locateCertificates(flags, findings);
  if (files === undefined || findings.length > 0) throw new OperatorError("cannot call the server:", findings);
  return { addresses, files };
}

function locateCertificates(flags: ConnectionFlags, findings: Finding[]): CertificateFiles | undefined {
  const { ca, cert, key } = flags;
  if (ca !== undefined || cert !== undefined || key !== undefined) {
    if (flags.as !== undefined) findings.push({ source: "--as", problem: "goes without --ca, --cert and --key" });
    if (ca !== undefined && cert !== undefined && key !== undefined) {
      const roles = { ca: "--ca", cert: "--cert", key: "--key" };
      const remedy = "check --ca, --cert and --key";
      return { ca, cert, key, roles, remedies: { ca: remedy, cert: remedy, key: remedy } };
    }
    for (const [source, file] of Object.entries({ "--ca": ca, "--cert": cert, "--key": key })) {
      if (file === undefined) findings.push({ source, problem: "is missing: --ca, --cert and --key go together" });
    }
    return undefined;
  }
  const [as, source] = pick(flags.as, "--as", clientVariables.as) ?? [undefined, "--as"];
  const principal = as === undefined ? undefined : parsePrincipal(as);
  if (principal === undefined) {
    const problem =
      as === undefined
        ? "is missing: name a client, such as acme/billing, or give --ca, --cert and --key"
        : `${JSON.stringify(as)} ${notPrincipal(as)}`;
    findings.push({ source, problem });
    return undefined;
  }
  const [directory] = pick(flags.certs, "--certs", clientVariables.certs) ?? [defaultCertificates];
  const stem = join(directory, "clients", principal.tenant, principal.name);
  const client = formatPrincipal(principal);
  const elsewhere = existsSync(directory) ? "" : "--certs names the folder if it is elsewhere; ";
  const files = { ca: join(directory, "ca.crt"), cert: `${stem}.crt`, key: `${stem}.key`, lists: directory };
  const remedy =
    elsewhere +
    (directory === defaultCertificates
      ? `\`aclog certs init\` makes the first ones, \`aclog certs issue ${client}\` one more`
      : `\`aclog certs init --dir ${directory}\` makes the first ones there, ` +
        `\`aclog certs issue ${client} --dir ${directory}\` one more`);
  // As where it was issued for a request: only its owner has the key.
  const keyAlone = `put the key of ${files.cert} there, or say where it is: --ca ${files.ca} --cert ${files.cert} --key FILE`;
  return {
    ...files,
    roles: { ca: "the authority's certificate", cert: `${client}'s certificate`, key: `${client}'s private key` },
    remedies: { ca: remedy, cert: remedy, key: existsSync(files.cert) ? keyAlone : remedy },
  };
}

/** The flag if it was given, else the variable, with the name of the one that counted. */
function pick(flag: string | undefined, flagName: string, variable: string): [string, string] | undefined {
  if (flag !== undefined) return [flag, flagName];
  const value = process.env[variable];
  return value === undefined ? undefined : [value, variable];
}

async function read(files: CertificateFiles, role: Role): Promise<Buffer> {
  const source = files[role];
  try {
    return await readFile(source);
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    const problem = `${whyUnreadable(error)}${isMissing ? `; ${files.remedies[role]}` : ""}`;
    throw new OperatorError(`${files.roles[role]} cannot be read:`, [{ source, problem }], { cause: error });
  }
}

/** OpenSSL says of a file in the wrong place where in OpenSSL that was noticed, and takes an authority that is none. */
function refuseMistaken(files: CertificateFiles, { ca, cert, key }: Readonly<Record<Role, Buffer>>): void {
  const findings: Finding[] = [];
  const attempt = <T>(role: Role, what: string, parse: () => T): T | undefined => {
    try {
      return parse();
    } catch {
      findings.push({ source: files[role], problem: `is not ${what}, as ${files.roles[role]} has to be` });
      return undefined;
    }
  };
  attempt("ca", "a certificate in PEM", () => new X509Certificate(ca));
  const certificate = attempt("cert", "a certificate in PEM", () => new X509Certificate(cert));
  const privateKey = attempt("key", "a private key in PEM without a passphrase", () => createPrivateKey(key));
  if (certificate !== undefined && privateKey !== undefined && !certificate.checkPrivateKey(privateKey)) {
    findings.push({ source: files.key, problem: `does not belong to the certificate in ${files.cert}` });
  }
  if (findings.length > 0) throw new OperatorError("cannot call the server with these certificates:", findings);
}

/** What came through a pipe, as of a shell's <(…), is not there a second time. */
async function areFiles({ ca, cert, key }: CertificateFiles): Promise<boolean> {
  const found = await Promise.all([ca, cert, key].map((path) => stat(path)));
  return found.every((each) => each.isFile());
}

/** A command may go on for months, and its certificate be renewed meanwhile. */
function watched({ ca, cert, key }: CertificateFiles, asJson: boolean): FilesToWatch {
  const onUnusable = (error: Error): void => {
    const reason = shortened(error.message);
    const message = `what is in ${cert}, ${key} and ${ca} now cannot be used: ${reason}; going on with what was there before`;
    const event = { event: "CERTIFICATE_KEPT", message, reason };
    process.stderr.write(asJson ? `${JSON.stringify(event)}\n` : `aclog: ${message}\n`);
  };
  return { ca, cert, key, onUnusable };
}

function connect(open: () => Client, files: CertificateFiles): Client {
  try {
    return open();
  } catch (error) {
    throw unusable(error, files);
  }
}

function unusable(error: unknown, { cert, key }: CertificateFiles): OperatorError {
  const why = shortened(error instanceof Error ? error.message : String(error));
  const problem = `cannot be used with ${key}: ${why}; \`aclog certs check ${cert}\` says what to have issued instead`;
  return new OperatorError("the certificate does not work:", [{ source: cert, problem }], { cause: error });
}

/** `aclog certs issue`: one more certificate, of a client or a server. */
import type { Command } from "commander";
import { join } from "node:path";
import { formatPrincipal, type Principal } from "../names.js";
import type { AlternativeNames, Issuance } from "../pki/index.js";
import { collect, parseWhom } from "./arguments.js";
import {
  addFolder,
  bitsOf,
  bitsOption,
  madeLines,
  parseDays,
  readCertificateFile,
  shownTime,
  writing,
} from "./certs-flags.js";
import { UsageError } from "./failure.js";
import { print } from "./output.js";

interface IssueFlags {
  readonly dir: string;
  readonly server?: true;
  readonly days?: number;
  readonly bits?: "2048" | "3072";
  readonly dns?: readonly string[];
  readonly ip?: readonly string[];
  readonly email?: readonly string[];
  readonly spiffe?: string;
  readonly ca?: string;
  readonly csr?: string;
  readonly out?: string;
  readonly force?: true;
  readonly json?: true;
}

export function addIssue(certs: Command): void {
  const issue = certs
    .command("issue")
    .summary("make one more certificate, of a client or a server")
    .description(
      "Make one more certificate: of a client, or with --server of a server. Its key is made beside it, unless --csr brings a " +
        "request of somebody who keeps his own.",
    )
    .argument("[TENANT/NAME]", "which client it is for, such as acme/shipping", parseWhom);
  addFolder(issue)
    .option("--server", "of a server, for the names that --dns and --ip give")
    .option("--days <N>", "how long it lasts, but never longer than its authority; 824 unless told", parseDays)
    .addOption(bitsOption())
    .option("--dns <NAME>", "a DNS name in it; may be given several times", collect)
    .option("--ip <ADDRESS>", "an IP address in it; may be given several times", collect)
    .option("--email <ADDRESS>", "an e-mail address in it; may be given several times", collect)
    .option("--spiffe <URI>", "the SPIFFE ID in it, such as spiffe://prod.example/acme/billing")
    .option("--ca <NAME>", "NAME.crt signs; else the tenant's own authority, where there is one, or ca.crt")
    .option("--csr <FILE>", "a request (PKCS#10) with a key of any kind; nothing but the key is taken from it")
    .option("--out <PLACE>", "where to in the folder, without an ending, such as servers/broker-2")
    .option("--force", "replace the one that is there")
    .option("--json", "print one object")
    .addHelpText(
      "after",
      "\nExamples:\n" +
        "  aclog certs issue acme/shipping\n" +
        "  aclog certs issue acme/shipping --csr shipping.csr --days 90\n" +
        "  aclog certs issue --server --dns log.example --ip 10.0.0.7 --force",
    )
    .action(run);
}

async function run(principal: Principal | undefined, flags: IssueFlags): Promise<void> {
  const { dir, server, csr, force = false, json } = flags;
  if ((principal === undefined) === (server === undefined)) {
    throw new UsageError("name either a client, TENANT/NAME, or --server");
  }
  if (csr !== undefined && flags.bits !== undefined)
    throw new UsageError("a request has its own key: --bits has no meaning");
  const names = namesIn(flags);
  if (server && names.dns.length + names.ip.length === 0) {
    throw new UsageError("--server needs the names that clients reach it by: --dns, --ip");
  }
  const { issueCertificate } = await import("../pki/index.js");
  const request = csr === undefined ? undefined : await readCertificateFile(csr, "cannot issue");
  const options = { force, days: flags.days, bits: bitsOf(flags.bits), names, ca: flags.ca, request, place: flags.out };
  const issued = await writing(dir, issueCertificate(dir, principal ?? "server", options));
  await printIssued(dir, issued, json, { dropped: issued.dropped });
  if (json) return;
  if (issued.dropped.length > 0)
    await print(`The one before was also for ${issued.dropped.join(", ")}, this one is not.\n`);
  const [first] = issued.made;
  if (csr !== undefined) {
    const key = join(dir, first!.replace(/crt$/, "key"));
    const place = principal === undefined || flags.out !== undefined ? "" : `, and --as looks for it in ${key}`;
    await print(`Only the key was taken from the request: its owner keeps the other half${place}.\n`);
  }
  if (principal === undefined) return print("A server that runs with it takes it up by itself.\n");
  const name = formatPrincipal(principal);
  await print(
    `The server lets it in once tenants.yaml declares ${principal.tenant}, and to what policy.csv gives ${name}: ` +
      `see \`aclog policy what ${name}\`.\n`,
  );
}

/** What was made, and until when it is good. @param more what the object has besides */
export async function printIssued(
  dir: string,
  { made, serial, notAfter, isCut, missing }: Issuance,
  json?: true,
  more: object = {},
): Promise<void> {
  if (json) {
    const paths = made.map((path) => join(dir, path));
    return print(`${JSON.stringify({ made: paths, serial, notAfter, missing, ...more })}\n`);
  }
  const cut = isCut ? ", when its authority ends" : "";
  await print(`${madeLines(dir, made)}serial number ${serial}, good until ${shownTime(notAfter)}${cut}\n`);
  if (missing !== undefined) warnOfMissing(dir, missing);
}

/** On stderr: cron throws the rest away. */
export function warnOfMissing(dir: string, missing: string): void {
  process.stderr.write(
    `aclog: the certificate of ${missing}, on the way to the root, is not in ${dir}: whoever does not have it refuses what was ` +
      "issued; put it there, as NAME.crt, and renew that, which then brings it along\n",
  );
}

function namesIn({ dns = [], ip = [], email = [], spiffe }: IssueFlags): Required<AlternativeNames> {
  return { dns, ip, email, uri: spiffe === undefined ? [] : [spiffe] };
}

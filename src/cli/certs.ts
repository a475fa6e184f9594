/** `aclog certs`: make an authority and its first certificates, issue one more, look into one. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { whyUnreadable } from "../read-file.js";
import { OperatorError } from "../errors.js";
import { formatPrincipal, type Principal } from "../names.js";
import type { CertificateSummary } from "../pki/index.js";
import { parseWhom } from "./arguments.js";
import { defaultCertificates } from "./connection.js";
import { print } from "./output.js";
import { list } from "./table.js";
import { whyUnwritable } from "./unwritable.js";

interface MakingFlags {
  readonly dir: string;
  readonly force?: boolean;
  readonly json?: true;
}

export function addCerts(program: Command): void {
  const certs = program
    .command("certs")
    .summary("make, issue and inspect certificates")
    .description("Make, issue and inspect certificates.");
  certs
    .command("init")
    .summary("make an authority and its first certificates")
    .description("Make an authority, a server for localhost and the clients that the example policy speaks about.")
    .option("--dir <DIR>", "where to", defaultCertificates)
    .option("--force", "make everything anew; what the old authority issued is trusted no longer")
    .option("--json", "print one object")
    .addHelpText("after", "\nExample:\n  aclog certs init")
    .action(init);
  certs
    .command("issue")
    .summary("make one more client certificate")
    .description("Make one more client certificate.")
    .argument("<TENANT/NAME>", "who it is for, such as acme/shipping", parseWhom)
    .option("--dir <DIR>", "where the authority is", defaultCertificates)
    .option("--force", "replace the one that is there")
    .option("--json", "print one object")
    .addHelpText("after", "\nExample:\n  aclog certs issue acme/shipping")
    .action(issue);
  certs
    .command("inspect")
    .summary("show what a certificate says about itself")
    .description("Show what a certificate says about itself. Nothing is verified.")
    .argument("<FILE>", "PEM or DER")
    .option("--json", "print one object")
    .addHelpText("after", "\nExample:\n  aclog certs inspect certs/server.crt")
    .action(inspect);
}

async function init({ dir, force = false, json }: MakingFlags): Promise<void> {
  const { examplePrincipals, initCertificates } = await import("../pki/index.js");
  await printMade(dir, await writing(dir, initCertificates(dir, { principals: examplePrincipals, force })), json);
}

async function issue(principal: Principal, { dir, force = false, json }: MakingFlags): Promise<void> {
  const { issueCertificate } = await import("../pki/index.js");
  await printMade(dir, await writing(dir, issueCertificate(dir, principal, { force })), json);
  if (json) return;
  await print(
    `The server lets it in once tenants.yaml declares ${principal.tenant}, and to what policy.csv gives ${formatPrincipal(principal)}.\n`,
  );
}

/** What a system call says about a path inside, as it concerns the folder that was named. */
async function writing<T>(directory: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof Error && "syscall" in error)) throw error;
    const problem = `cannot make certificates in ${directory}: ${whyUnwritable(error)}; name another folder with --dir`;
    throw new OperatorError(problem, [], { cause: error });
  }
}

async function printMade(directory: string, paths: readonly string[], json: true | undefined): Promise<void> {
  const made = paths.map((path) => join(directory, path));
  await print(json ? `${JSON.stringify({ made })}\n` : made.map((path) => `made ${path}\n`).join(""));
}

async function inspect(path: string, { json }: { readonly json?: true }): Promise<void> {
  const { inspectCertificate } = await import("../pki/index.js");
  const bytes = await read(path);
  const summary = naming(path, () => inspectCertificate(bytes));
  await print(json ? `${JSON.stringify(summary)}\n` : await list(rowsOf(summary)));
}

function rowsOf(summary: CertificateSummary): Readonly<Record<string, string>> {
  const { notBefore, notAfter, daysLeft } = summary;
  const validity = daysLeft < 0 ? "expired" : notBefore > new Date() ? "not valid yet" : `${daysLeft} days left`;
  return {
    subject: summary.subject,
    issuer: summary.issuer,
    serial: summary.serial,
    valid: `${notBefore.toISOString()} to ${notAfter.toISOString()} (${validity})`,
    key: summary.keyBits === undefined ? summary.keyType : `${summary.keyType} ${summary.keyBits}`,
    "key usage": summary.keyUsage?.join(", ") ?? "any",
    "extended key usage": summary.extendedKeyUsage?.join(", ") ?? "any",
    names: summary.subjectAltNames.join(", ") || "none",
    authority: summary.isCa ? "yes" : "no",
    sha256: summary.fingerprint256,
  };
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new OperatorError("cannot inspect:", [{ source: path, problem: whyUnreadable(error) }], { cause: error });
  }
}

/** The room that inspects knows bytes, and not where they came from. */
function naming<T>(path: string, inspected: () => T): T {
  try {
    return inspected();
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    throw new OperatorError("cannot inspect:", [{ source: path, problem: error.message }], { cause: error });
  }
}

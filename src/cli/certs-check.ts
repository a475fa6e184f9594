/** `aclog certs check`: whether a certificate will be of use here, before it fails in production. */
import { type Command, Option } from "commander";
import { readdir, stat } from "node:fs/promises";
import { OperatorError } from "../errors.js";
import { listsAmong, maxListFileBytes, mayHaveNoList } from "../revocation-files.js";
import type { CheckFinding, ListFile, Role } from "../pki/index.js";
import { whyUnreadable } from "../read-file.js";
import { naming, parseWithin, readCertificateFile } from "./certs-flags.js";
import { print } from "./output.js";
import { counted } from "./units.js";

interface CheckFlags {
  readonly for?: Role;
  readonly host?: string;
  readonly ca?: string;
  readonly crl?: string;
  readonly key?: string;
  readonly expiringWithin?: number;
  readonly json?: true;
}

const purpose = "cannot check";

export function addCheckCertificate(certs: Command): void {
  certs
    .command("check")
    .summary("say whether a certificate will be of use here, and if not what to do")
    .description(
      "Look for everything that keeps a certificate, of whatever origin, from being of use here as that of a client or a server: " +
        "dates, key, signature, usages, names, what leads to its authority. Exits with 1 if anything does. Whom the server takes " +
        "its bearer for, `aclog identity` shows.",
    )
    .argument("<FILE>", "PEM, with what leads to its authority behind it; or DER")
    .addOption(new Option("--for <ROLE>", "as whose; else what its usages say").choices(["client", "server"]))
    .option("--host <NAME>", "a DNS name or an address by which clients reach the server")
    .option("--ca <FILE>", "who is trusted by the other side")
    .option("--crl <PATH>", "revocation lists, PEM or DER, as the server has them: a file or a folder")
    .option("--key <FILE>", "its key")
    .option(
      "--expiring-within <DAYS>",
      "that it ends so soon, or what leads to its authority, is an error; else 30 days, and a warning",
      parseWithin,
    )
    .option("--json", "print one object")
    .addHelpText(
      "after",
      "\nExamples:\n" +
        "  aclog certs check billing.crt --ca certs/ca.crt --crl certs\n" +
        "  aclog certs check server.crt --for server --host log.example --ca certs/ca.crt --crl certs --key server.key",
    )
    .action(run);
}

async function run(path: string, flags: CheckFlags): Promise<void> {
  const { checkCertificate } = await import("../pki/index.js");
  const file = await readCertificateFile(path, purpose);
  const [authorities, key] = [await given(flags.ca), await given(flags.key)];
  const lists = flags.crl === undefined ? undefined : await listsAt(flags.crl);
  const { expiringWithin } = flags;
  const options = { role: flags.for, expiringWithin, host: flags.host, authorities, lists, key };
  const { roles, because, findings } = await naming(path, purpose, () => checkCertificate(file, options));
  const all = [...findings, ...(flags.key === undefined ? [] : await findingsOfMode(flags.key))];
  const errors = all.filter(({ severity }) => severity === "error").length;
  if (errors > 0) process.exitCode = 1;
  if (flags.json) return print(`${JSON.stringify({ ok: errors === 0, roles, because, findings: all })}\n`);
  const role = roles.join(" and ");
  const verdict = errors === 0 ? `good for use as ${role}` : `of no use as ${role}: ${counted(errors, "error")}`;
  const warnings = all.length - errors;
  const more = warnings === 0 ? "" : `, ${counted(warnings, "warning")}`;
  await print(all.map(linesOf).join("") + `${path}: ${verdict}${more}\n  looked at as that of a ${role}, ${because}\n`);
  if (errors === 0 && roles.includes("client"))
    await print(`  whom the server takes its bearer for: aclog identity ${path}\n`);
}

async function given(path: string | undefined): Promise<Buffer | undefined> {
  return path === undefined ? undefined : readCertificateFile(path, purpose);
}

async function listsAt(path: string): Promise<ListFile[]> {
  const inside = await listsInFolder(path);
  const lists: ListFile[] = [];
  for (const source of inside ?? [path]) {
    const mayHaveNone = inside !== undefined && mayHaveNoList(source);
    lists.push({ source, bytes: await readCertificateFile(source, purpose, maxListFileBytes), mayHaveNone });
  }
  return lists;
}

/** Undefined where it is no folder. */
async function listsInFolder(path: string): Promise<readonly string[] | undefined> {
  try {
    return listsAmong(path, await readdir(path));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    // What is wrong with a file, whoever reads it says.
    if (code === "ENOTDIR" || code === "ENOENT") return undefined;
    throw new OperatorError(`${purpose}:`, [{ source: path, problem: whyUnreadable(error) }], { cause: error });
  }
}

function linesOf({ severity, problem, remedy }: CheckFinding): string {
  return `${severity}: ${problem}\n  ${remedy}\n`;
}

async function findingsOfMode(path: string): Promise<CheckFinding[]> {
  const mode = (await stat(path)).mode & 0o777;
  if ((mode & 0o077) === 0) return [];
  const problem = `others than its owner may get at the key (mode ${mode.toString(8)})`;
  return [{ severity: "warning", problem, remedy: `chmod 600 ${path}` }];
}

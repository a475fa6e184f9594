/** `aclog certs revoke` and `aclog certs crl`: what is good no longer, and the lists that say so. */
import { type Command, Option } from "commander";
import { join } from "node:path";
import type { Principal } from "../names.js";
import type { Revocation, Target, WrittenList } from "../pki/index.js";
// Not from the room's index, which loads what makes certificates.
import { type Reason, reasons } from "../pki/reasons.js";
import { parseWhom } from "./arguments.js";
import { addFolder, parseDays, readCertificateFile, shownTime, writing } from "./certs-flags.js";
import { UsageError } from "./failure.js";
import { print } from "./output.js";

interface RevokeFlags {
  readonly dir: string;
  readonly serial?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly reason: Reason;
  readonly crlDays?: number;
  readonly json?: true;
}

export function addRevokeCertificate(certs: Command): void {
  const revoke = certs
    .command("revoke")
    .summary("end certificates before their time")
    .description(
      "Revoke every certificate of somebody that is still good, or one by its serial number or file. The authority's revocation " +
        "list is written anew; a server that was told of it ends the connections that rest on them within a second.",
    )
    .argument("[TENANT/NAME]", "whose, such as acme/billing", parseWhom);
  addFolder(revoke)
    .option("--serial <HEX>", "the one with this serial number")
    .option("--ca <NAME>", "NAME.crt has issued it; for a serial number that no index knows")
    .option("--cert <FILE>", "this one, wherever the file is")
    .addOption(new Option("--reason <WHY>", "why").choices(Object.keys(reasons)).default("unspecified"))
    .option(
      "--crl-days <N>",
      "how long the list is good; 30 unless told, and never less than the one before",
      parseDays,
    )
    .option("--json", "print one object")
    .addHelpText(
      "after",
      "\nExamples:\n  aclog certs revoke acme/billing --reason keyCompromise\n  aclog certs revoke --cert stolen.crt",
    )
    .action(run);
}

export function addLists(certs: Command): void {
  const crl = certs
    .command("crl")
    .summary("write the revocation lists anew before they end")
    .description(
      "Write the revocation list of every authority anew whose key is in the folder. A list has an end, after which a server " +
        "takes no new connections of its authority: run this before, from cron for example.",
    );
  addFolder(crl)
    .option(
      "--crl-days <N>",
      "how long they are good; unless told 30, and then never less than the ones before",
      parseDays,
    )
    .option("--json", "print one object")
    .addHelpText("after", "\nExample:\n  aclog certs crl --crl-days 7")
    .action(renew);
}

async function run(principal: Principal | undefined, flags: RevokeFlags): Promise<void> {
  const { dir, reason, crlDays: listDays, json } = flags;
  const targets: Target[] = [
    ...(principal === undefined ? [] : [{ principal }]),
    ...(flags.serial === undefined ? [] : [{ serial: flags.serial, ca: flags.ca }]),
    ...(flags.cert === undefined ? [] : [{ certificate: await readCertificateFile(flags.cert, "cannot revoke") }]),
  ];
  const [target] = targets;
  if (target === undefined || targets.length > 1) throw new UsageError("name one of TENANT/NAME, --serial and --cert");
  if (flags.ca !== undefined && flags.serial === undefined) throw new UsageError("--ca goes with --serial");
  const { revokeCertificates } = await import("../pki/index.js");
  const revocation = await writing(dir, revokeCertificates(dir, target, { reason, listDays }));
  if (json) return print(`${JSON.stringify({ ...revocation, lists: inFolder(dir, revocation.lists) })}\n`);
  await printRevocation(dir, revocation);
}

export async function printRevocation(dir: string, revocation: Revocation): Promise<void> {
  await print(told(revocation) + linesOf(dir, revocation.lists));
  if (revocation.lists.length > 0) {
    await print("A server that was told of the list ends their connections within a second; others need the file.\n");
  }
}

async function renew({ dir, crlDays, json }: Pick<RevokeFlags, "dir" | "crlDays" | "json">): Promise<void> {
  const { renewLists } = await import("../pki/index.js");
  const lists = await writing(dir, renewLists(dir, crlDays));
  await print(json ? `${JSON.stringify({ lists: inFolder(dir, lists) })}\n` : linesOf(dir, lists));
}

function told({ revoked, before }: Revocation): string {
  const now = revoked.map(
    ({ serial, subject }) => `revoked ${serial}${subject === undefined ? "" : ` (${subject})`}\n`,
  );
  return [...now, ...before.map((serial) => `${serial} was revoked already\n`)].join("");
}

function linesOf(dir: string, lists: readonly WrittenList[]): string {
  return lists
    .map(
      ({ file, authority, revoked, nextUpdate }) =>
        `${join(dir, file)}: ${authority} has revoked ${revoked}; good until ${shownTime(nextUpdate)}\n`,
    )
    .join("");
}

function inFolder(dir: string, lists: readonly WrittenList[]): readonly WrittenList[] {
  return lists.map((list) => ({ ...list, file: join(dir, list.file) }));
}

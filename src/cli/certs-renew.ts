/** `aclog certs renew`: a certificate in the place of one that ends. */
import { type Command, Option } from "commander";
import { join } from "node:path";
import type { Principal } from "../names.js";
import type { Renewal, RenewalOutcome, Renewed, RenewOptions } from "../pki/index.js";
import { parseTenant, parseWhom } from "./arguments.js";
import { addFolder, bitsOf, bitsOption, parseDays, parseWithin, shownTime, writing } from "./certs-flags.js";
import { printIssued, warnOfMissing } from "./certs-issue.js";
import { printRevocation } from "./certs-revoke.js";
import { defaultCertificates } from "./connection.js";
import { UsageError } from "./failure.js";
import { print } from "./output.js";

interface RenewFlags {
  readonly dir: string;
  readonly server?: true;
  readonly out?: string;
  readonly expiringWithin?: number;
  readonly all?: true;
  readonly sameKey?: true;
  readonly bits?: "2048" | "3072";
  readonly days?: number;
  readonly ca?: string;
  readonly issuedBy?: string;
  readonly tenant?: string;
  readonly revokeOld?: true;
  readonly json?: true;
}

export function addRenew(certs: Command): void {
  const renew = certs
    .command("renew")
    .summary("make a certificate anew before it ends")
    .description(
      "Make a certificate anew in its place: the same subject, names and usage, with a new key, for as long as the one before. " +
        "That one stays good until it ends or is revoked, so that nobody is cut off meanwhile.",
    )
    .argument("[TENANT/NAME]", "whose, such as acme/billing", parseWhom);
  addFolder(renew)
    .option("--server", "server.crt")
    .option("--out <PLACE>", "the one that `issue --out` put there")
    .option("--expiring-within <DAYS>", "everything that ends so soon, or has ended", parseWithin)
    .option("--all", "everything")
    .option("--same-key", "certify the same key again, which need not be here")
    .addOption(bitsOption())
    .option("--days <N>", "how long it lasts; as long as the one before unless told", parseDays)
    .option("--ca <NAME>", "NAME.crt signs; else the authority that signed before")
    .option("--issued-by <NAME>", "with --all or --expiring-within: only what NAME.crt has issued")
    .addOption(
      new Option("--tenant <TENANT>", "with --all or --expiring-within: only what is of its principals").argParser(
        parseTenant,
      ),
    )
    .option("--revoke-old", "revoke at once what was in its place before and is still good")
    .option("--json", "print one object")
    .addHelpText(
      "after",
      "\nExamples:\n  aclog certs renew acme/billing\n  aclog certs renew --server --same-key\n  aclog certs renew --expiring-within 30",
    )
    .action(run);
}

async function run(principal: Principal | undefined, flags: RenewFlags): Promise<void> {
  const { dir, json } = flags;
  const within = flags.all ? Infinity : flags.expiringWithin;
  const which: readonly Renewed[] = [
    ...(principal === undefined ? [] : [principal]),
    ...(flags.server ? (["server"] as const) : []),
    ...(flags.out === undefined ? [] : [{ place: flags.out }]),
  ];
  if (which.length + (within === undefined ? 0 : 1) !== 1) {
    throw new UsageError("name one of TENANT/NAME, --server, --out, --expiring-within and --all");
  }
  if (flags.sameKey && flags.bits !== undefined) throw new UsageError("--same-key makes no key: --bits has no meaning");
  const { sameKey, days, ca, revokeOld } = flags;
  const options: RenewOptions = { sameKey, days, ca, revokeOld, bits: bitsOf(flags.bits) };
  const { renewCertificate, renewExpiring } = await import("../pki/index.js");
  if (within !== undefined) {
    const { issuedBy, tenant } = flags;
    return printAll(dir, await writing(dir, renewExpiring(dir, within, { ...options, issuedBy, tenant })), json);
  }
  if (flags.issuedBy !== undefined) throw new UsageError("--issued-by goes with --all and --expiring-within");
  if (flags.tenant !== undefined) throw new UsageError("--tenant goes with --all and --expiring-within");
  const renewal = await writing(dir, renewCertificate(dir, which[0]!, options));
  const { before, revocation } = renewal;
  if (json) return printIssued(dir, renewal, json, { before, revoked: revocation?.revoked ?? [] });
  await printIssued(dir, renewal);
  if (revocation !== undefined) await printRevocation(dir, revocation);
  else await print(`${ofTheOld(dir, renewal)}\n`);
}

async function printAll(dir: string, outcomes: readonly RenewalOutcome[], json?: true): Promise<void> {
  if (outcomes.some((outcome) => "problem" in outcome)) process.exitCode = 1;
  if (json) {
    const renewed = outcomes.map((outcome) => ({
      file: join(dir, outcome.holding.file!),
      before: outcome.holding.serial,
      ...("problem" in outcome
        ? { problem: outcome.problem }
        : {
            serial: outcome.renewal.serial,
            notAfter: outcome.renewal.notAfter,
            missing: outcome.renewal.missing,
            revoked: outcome.renewal.revocation?.revoked ?? [],
          }),
    }));
    return print(`${JSON.stringify({ renewed })}\n`);
  }
  for (const outcome of outcomes) {
    const path = join(dir, outcome.holding.file!);
    if ("problem" in outcome) {
      // Cron sends what is printed here, and throws the rest away.
      process.stderr.write(`not renewed: ${path}: ${outcome.problem}\n`);
    } else {
      const { notAfter, isCut, revocation } = outcome.renewal;
      await print(`renewed ${path}, good until ${shownTime(notAfter)}${isCut ? ", when its authority ends" : ""}\n`);
      for (const { serial } of revocation?.revoked ?? []) await print(`  revoked ${serial}, which was there before\n`);
    }
  }
  const missing = outcomes.flatMap((outcome) => ("renewal" in outcome ? (outcome.renewal.missing ?? []) : []));
  for (const each of new Set(missing)) warnOfMissing(dir, each);
  if (outcomes.length === 0) await print("nothing to renew\n");
}

function ofTheOld(dir: string, { before, wasOver }: Renewal): string {
  const where = dir === defaultCertificates ? "" : ` --dir ${dir}`;
  return wasOver
    ? `The one before, ${before}, had ended or been revoked.`
    : `The one before, ${before}, stays good until it ends: \`aclog certs revoke --serial ${before}${where}\` ends it at once.`;
}

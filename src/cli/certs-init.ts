/** `aclog certs init`: an authority and its first certificates. */
import { type Command, InvalidArgumentError } from "commander";
import { join } from "node:path";
import { isTenantName, nameRules } from "../names.js";
import { addFolder, bitsOf, bitsOption, madeLines, parseDays, writing } from "./certs-flags.js";
import { UsageError } from "./failure.js";
import { print } from "./output.js";

interface InitFlags {
  readonly dir: string;
  readonly bits?: "2048" | "3072";
  readonly days?: number;
  readonly caDays?: number;
  readonly intermediate?: true;
  readonly tenant?: string;
  readonly ca?: string;
  readonly force?: true;
  readonly json?: true;
}

export function addInit(certs: Command): void {
  const init = certs
    .command("init")
    .summary("make an authority and its first certificates")
    .description(
      "Make an authority with an empty revocation list, a server for localhost and the clients that the example policy speaks " +
        "about; or, with --tenant or --ca, one more authority beside the first and nothing else.",
    );
  addFolder(init, "where to")
    .addOption(bitsOption())
    .option("--days <N>", "how long the first certificates last; 824 unless told", parseDays)
    .option("--ca-days <N>", "how long the authority lasts; 3650 unless told", parseDays)
    .option("--intermediate", "have another authority below it issue, so that its own key can be put away")
    .option("--tenant <TENANT>", "make TENANT-ca.crt, an authority for the principals of that tenant alone", parseOwner)
    .option("--ca <NAME>", "make NAME.crt, such as the authority that is to follow the first")
    .option("--force", "make everything anew; what the old authority issued is trusted no longer")
    .option("--json", "print one object")
    .addHelpText(
      "after",
      "\nExamples:\n  aclog certs init\n  aclog certs init --intermediate --bits 3072\n  aclog certs init --tenant acme",
    )
    .action(run);
}

async function run({ dir, tenant, ca, intermediate, json, ...flags }: InitFlags): Promise<void> {
  if (tenant !== undefined && ca !== undefined) throw new UsageError("--tenant and --ca both name the authority");
  const { examplePrincipals, initAuthority, initCertificates } = await import("../pki/index.js");
  const options = {
    force: flags.force ?? false,
    bits: bitsOf(flags.bits),
    days: flags.days,
    authorityDays: flags.caDays,
    intermediate,
  };
  const whose = tenant !== undefined ? { tenant } : ca !== undefined ? { ca } : undefined;
  const made = await writing(
    dir,
    whose === undefined
      ? initCertificates(dir, { principals: examplePrincipals, ...options })
      : initAuthority(dir, whose, options),
  );
  if (json) return print(`${JSON.stringify({ made: made.map((path) => join(dir, path)) })}\n`);
  const stem = tenant === undefined ? (ca ?? "ca") : `${tenant}-ca`;
  await print(madeLines(dir, made) + next(dir, stem, tenant, intermediate));
}

/** What there is to do with it now. */
function next(dir: string, stem: string, tenant: string | undefined, intermediate: true | undefined): string {
  const key = intermediate ? `Put ${join(dir, `${stem}.key`)} away: ${stem}-issuing.key issues from now on.\n` : "";
  if (tenant === undefined) return key;
  return (
    `${key}Certificates of ${tenant} are issued by it from now on. tenants.yaml binds the tenant to it: ca: ${stem}.crt\n` +
    `The server knows its revocation list with --crl ${dir}\n`
  );
}

function parseOwner(text: string): string {
  if (isTenantName(text)) return text;
  throw new InvalidArgumentError(`A tenant's name is ${nameRules.tenant}.`);
}

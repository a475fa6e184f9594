/** `aclog certs init`: an authority and its first certificates. */
import { type Command, InvalidArgumentError } from "commander";
import { join } from "node:path";
import { isTenantName, nameRules } from "../names.js";
import type { Standing } from "../pki/index.js";
import { addFolder, bitsOf, bitsOption, lookingIn, madeLines, parseDays, writing } from "./certs-flags.js";
import { confirm } from "./confirm.js";
import { defaultCertificates } from "./connection.js";
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
  readonly yes?: true;
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
    .option("--force", "replace what is there, and keep it aside; what the old authority issued is trusted no longer")
    .option("--yes", "do not ask before an authority is replaced")
    .option("--json", "print one object")
    .addHelpText(
      "after",
      "\nExamples:\n  aclog certs init\n  aclog certs init --intermediate --bits 3072\n  aclog certs init --tenant acme",
    )
    .action(run);
}

async function run({ dir, tenant, ca, intermediate, json, ...flags }: InitFlags): Promise<void> {
  if (tenant !== undefined && ca !== undefined) throw new UsageError("--tenant and --ca both name the authority");
  const { authorityInTheWay, examplePrincipals, initAuthority, initCertificates } = await import("../pki/index.js");
  const options = {
    force: flags.force ?? false,
    bits: bitsOf(flags.bits),
    days: flags.days,
    authorityDays: flags.caDays,
    intermediate,
  };
  const whose = tenant !== undefined ? { tenant } : ca !== undefined ? { ca } : undefined;
  const stem = tenant === undefined ? (ca ?? "ca") : `${tenant}-ca`;
  const standing = flags.force && !flags.yes ? await lookingIn(dir, authorityInTheWay(dir, whose)) : undefined;
  if (standing !== undefined) await confirm(whatIsLost(dir, standing), stem);
  const { made, kept } = await writing(
    dir,
    whose === undefined
      ? initCertificates(dir, { principals: examplePrincipals, ...options })
      : initAuthority(dir, whose, options),
  );
  const aside = kept === undefined ? undefined : join(dir, kept);
  if (json) return print(`${JSON.stringify({ made: made.map((path) => join(dir, path)), kept: aside })}\n`);
  const keptLine = aside === undefined ? "" : `kept what was there in ${aside}\n`;
  await print(madeLines(dir, made) + keptLine + next(dir, stem, tenant, intermediate));
}

/** What nobody should do by accident. */
function whatIsLost(dir: string, { names, good }: Standing): string {
  const issued = good === 1 ? "1 certificate of that one is" : `${good} certificates of that one are`;
  const loss =
    good === 0
      ? "."
      : `, and ${issued} still good: whoever goes by the new one, a running server at once, takes none of them.`;
  return (
    `This puts another authority in the place of ${names.join(" and ")} in ${dir}${loss} ` +
    `What is replaced is kept in ${join(dir, "replaced-…")}.`
  );
}

/** What there is to do with it now. */
function next(dir: string, stem: string, tenant: string | undefined, intermediate: true | undefined): string {
  const key = intermediate ? `Put ${join(dir, `${stem}.key`)} away: ${stem}-issuing.key issues from now on.\n` : "";
  if (tenant === undefined) return key;
  const where = dir === defaultCertificates ? "" : ` --dir ${dir}`;
  return (
    `${key}What \`aclog certs issue\` makes for ${tenant} from now on is signed by it; what there is already stays with the old one until it is ` +
    `renewed: \`aclog certs renew --all --tenant ${tenant} --ca ${stem}${where}\`\n` +
    `After that, tenants.yaml binds the tenant to it: ca: ${stem}.crt\n` +
    `The server knows its revocation list with --crl ${dir}\n`
  );
}

function parseOwner(text: string): string {
  if (isTenantName(text)) return text;
  throw new InvalidArgumentError(`A tenant's name is ${nameRules.tenant}.`);
}

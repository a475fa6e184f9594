/** `aclog policy grant` and `aclog policy revoke`: edit policy.csv, after showing what would change. */
import type { Command } from "commander";
import type { EditPlan, Wanted } from "../authoring/index.js";
import { formatFinding } from "../errors.js";
import { confirm } from "./confirm.js";
import { print, tell } from "./output.js";
import { policyOption } from "./policy-flags.js";

interface EditFlags {
  readonly policy: string;
  readonly role?: true;
  readonly deny?: true;
  readonly yes?: true;
  readonly dryRun?: true;
  readonly json?: true;
}

export function addGrant(policy: Command): void {
  addEdit(policy, "grant", {
    summary: "give somebody a right or a role, by a line of policy.csv",
    description:
      "Give somebody a right or a role: put a line into policy.csv, beside those that it belongs to. What it would change is " +
      "shown first, and a change after which the policy could not be used, or its matrix did not hold, is refused. Exits with 0 " +
      "also if it is so already.",
    examples: [
      "aclog policy grant acme/billing produce,create acme/orders",
      "aclog policy grant role:reader consume 'acme/orders.*' --dry-run",
      "aclog policy grant acme/billing role:producer acme --yes",
    ],
  }).action((subject: string, what: string, where: string | undefined, flags: EditFlags) =>
    edit(flags, async ({ planGrant }) => planGrant(flags.policy, wantedBy(subject, what, where, flags))),
  );
}

export function addRevoke(policy: Command): void {
  addEdit(policy, "revoke", {
    summary: "take a right or a role away, by a line of policy.csv",
    description:
      "Take a right or a role away: take the line out of policy.csv that gives exactly this. Where it would still hold through a " +
      "role or a wider line, nothing is changed: that is said, with the line, and the exit code is 1. Exits with 0 also if it is " +
      "so already.",
    examples: [
      "aclog policy revoke acme/billing produce acme/orders",
      "aclog policy revoke acme/leaked '*' 'acme/*' --deny --yes",
      "aclog policy revoke acme/billing role:producer acme",
    ],
  })
    .option("--deny", "put a line in that denies it too, so that no role gives it, now or later")
    .action((subject: string, what: string, where: string | undefined, flags: EditFlags) =>
      edit(flags, async ({ planRevoke }) =>
        planRevoke(flags.policy, wantedBy(subject, what, where, flags), { deny: flags.deny === true }),
      ),
    );
}

function addEdit(
  policy: Command,
  name: string,
  { summary, description, examples }: { summary: string; description: string; examples: readonly string[] },
): Command {
  return policy
    .command(name)
    .summary(summary)
    .description(description)
    .argument("<SUBJECT>", "a principal, such as acme/billing, or a role, such as role:producer")
    .argument("<ACTION|ROLE>", "actions, with commas between them, or one role")
    .argument("[TENANT/TOPIC]", "which topics, such as acme/orders or 'acme/orders.*'; of a role, the TENANT alone")
    .addOption(policyOption())
    .option("--role", "SUBJECT is the name of a role")
    .option("--yes", "do not ask")
    .option("--dry-run", "show what would change, and write nothing")
    .option("--json", "print one object")
    .addHelpText("after", `\nExamples:\n${examples.map((example) => `  ${example}\n`).join("")}`.trimEnd());
}

function wantedBy(subject: string, what: string, where: string | undefined, { role }: EditFlags): Wanted {
  const name = role && !subject.startsWith("role:") ? `role:${subject}` : subject;
  return { subject: name, what: what.split(","), where };
}

type Authoring = typeof import("../authoring/index.js");

async function edit(flags: EditFlags, plan: (authoring: Authoring) => Promise<EditPlan>): Promise<void> {
  const authoring = await import("../authoring/index.js");
  const planned = await plan(authoring);
  const { outcome, change } = planned;
  if (outcome === "refused") process.exitCode = 1;
  const isWritten = change !== undefined && flags.dryRun !== true;
  if (!flags.json) await print(inWords(planned, flags.dryRun === true));
  if (isWritten) {
    if (!flags.yes) await confirm(`This changes ${change.path}.`, "y");
    await authoring.replaceFile(change);
  }
  const { says, warnings, diff, version } = planned;
  if (flags.json) {
    await tell(
      `${JSON.stringify({ ok: outcome !== "refused", outcome, written: isWritten, says, warnings, diff, basedOn: version })}\n`,
    );
  } else if (isWritten) {
    await tell(`${change.path} is written. ${next}\n`);
  }
}

const next = "A server that reads this folder takes it up within a few seconds; aclog policy status shows it.";

/** The diff first, then what it comes to. */
function inWords({ outcome, says, warnings, diff }: EditPlan, isDry: boolean): string {
  const lines = [...says, ...warnings.map((warning) => `${formatFinding(warning)} (warning)`)];
  const end = outcome === "change" ? (isDry ? ["nothing was written"] : []) : ["nothing was changed"];
  return `${diff}${diff === "" ? "" : "\n"}${[...lines, ...end].map((line) => `${line}\n`).join("")}`;
}

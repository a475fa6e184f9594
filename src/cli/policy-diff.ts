/** `aclog policy diff`: who gains and who loses what by another policy. */
import { type Command, Option } from "commander";
import type { DiffOptions, PolicyDiff } from "../review/index.js";
import { parseTenant } from "./arguments.js";
import { print } from "./output.js";
import { Progress } from "./progress.js";
import { untilStopped } from "./stop-signal.js";

interface DiffFlags {
  readonly tenant?: string;
  readonly markdown?: true;
  readonly json?: true;
}

/** Access widens, or may. Neither a failure nor a wrong use, so that a gate can tell them apart. */
const widens = 3;

/** Some five minutes of work. */
const maxDecisions = 20_000_000;

export function addPolicyDiff(policy: Command): void {
  policy
    .command("diff")
    .summary("say who gains and who loses what by another policy")
    .description(
      "Compare two policies by what they allow, not by what they say: which principals gain or lose which action on which " +
        "topics, and which lines bring that about; then tenants, limits, matcher and matrix. Exits with 0 if nobody gains " +
        "anything, with 3 if somebody does or that cannot be ruled out.",
    )
    .argument("<OLD>", "the folder of the policy as it is")
    .argument("<NEW>", "the folder of the policy as it would be")
    .option("--tenant <TENANT>", "only what concerns topics of this one", parseTenant)
    .addOption(new Option("--markdown", "for a comment on a pull request").conflicts("json"))
    .option("--json", "print one object")
    .addHelpText("after", "\nExample:\n  aclog policy diff ./policy-in-force ./policy")
    .action(diff);
}

async function diff(older: string, newer: string, { tenant, markdown, json }: DiffFlags): Promise<void> {
  const { diffAsMarkdown, diffAsText } = await import("../review/index.js");
  await untilStopped(async (signal) => {
    const found = await compare(older, newer, { tenant, maxDecisions, signal });
    if (found.widens) process.exitCode = widens;
    await print(json ? `${JSON.stringify(found)}\n` : markdown ? diffAsMarkdown(found) : diffAsText(found));
  });
}

async function compare(older: string, newer: string, options: DiffOptions): Promise<PolicyDiff> {
  const { diffPolicies, readPolicy } = await import("../review/index.js");
  const policies = [await readPolicy(older), await readPolicy(newer)] as const;
  using progress = await Progress.start("decisions");
  return await diffPolicies(...policies, {
    ...options,
    onProgress: ({ decisions }) => progress.update({ records: decisions, fraction: undefined }),
  });
}

/** `aclog policy why`: what a policy's files answer to one question, and which lines lead there. */
import { Argument, type Command } from "commander";
import { type Action, actions } from "../authz/actions.js";
import { formatPrincipal, type Principal } from "../names.js";
import { parseWhom } from "./arguments.js";
import { print } from "./output.js";
import { loadFrom, parseAction, parseResource, policyOption, type Resource } from "./policy-flags.js";

interface WhyFlags {
  readonly policy: string;
  readonly exitCode?: true;
  readonly json?: true;
}

export function addWhy(policy: Command): void {
  policy
    .command("why")
    .summary("explain why somebody may do something, or may not")
    .description(
      "Explain what a policy's files answer to a question: the decision, the rule that decides, the roles on the way " +
        "to it, what else fits; and where no rule speaks of it, what would have to be otherwise, the nearest first.",
    )
    .addArgument(new Argument("<PRINCIPAL>", "who, such as acme/billing").argParser(parseWhom))
    .addArgument(new Argument("<ACTION>", actions.join(", ")).argParser(parseAction))
    .addArgument(new Argument("<TENANT/TOPIC>", "which topic, such as acme/orders").argParser(parseResource))
    .addOption(policyOption())
    .option("--exit-code", "exit with 1 if it is denied, as for a failure; without this an answer is a success")
    .option("--json", "print one object")
    .addHelpText(
      "after",
      "\nExamples:\n" +
        "  aclog policy why acme/billing produce acme/orders\n" +
        "  aclog policy why acme/billing produce acme/orders --exit-code --json > why.json",
    )
    .action(explain);
}

async function explain(principal: Principal, action: Action, resource: Resource, flags: WhyFlags): Promise<void> {
  const { formatWhy, why } = await import("../review/index.js");
  const answer = await why(await loadFrom(flags.policy), {
    principal: formatPrincipal(principal),
    action,
    ...resource,
  });
  await print(flags.json ? `${JSON.stringify(answer)}\n` : formatWhy(answer));
  if (flags.exitCode && answer.decision === "deny") process.exitCode = 1;
}

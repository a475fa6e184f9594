/** `aclog policy what`: everything that somebody may do, or everybody. */
import { Argument, type Command, Option } from "commander";
import { formatPrincipal, type Principal } from "../names.js";
import { parseTenant } from "./arguments.js";
import { UsageError } from "./failure.js";
import { parsePolicyPrincipal } from "./policy-flags.js";
import { addReviewOptions, printReview, type ReviewFlags } from "./policy-review.js";

interface WhatFlags extends ReviewFlags {
  readonly all?: true;
  readonly tenant?: string;
}

export function addWhat(policy: Command): void {
  const what = policy
    .command("what")
    .summary("list what somebody may do, or everybody")
    .description(
      "List what a policy's files allow a principal, topic by topic and action by action, with the rule and the roles " +
        "through which; and what one rule allows and another denies. Topics are those that the files name, and for each " +
        "pattern what else it covers.",
    )
    .addArgument(new Argument("[PRINCIPAL]", "who, such as acme/billing").argParser(parsePolicyPrincipal))
    .option("--all", "everybody whom the files name")
    .addOption(new Option("--tenant <TENANT>", "only topics of this one").argParser(parseTenant));
  addReviewOptions(what)
    .addHelpText(
      "after",
      "\nExamples:\n" +
        "  aclog policy what acme/billing\n" +
        "  aclog policy what --all --tenant acme --html review.html",
    )
    .action(list);
}

async function list(principal: Principal | undefined, { all, tenant, ...flags }: WhatFlags): Promise<void> {
  if (principal !== undefined && all) throw new UsageError("a principal or --all, not both");
  if (principal === undefined && !all) throw new UsageError("name a principal, or give --all");
  const whom = principal === undefined ? {} : { principal: formatPrincipal(principal) };
  await printReview({ ...whom, ...(tenant !== undefined && { tenant }) }, flags);
}

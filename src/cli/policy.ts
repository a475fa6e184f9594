/** `aclog policy`: what can be done with a policy's files, and with the policy of a server. */
import type { Command } from "commander";
import { addActivate, addRollback } from "./policy-activate.js";
import { addCheck } from "./policy-check.js";
import { addPolicyDiff } from "./policy-diff.js";
import { addGrant, addRevoke } from "./policy-edit.js";
import { addFmt } from "./policy-fmt.js";
import { addFetch, addHistory, addStatus } from "./policy-status.js";
import { addPolicyTest } from "./policy-test.js";
import { addWhat } from "./policy-what.js";
import { addWho } from "./policy-who.js";
import { addWhy } from "./policy-why.js";

export function addPolicy(program: Command): void {
  const policy = program
    .command("policy")
    .summary("work on a policy's files, or ask a server about its own")
    .description("Work on a policy's files, or ask a server about its own.");
  const commands = [addCheck, addPolicyTest, addPolicyDiff, addWhy, addWho, addWhat, addFmt, addGrant, addRevoke];
  for (const add of commands) add(policy);
  for (const add of [addStatus, addHistory, addFetch, addActivate, addRollback]) add(policy);
  // With what each takes the list is wider than a terminal. Set last, since the commands would inherit it.
  policy.configureHelp({ subcommandTerm: (command) => command.name() });
}

/** `aclog policy why`: what a policy's files answer to one question, and which lines lead there. */
import { Argument, type Command } from "commander";
import type { Client, RefusalInfo } from "../client/index.js";
import type { Why } from "../review/index.js";
import { type Action, actions } from "../authz/actions.js";
import { clientVariables } from "../config/settings.js";
import { formatPrincipal, type Principal } from "../names.js";
import { notPrincipal } from "./arguments.js";
import { type ConnectionFlags, withClient } from "./connection.js";
import { UsageError } from "./failure.js";
import { print } from "./output.js";
import { addLiveOptions, isLive } from "./policy-live.js";
import {
  loadFrom,
  parseAction,
  parsePolicyPrincipal,
  parseResource,
  policyOption,
  type Resource,
} from "./policy-flags.js";

interface WhyFlags extends ConnectionFlags {
  readonly policy: string;
  readonly exitCode?: true;
  readonly json?: true;
}

export function addWhy(policy: Command): void {
  const explaining = policy
    .command("why")
    .summary("explain why somebody may do something, or may not")
    .description(
      "Explain what a policy's files answer to a question: the decision, the rule that decides, the roles on the way " +
        "to it, what else fits; and where no rule speaks of it, what would have to be otherwise, the nearest first.",
    )
    .addArgument(
      new Argument(
        "<PRINCIPAL>",
        "who, such as acme/billing; or, alone and with --address, the id of a decision that refused",
      ).argParser(parseWhomOrDecision),
    )
    .addArgument(new Argument("[ACTION]", actions.join(", ")).argParser(parseAction))
    .addArgument(new Argument("[TENANT/TOPIC]", "which topic, such as acme/orders").argParser(parseResource))
    .addOption(policyOption())
    .option("--exit-code", "exit with 1 if it is denied, as for a failure; without this an answer is a success")
    .option("--json", "print one object");
  addLiveOptions(explaining)
    .addHelpText(
      "after",
      "\nExamples:\n" +
        "  aclog policy why acme/billing produce acme/orders\n" +
        "  aclog policy why acme/billing produce acme/orders --exit-code --json > why.json\n" +
        "  aclog policy why 3q2-Vw8xKc1T --address localhost:8400 --as acme/root",
    )
    .action(explain);
}

/** @throws InvalidArgumentError unless it could be a principal's name, or the id of a decision */
function parseWhomOrDecision(text: string): Principal | string {
  return /^[\w-]{12}$/.test(text) ? text : parsePolicyPrincipal(text);
}

async function explain(
  whom: Principal | string,
  action: Action | undefined,
  resource: Resource | undefined,
  flags: WhyFlags,
): Promise<void> {
  const { formatWhy, why } = await import("../review/index.js");
  if (typeof whom === "string") {
    // With more behind it, it was to be a principal.
    if (action !== undefined) throw new UsageError(`${JSON.stringify(whom)} ${notPrincipal(whom)}`);
    if (!isLive(flags)) throw new UsageError("only a server knows what it refused: --address says which");
    await ask(flags, { decision: whom });
    return;
  }
  if (action === undefined || resource === undefined) {
    throw new UsageError("a principal, an action and TENANT/TOPIC are needed");
  }
  const question = { principal: formatPrincipal(whom), action, ...resource };
  if (isLive(flags)) {
    await ask(flags, question);
    return;
  }
  const answer = await why(await loadFrom(flags.policy), question);
  await print(flags.json ? `${JSON.stringify(answer)}\n` : formatWhy(answer));
  if (flags.exitCode && answer.decision === "deny") process.exitCode = 1;
}

async function ask(flags: WhyFlags, asked: Parameters<Client["policy"]["why"]>[0]): Promise<void> {
  const { formatWhy } = await import("../review/index.js");
  await withClient(flags, async (client) => {
    const { refusal, explanation } = await client.policy.why(asked);
    const isCaller = mayBeCaller((explanation as Why).question.principal, flags);
    const told = refusal === undefined ? "" : refusedInWords(refusal);
    const answer = refusal === undefined ? explanation : { refusal, explanation };
    await print(flags.json ? `${JSON.stringify(answer)}\n` : told + formatWhy(explanation as Why, isCaller));
    if (flags.exitCode && explanation.decision === "deny") process.exitCode = 1;
  });
}

/** Certificates that are named as files do not tell whose they are. */
function mayBeCaller(principal: string, { as = process.env[clientVariables.as], cert }: WhyFlags): boolean {
  return cert !== undefined || as === undefined || as === principal;
}

/** What happened, before what the policy says to it. */
function refusedInWords({ id, timeMs, method, policyVersion, reason, rule }: RefusalInfo): string {
  const because = rule === undefined ? reason : `${reason}: ${rule}`;
  const when = new Date(timeMs).toISOString();
  return `Decision ${id}, ${when}, ${method}: refused by version ${policyVersion}, ${because}\n\n`;
}

/** `aclog policy who`: everybody who may do something to a topic, by which rule. */
import { Argument, type Command, InvalidArgumentError } from "commander";
import { type Action, actions } from "../authz/actions.js";
import { isSystemName, isTopicName, nameRules } from "../names.js";
import { parseAction, type Resource, splitResource } from "./policy-flags.js";
import { addReviewOptions, printReview, type ReviewFlags } from "./policy-review.js";

export function addWho(policy: Command): void {
  const who = policy
    .command("who")
    .summary("list who may do something to a topic")
    .description(
      "List every principal that a policy's files allow an action on a topic, with the rule and the roles through " +
        "which; and those to whom one rule allows it and another denies it.",
    )
    .addArgument(new Argument("<ACTION>", `${actions.join(", ")}, or '*' for each of them`).argParser(parseAnyAction))
    .addArgument(
      new Argument(
        "<TENANT/TOPIC>",
        "which topic; 'acme/orders.*' is every name that begins so and is not named",
      ).argParser(parseTopicOrPattern),
    );
  addReviewOptions(who)
    .addHelpText(
      "after",
      "\nExamples:\n" +
        "  aclog policy who consume acme/orders\n" +
        "  aclog policy who '*' 'acme/orders.*' --csv > who.csv",
    )
    .action((action: Action | "*", resource: Resource, flags: ReviewFlags) =>
      printReview({ ...(action !== "*" && { action }), ...resource }, flags),
    );
}

function parseAnyAction(text: string): Action | "*" {
  if (text === "*") return text;
  if (text.includes("/")) throw new InvalidArgumentError(`ACTION stands first: aclog policy who produce ${text}`);
  return parseAction(text);
}

/** @throws InvalidArgumentError unless it is `TENANT/TOPIC` or `TENANT/PREFIX*` */
function parseTopicOrPattern(text: string): Resource {
  const { tenant, topic } = splitResource(text);
  const prefix = topic.replace(/\*$/, "");
  if (isTopicName(prefix) || topic === "*" || isSystemName(topic)) return { tenant, topic };
  throw new InvalidArgumentError(`A topic's name is ${nameRules.topic}; a * may stand behind.`);
}

/** What the commands have in common that answer from a policy's files. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { type Action, actions, isAction } from "../authz/actions.js";
import type { LoadedPolicy } from "../authz/index.js";
import { UnusablePolicy } from "../errors.js";
import { isSystemName, isTenantName, isTopicName, nameRules, parsePrincipal, type Principal } from "../names.js";
import { didYouMean } from "../suggest.js";
import { parsePath, parseWhom } from "./arguments.js";
import { UsageError } from "./failure.js";

/** A topic and the tenant whose it is. */
export interface Resource {
  readonly tenant: string;
  readonly topic: string;
}

export const policyOption = (): Option =>
  new Option("--policy <DIR>", "the folder of model.conf, policy.csv, tenants.yaml and matrix.csv")
    .argParser(parsePath)
    .default("policy");

/** For a command that is about one folder: named behind it, or as the commands name it that ask about something else. */
export interface FolderFlags {
  readonly policy?: string;
}

/** @param otherwise what is meant where none is named */
export function addFolder(command: Command, otherwise = 'default: "policy"'): Command {
  return command
    .argument("[DIR]", `the folder of model.conf, policy.csv, tenants.yaml and matrix.csv (${otherwise})`, parsePath)
    .addOption(new Option("--policy <DIR>", "the same as DIR").argParser(parsePath));
}

/** @throws UsageError for two folders */
export function namedFolder(directory: string | undefined, { policy }: FolderFlags): string | undefined {
  if (directory !== undefined && policy !== undefined) throw new UsageError("DIR or --policy, not both");
  return directory ?? policy;
}

export function folderOf(directory: string | undefined, flags: FolderFlags): string {
  return namedFolder(directory, flags) ?? "policy";
}

/**
 * The policy in a folder.
 * @throws UnusablePolicy with every mistake in the files: what they would mean without it nobody can say
 */
export async function loadFrom(directory: string): Promise<LoadedPolicy> {
  const { loadPolicy, PolicyFiles, whyUnusable } = await import("../authz/index.js");
  const files = await PolicyFiles.read(directory);
  const { policy, report } = await loadPolicy(files);
  if (policy === undefined) throw new UnusablePolicy(whyUnusable(files), report.findings);
  return policy;
}

/**
 * A name alone is what the files of the simple model have; what is asked about is a principal under every model.
 * @throws InvalidArgumentError unless it could be a principal's name
 */
export function parsePolicyPrincipal(text: string): Principal {
  if (parsePrincipal(`acme/${text}`) === undefined) return parseWhom(text);
  const simple = `under the simple model too, whose files say ${text} alone`;
  throw new InvalidArgumentError(`It is not TENANT/NAME, such as acme/${text}: that is needed ${simple}.`);
}

/** @throws InvalidArgumentError unless it is one of the actions */
export function parseAction(text: string): Action {
  if (isAction(text)) return text;
  throw new InvalidArgumentError(
    `There is no such action${didYouMean(text, actions) || `: it is one of ${actions.join(", ")}.`}`,
  );
}

/** @throws InvalidArgumentError unless it is `TENANT/TOPIC`, both of them literal names */
export function parseResource(text: string): Resource {
  const { tenant, topic } = splitResource(text);
  if (isTopicName(topic) || isSystemName(topic)) return { tenant, topic };
  const literal = topic.includes("*") ? ", and here no pattern" : "";
  throw new InvalidArgumentError(`A topic's name is ${nameRules.topic}${literal}.`);
}

/** @throws InvalidArgumentError unless a slash stands behind what could be a tenant's name, or the platform's own */
export function splitResource(text: string): Resource {
  const slash = text.indexOf("/");
  if (slash === -1) throw new InvalidArgumentError("A tenant and a slash stand before the topic, as in acme/orders.");
  const tenant = text.slice(0, slash);
  if (isTenantName(tenant) || isSystemName(tenant)) return { tenant, topic: text.slice(slash + 1) };
  throw new InvalidArgumentError(`A tenant's name is ${nameRules.tenant}.`);
}

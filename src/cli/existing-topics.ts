/** A list of the topics that there are, for commands that see only a policy's files. */
import { Option } from "commander";
import { OperatorError, type Finding } from "../errors.js";
import { isSystemName, isTenantName, isTopicName } from "../names.js";
import { readFileWithin, whyUnreadable } from "../read-file.js";
import { parsePath } from "./arguments.js";
import type { Resource } from "./policy-flags.js";

const maxBytes = 16 * 1024 * 1024;
const maxFindings = 50;

export const topicsOption = (): Option =>
  new Option("--topics <FILE>", "topics that there are beside those that the files name, as TENANT/TOPIC").argParser(
    parsePath,
  );

/**
 * Each line names a topic as TENANT/TOPIC; empty lines, and those that begin with `#`, say nothing.
 * @throws OperatorError for a file that cannot be read, or with every line that names no topic, or the first 50 of them
 */
export async function readTopicList(path: string): Promise<readonly Resource[]> {
  const text = await readFileWithin(path, maxBytes).catch((error: unknown) => {
    throw new OperatorError(`cannot read ${path}: ${whyUnreadable(error)}`);
  });
  const topics: Resource[] = [];
  const findings: Finding[] = [];
  for (const [index, line] of text.toString("utf8").split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [tenant, topic, ...more] = line.trim().split("/");
    if (tenant !== undefined && topic !== undefined && more.length === 0 && isOwner(tenant) && isTopic(topic)) {
      topics.push({ tenant, topic });
    } else if (findings.length < maxFindings) {
      const problem = "expected TENANT/TOPIC, as in acme/orders, and nothing else";
      findings.push({ source: path, line: index + 1, problem });
    }
  }
  if (findings.length > 0) throw new OperatorError(`${path} is no list of topics`, findings);
  return topics;
}

function isOwner(name: string): boolean {
  return isTenantName(name) || isSystemName(name);
}

function isTopic(name: string): boolean {
  return isTopicName(name) || isSystemName(name);
}

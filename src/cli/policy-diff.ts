/** `aclog policy diff`: who gains and who loses what by another policy. */
import { type Command, Option } from "commander";
import type { PolicyDiff } from "../review/index.js";
import { parsePath, parseTenant } from "./arguments.js";
import { type ConnectionFlags, withClient } from "./connection.js";
import { readTopicList, topicsOption } from "./existing-topics.js";
import { UsageError } from "./failure.js";
import { print } from "./output.js";
import { addLiveOptions, isLive, isVersion, narrowerQuestion, readPolicyFiles } from "./policy-live.js";
import { Progress } from "./progress.js";
import { untilStopped } from "./stop-signal.js";

interface DiffFlags extends ConnectionFlags {
  readonly tenant?: string;
  readonly topics?: string;
  readonly markdown?: true;
  readonly json?: true;
}

/** Access widens, or may. Neither a failure nor a wrong use, so that a gate can tell them apart. */
const widens = 3;

/** Some five minutes of work. */
const maxDecisions = 20_000_000;

export function addPolicyDiff(policy: Command): void {
  const diffing = policy
    .command("diff")
    .summary("say who gains and who loses what by another policy")
    .description(
      "Compare two policies by what they allow, not by what they say: which principals gain or lose which action on which " +
        "topics, and which lines bring that about; then tenants, limits, matcher and matrix. Exits with 0 if nobody gains " +
        "anything, with 3 if somebody does or that cannot be ruled out.",
    )
    .argument("<OLD>", "the folder of the policy as it is", parsePath)
    .argument("[NEW]", "the folder of the policy as it would be", parsePath)
    .option("--tenant <TENANT>", "only what concerns topics of this one", parseTenant)
    .addOption(topicsOption())
    .addOption(new Option("--markdown", "for a comment on a pull request").conflicts("json"))
    .option("--json", "print one object");
  addLiveOptions(diffing)
    .addHelpText(
      "after",
      "\nWith --address, a folder alone is compared with what is in force; each of the two can be a version that the\n" +
        "server keeps, and NEW a folder.\n\nExamples:\n  aclog policy diff ./policy-in-force ./policy\n" +
        "  aclog policy diff ./policy --address localhost:8400 --as ops/root",
    )
    .action(diff);
}

async function diff(older: string, newer: string | undefined, flags: DiffFlags): Promise<void> {
  const { markdown, json } = flags;
  const { diffAsMarkdown, diffAsText } = await import("../review/index.js");
  await untilStopped(async (signal) => {
    const found = isLive(flags)
      ? await compareLive(older, newer, flags, signal)
      : await compare(older, needed(newer), flags, signal);
    if (found.widens) process.exitCode = widens;
    await print(json ? `${JSON.stringify(found)}\n` : markdown ? diffAsMarkdown(found) : diffAsText(found));
  });
}

function needed(newer: string | undefined): string {
  if (newer !== undefined) return newer;
  throw new UsageError(
    "missing required argument 'NEW': a folder alone is compared with a server's policy, by --address",
  );
}

async function compareLive(
  older: string,
  newer: string | undefined,
  flags: DiffFlags,
  signal: AbortSignal,
): Promise<PolicyDiff> {
  if (flags.topics !== undefined) throw new UsageError("--topics goes without --address: the server knows its topics");
  const [from, to] = newer === undefined ? ["", older] : [older, newer];
  if (from !== "" && !isVersion(from)) {
    throw new UsageError("with --address, OLD is a version that the server keeps, as aclog policy history lists them");
  }
  const target = isVersion(to) ? { newVersion: to } : { files: await readPolicyFiles(to) };
  let found: unknown;
  await withClient(
    flags,
    async (client) => {
      found = await client.policy.diff({ oldVersion: from, ...target, tenant: flags.tenant, signal });
    },
    narrowerQuestion,
  );
  return found as PolicyDiff;
}

async function compare(
  older: string,
  newer: string,
  { tenant, topics: list }: DiffFlags,
  signal: AbortSignal,
): Promise<PolicyDiff> {
  const { diffPolicies, readPolicy } = await import("../review/index.js");
  const topics = list === undefined ? [] : await readTopicList(list);
  const policies = [await readPolicy(older), await readPolicy(newer)] as const;
  using progress = await Progress.start("decisions");
  return await diffPolicies(...policies, {
    tenant,
    topics,
    maxDecisions,
    signal,
    onProgress: ({ decisions }) => progress.update({ records: decisions, fraction: undefined }),
  });
}

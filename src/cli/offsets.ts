/** `aclog offsets`: where consumer groups go on reading. */
import { type Command, Option } from "commander";
import type { CommittedOffset } from "../client/index.js";
import { defaultTopic } from "../names.js";
import { parseExistingTopic, parseGroup, parseOffset } from "./arguments.js";
import { addClientCommand, type ClientFlags } from "./client-command.js";
import { withClient } from "./connection.js";
import { print } from "./output.js";
import { table, type Column } from "./table.js";
import { grouped, roughAge } from "./units.js";

interface PositionFlags extends ClientFlags {
  readonly group: string;
  readonly topic: string;
}

export function addOffsets(program: Command): void {
  const offsets = program
    .command("offsets")
    .summary("see and move where consumer groups go on reading")
    .description(
      "See and move where consumer groups go on reading. A consumer group belongs to the tenant of who calls, and has one " +
        "position in each topic: the offset behind the last record that is done.",
    );
  addClientCommand(offsets, "list", {
    summary: "list the positions of your tenant's groups, and how far behind they are",
    options: [
      new Option("--group <GROUP>", "only this consumer group's").argParser(parseGroup),
      new Option("--topic <TOPIC>", "only in this topic").argParser(parseExistingTopic),
    ],
    json: "print one object for each position",
    examples: ["aclog offsets list --as acme/reports", "aclog offsets list --as acme/reports --topic orders --json"],
  }).action(listOffsets);
  addClientCommand(offsets, "fetch", {
    summary: "print where one consumer group is in one topic",
    description: "Print where one consumer group is in one topic: an offset, or none.",
    options: position(),
    json: "print one object",
    examples: ["aclog offsets fetch --as acme/reports --group nightly --topic orders"],
  }).action(fetchOffset);
  addClientCommand(offsets, "commit", {
    summary: "move a consumer group to an offset",
    options: [
      ...position(),
      new Option("--offset <OFFSET>", "where to go on").argParser(parseOffset).makeOptionMandatory(),
    ],
    json: "print one object",
    examples: ["aclog offsets commit --as acme/reports --group nightly --topic orders --offset 0"],
  }).action(commitOffset);
  addClientCommand(offsets, "delete", {
    summary: "forget where a consumer group is in one topic",
    options: position(),
    json: "print one object",
    examples: ["aclog offsets delete --as acme/reports --group nightly --topic orders"],
  }).action(deleteOffset);
}

function position(): Option[] {
  return [
    new Option("--group <GROUP>", "which consumer group").argParser(parseGroup).makeOptionMandatory(),
    new Option("--topic <TOPIC>", "in which topic").default(defaultTopic).argParser(parseExistingTopic),
  ];
}

async function listOffsets(flags: ClientFlags & { readonly group?: string; readonly topic?: string }): Promise<void> {
  const { group, topic, tenant, json } = flags;
  await withClient(flags, async (client) => {
    const positions: CommittedOffset[] = [];
    for await (const each of client.offsets.list({ group, topic, tenant })) {
      if (json) await print(`${toJson(each)}\n`);
      else positions.push(each);
    }
    if (!json) await print(await table(columns, positions, "no such positions, or none that you may see"));
  });
}

async function fetchOffset(flags: PositionFlags): Promise<void> {
  const { group, topic, tenant, json } = flags;
  await withClient(flags, async (client) => {
    const { offset, committedMs, topicId } = await client.offsets.fetch({ group, topic, tenant });
    const committed = committedMs === undefined ? undefined : new Date(committedMs).toISOString();
    const object = { group, topic, topicId: topicId.toString("hex"), offset: offset?.toString() ?? null, committed };
    await print(json ? `${JSON.stringify(object)}\n` : `${offset ?? "none"}\n`);
  });
}

async function commitOffset(flags: PositionFlags & { readonly offset: bigint }): Promise<void> {
  const { group, topic, tenant, offset, json } = flags;
  await withClient(flags, async (client) => {
    const { topicId } = await client.offsets.commit({ group, topic, tenant, offset });
    const object = { group, topic, topicId: topicId.toString("hex"), offset: `${offset}` };
    await print(json ? `${JSON.stringify(object)}\n` : `${group} goes on in ${topic} at offset ${offset}\n`);
  });
}

async function deleteOffset(flags: PositionFlags): Promise<void> {
  const { group, topic, tenant, json } = flags;
  await withClient(flags, async (client) => {
    await client.offsets.delete({ group, topic, tenant });
    await print(json ? `${JSON.stringify({ group, topic })}\n` : `${group} is nowhere in ${topic} any more\n`);
  });
}

const columns: readonly Column<CommittedOffset>[] = [
  { head: "group", cell: ({ group }) => group },
  { head: "topic", cell: ({ tenant, topic }) => `${tenant}/${topic}` },
  { head: "offset", isNumber: true, cell: ({ offset }) => `${offset}` },
  { head: "lag", isNumber: true, cell: ({ lag }) => grouped(lag) },
  { head: "committed", isNumber: true, cell: ({ committedMs }) => roughAge(committedMs) },
];

/** Offsets as text: a number of JSON need not hold them all. */
function toJson({ group, tenant, topic, topicId, offset, lag, committedMs }: CommittedOffset): string {
  return JSON.stringify({
    group,
    tenant,
    topic,
    topicId: topicId.toString("hex"),
    offset: `${offset}`,
    lag: `${lag}`,
    committed: new Date(committedMs).toISOString(),
  });
}

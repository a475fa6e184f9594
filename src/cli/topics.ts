/** `aclog topics`: what is there, how long its records are kept, and removing it. */
import { Argument, type Command, Option } from "commander";
import type { TopicInfo, TopicSettingsInput } from "../client/index.js";
import { parseCount, parseExistingTopic, parseOffset, parseTopic } from "./arguments.js";
import { defaultTopic } from "../names.js";
import { addClientCommand, type ClientFlags } from "./client-command.js";
import { confirm } from "./confirm.js";
import { withClient } from "./connection.js";
import { UsageError } from "./failure.js";
import { print } from "./output.js";
import { list, table, type Column } from "./table.js";
import { exactDuration, exactSize, grouped, orNone, parseDuration, parseSize, roughAge, roughSize } from "./units.js";

/** None: taken off. */
type Limit = number | "none";

interface SettingFlags {
  readonly retention?: Limit;
  readonly retentionBytes?: Limit;
  readonly retentionRecords?: Limit;
  readonly compact?: boolean;
}

export function addTopics(program: Command): void {
  const topics = program
    .command("topics")
    .summary("list, create, describe, change and delete topics")
    .description("List, create, describe, change, truncate and delete topics.");
  addClientCommand(topics, "list", {
    summary: "list the topics that you may describe",
    options: [new Option("--prefix <PREFIX>", "only names that begin with this")],
    json: "print one object for each topic",
    examples: ["aclog topics list --as acme/root", "aclog topics list --as acme/root --prefix orders. --json"],
  }).action(listTopics);
  addClientCommand(topics, "create", {
    summary: "make a topic",
    description: "Make a topic. Without a limit its records are kept for ever.",
    argument: topicArgument(),
    options: [...limits(), compact()],
    json: "print one object",
    examples: [
      "aclog topics create orders --as acme/root --retention 7d --retention-bytes 10GiB",
      "aclog topics create prices --as acme/root --compact",
    ],
  }).action(createTopic);
  addClientCommand(topics, "describe", {
    summary: "show what is known of one topic",
    argument: topicArgument(parseExistingTopic),
    json: "print one object",
    examples: ["aclog topics describe orders --as acme/root"],
  }).action(describeTopic);
  addClientCommand(topics, "update", {
    summary: "change how long records are kept",
    description: "Change how long records are kept. What no flag names stays as it is.",
    argument: topicArgument(),
    options: [...limits(), compact(), new Option("--no-compact", "keep all records that have the same key")],
    json: "print one object",
    examples: [
      "aclog topics update orders --as acme/root --retention 30d",
      "aclog topics update orders --as acme/root --retention none --compact",
    ],
  }).action(updateTopic);
  addClientCommand(topics, "truncate", {
    summary: "remove the records before an offset",
    description: "Remove the records before an offset, for good. Offsets keep their meaning.",
    argument: topicArgument(),
    options: [
      new Option("--before <OFFSET>", "the first offset to keep").argParser(parseOffset).makeOptionMandatory(),
      new Option("--yes", "do not ask"),
    ],
    json: "print one object",
    examples: ["aclog topics truncate orders --as acme/root --before 1000"],
  }).action(truncateTopic);
  addClientCommand(topics, "delete", {
    summary: "remove a topic and all its records",
    description:
      "Remove a topic and all its records, for good. One of the same name that is made later has another topic id.",
    argument: topicArgument(),
    options: [new Option("--yes", "do not ask")],
    json: "print one object",
    examples: ["aclog topics delete orders --as acme/root"],
  }).action(deleteTopic);
}

function topicArgument(parse: (text: string) => string = parseTopic): Argument {
  return new Argument("<TOPIC>", "its name").argParser(parse);
}

function limits(): Option[] {
  return [
    new Option(
      "--retention <DURATION>",
      "let records go that are older, such as 90s, 12h or 7d; none: no limit",
    ).argParser(orNone(parseDuration)),
    new Option(
      "--retention-bytes <SIZE>",
      "let the oldest go when the topic takes more, such as 500MiB; none: no limit",
    ).argParser(orNone(parseSize)),
    new Option("--retention-records <COUNT>", "reach back so many offsets; none: no limit").argParser(
      orNone(parseCount),
    ),
  ];
}

function compact(): Option {
  return new Option("--compact", "of records with the same key, keep only the last one for good");
}

async function listTopics(flags: ClientFlags & { readonly prefix?: string }): Promise<void> {
  const { tenant, prefix, json } = flags;
  await withClient(flags, async (client) => {
    const topics: TopicInfo[] = [];
    for await (const topic of client.topics.list({ tenant, prefix })) {
      if (json) await print(`${toJson(topic)}\n`);
      else topics.push(topic);
    }
    if (!json) await print(await table(columns, topics, "no such topics, or none that you may describe"));
  });
}

async function createTopic(topic: string, flags: ClientFlags & SettingFlags): Promise<void> {
  const { tenant, json } = flags;
  await withClient(flags, async (client) => {
    const made = await client.topics.create(topic, { tenant, settings: settingsOf(flags) });
    await print(json ? `${toJson(made)}\n` : `made ${made.tenant}/${made.topic}; kept: ${keeping(made)}\n`);
  });
}

async function describeTopic(topic: string, flags: ClientFlags): Promise<void> {
  const { tenant } = flags;
  await withClient(flags, async (client) => show(await client.topics.describe(topic, { tenant }), flags));
}

async function updateTopic(topic: string, flags: ClientFlags & SettingFlags): Promise<void> {
  const { tenant } = flags;
  const settings = settingsOf(flags);
  if (Object.values(settings).every((setting) => setting === undefined)) {
    const flagNames = "--retention, --retention-bytes, --retention-records, --compact or --no-compact";
    throw new UsageError(`nothing to change: give ${flagNames}`);
  }
  await withClient(flags, async (client) => show(await client.topics.update(topic, { tenant, settings }), flags));
}

async function truncateTopic(
  topic: string,
  flags: ClientFlags & { readonly before: bigint; readonly yes?: true },
): Promise<void> {
  const { tenant, before, yes, json } = flags;
  if (!yes)
    await confirm(`This removes every record of ${named(topic, tenant)} before offset ${before} for good.`, "y");
  await withClient(flags, async (client) => {
    const left = await client.topics.truncate(topic, { tenant, before });
    await print(json ? `${toJson(left)}\n` : `${left.tenant}/${left.topic} begins at offset ${left.startOffset}\n`);
  });
}

async function deleteTopic(topic: string, flags: ClientFlags & { readonly yes?: true }): Promise<void> {
  const { tenant, yes, json } = flags;
  if (!yes) await confirm(`This removes ${named(topic, tenant)} and all its records for good.`, topic);
  await withClient(flags, async (client) => {
    const { topicId } = await client.topics.delete(topic, { tenant });
    await print(json ? `${JSON.stringify({ topic, topicId: topicId.toString("hex") })}\n` : `${deletedLine(topic)}\n`);
  });
}

function named(topic: string, tenant: string | undefined): string {
  return tenant === undefined ? topic : `${tenant}/${topic}`;
}

async function show(topic: TopicInfo, { json }: ClientFlags): Promise<void> {
  await print(json ? `${toJson(topic)}\n` : await list(details(topic)));
}

function settingsOf({ retention, retentionBytes, retentionRecords, compact }: SettingFlags): TopicSettingsInput {
  const limit = (value: Limit | undefined) => (value === "none" ? null : value);
  return {
    retentionMs: limit(retention),
    retentionBytes: limit(retentionBytes),
    retentionRecords: limit(retentionRecords),
    compact,
  };
}

const columns: readonly Column<TopicInfo>[] = [
  { head: "topic", cell: ({ topic }) => topic },
  { head: "start", isNumber: true, cell: ({ startOffset }) => `${startOffset}` },
  { head: "high-water mark", isNumber: true, cell: ({ highWaterMark }) => `${highWaterMark}` },
  { head: "stored", isNumber: true, cell: ({ storedBytes }) => roughSize(storedBytes) },
  {
    head: "last record",
    isNumber: true,
    cell: ({ lastTimestampMs: ms }) => (ms === undefined ? "none" : roughAge(ms)),
  },
  { head: "kept", cell: keeping },
];

function details(topic: TopicInfo): Readonly<Record<string, string>> {
  const { startOffset, highWaterMark, storedBytes, createdMs, lastTimestampMs } = topic;
  return {
    topic: `${topic.tenant}/${topic.topic}`,
    "topic id": topic.topicId.toString("hex"),
    "start offset": `${startOffset}`,
    "high-water mark": `${highWaterMark}`,
    stored: `${roughSize(storedBytes)} (${grouped(storedBytes)} bytes)`,
    created: moment(createdMs),
    "last record": lastTimestampMs === undefined ? "none" : moment(lastTimestampMs),
    kept: keeping(topic),
  };
}

/** `7d, 10GiB, last of each key`: how long records are kept. */
function keeping({ settings }: TopicInfo): string {
  const { retentionMs, retentionBytes, retentionRecords, compact } = settings;
  const parts = [
    retentionMs === undefined ? [] : exactDuration(retentionMs),
    retentionBytes === undefined ? [] : exactSize(retentionBytes),
    retentionRecords === undefined ? [] : `${grouped(retentionRecords)} records`,
    compact ? "last of each key" : [],
  ].flat();
  return parts.length === 0 ? "for ever" : parts.join(", ");
}

function moment(ms: number): string {
  return `${new Date(ms).toISOString()} (${roughAge(ms)})`;
}

/** Offsets as text: a number of JSON need not hold them all. */
function toJson(topic: TopicInfo): string {
  const { createdMs, lastTimestampMs, settings } = topic;
  return JSON.stringify({
    tenant: topic.tenant,
    topic: topic.topic,
    topicId: topic.topicId.toString("hex"),
    startOffset: `${topic.startOffset}`,
    highWaterMark: `${topic.highWaterMark}`,
    storedBytes: topic.storedBytes,
    created: new Date(createdMs).toISOString(),
    lastTimestamp: lastTimestampMs === undefined ? undefined : new Date(lastTimestampMs).toISOString(),
    settings,
  });
}

function deletedLine(topic: string): string {
  return topic === defaultTopic ? `deleted ${topic}; it always exists: a new one, empty, is there` : `deleted ${topic}`;
}

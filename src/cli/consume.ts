/** `aclog consume`: prints the records that are there, or follows those that come. */
import { isUtf8 } from "node:buffer";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Client, ConsumedRecord, StartingPoint } from "../client/index.js";
import { defaultTopic } from "../names.js";
import { parseCount, parseOffset, parseTopic } from "./arguments.js";
import { addConnectionOptions, withClient, type ConnectionFlags } from "./connection.js";
import { print } from "./output.js";
import { visible, visibleJson } from "./terminal.js";

interface ConsumeFlags extends ConnectionFlags {
  readonly topic: string;
  readonly tenant?: string;
  readonly from: StartingPoint;
  readonly max?: number;
  readonly follow?: true;
  readonly json?: true;
}

export function addConsume(program: Command): void {
  const command = program
    .command("consume")
    .summary("print records")
    .description("Print the records that are there when the command starts, or with --follow also those that come.")
    .addOption(new Option("--topic <TOPIC>", "where from").default(defaultTopic).argParser(parseTopic))
    .option("--tenant <TENANT>", "whose topic; the caller's own unless given")
    .addOption(new Option("--from <START>", "earliest, latest or an offset").default("earliest").argParser(parseStart))
    .addOption(new Option("--max <COUNT>", "stop after so many records").argParser(parseCount))
    .option("--follow", "wait for more at the end")
    .option("--json", "print one object for each record: offset, timestamp, key, value, headers");
  addConnectionOptions(command)
    .addHelpText(
      "after",
      "\nExamples:\n" +
        "  aclog consume --as acme/reports --topic orders --from earliest\n" +
        "  aclog consume --as acme/reports --topic orders --from latest --follow --json\n\n" +
        "Values are printed as they are into a pipe or a file. On a terminal, control characters other than the tab,\n" +
        "and bytes that are no UTF-8, are shown as \\xNN, so that no record can send the terminal commands.",
    )
    .action(consume);
}

async function consume(flags: ConsumeFlags): Promise<void> {
  const { max = Infinity } = flags;
  await withClient(flags, async (client) => {
    const records = flags.follow ? client.follow(flags) : recordsUntilNow(client, flags);
    let printed = 0;
    for await (const record of records) {
      await print(flags.json ? jsonLine(record) : valueLine(record));
      if (++printed === max) break;
    }
  });
}

function jsonLine(record: ConsumedRecord): string {
  const json = toJson(record);
  return `${process.stdout.isTTY ? visibleJson(json) : json}\n`;
}

function valueLine({ value }: ConsumedRecord): string | Buffer {
  return process.stdout.isTTY ? `${visible(value)}\n` : Buffer.concat([value, newline]);
}

/** Up to the high-water mark that the first answer names, however fast the topic grows meanwhile. */
async function* recordsUntilNow(client: Client, flags: ConsumeFlags): AsyncGenerator<ConsumedRecord, void, undefined> {
  const { topic, tenant, from, max = maxRecordsPerRead } = flags;
  const maxRecords = Math.min(max, maxRecordsPerRead);
  const first = await client.consume({ topic, tenant, from, maxRecords });
  const { topicId, highWaterMark: end } = first;
  let { records } = first;
  while (true) {
    for (const record of records) {
      if (record.offset >= end) return;
      yield record;
    }
    const last = records.at(-1);
    if (last === undefined || last.offset + 1n >= end) return;
    // By its id: should the topic be deleted and made anew meanwhile, its records must not pass for the same ones.
    ({ records } = await client.consume({ topic, tenant, topicId, from: last.offset + 1n, maxRecords }));
  }
}

/** Bytes are text if all of the record's are UTF-8, else all of them are base64 and `encoding` says so. */
function toJson({ offset, timestampMs, key, value, headers }: ConsumedRecord): string {
  const isText = [key, value, ...headers.map((header) => header.value)].every((bytes) => isUtf8(bytes));
  const encoding = isText ? "utf8" : "base64";
  return JSON.stringify({
    offset: `${offset}`,
    timestamp: new Date(timestampMs).toISOString(),
    key: key.toString(encoding),
    value: value.toString(encoding),
    headers: headers.map((header) => ({ name: header.name, value: header.value.toString(encoding) })),
    ...(isText ? {} : { encoding }),
  });
}

function parseStart(text: string): StartingPoint {
  if (text === "earliest" || text === "latest") return text;
  try {
    return parseOffset(text);
  } catch {
    throw new InvalidArgumentError("It is earliest, latest or an offset.");
  }
}

const maxRecordsPerRead = 1000;
const newline = Buffer.from("\n");

/** `aclog consume`: prints the records that are there, or follows those that come. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { CallError, Client, ConsumedRecord, StartingPoint } from "../client/index.js";
import { defaultTopic } from "../names.js";
import { parseCount, parseExistingTopic, parseGroup, parseOffset } from "./arguments.js";
import { tenantOption } from "./client-command.js";
import { addConnectionOptions, withClient, type ConnectionFlags } from "./connection.js";
import { GroupPosition } from "./group-position.js";
import { print } from "./output.js";
import { Progress } from "./progress.js";
import { Portion, readOn, readUntilNow, type ReadingOptions } from "./reading.js";
import { recordToJson } from "./record-json.js";
import { untilStopped } from "./stop-signal.js";
import { visible, visibleJson } from "./terminal.js";
import { parseDuration, parseSize, parseTime } from "./units.js";
import { Waiting } from "./waiting.js";

interface ConsumeFlags extends ConnectionFlags {
  readonly topic: string;
  readonly tenant?: string;
  readonly from: StartingPoint;
  readonly group?: string;
  readonly max?: number;
  readonly maxBytes?: number;
  readonly follow?: true;
  readonly json?: true;
}

export function addConsume(program: Command): void {
  const command = program
    .command("consume")
    .summary("print records")
    .description("Print the records that are there when the command starts, or with --follow also those that come.")
    .addOption(new Option("--topic <TOPIC>", "where from").default(defaultTopic).argParser(parseExistingTopic))
    .addOption(tenantOption())
    .addOption(
      new Option("--from <START>", "earliest, latest, an offset, a time, or so long ago as in -15m")
        .default("earliest")
        .argParser(parseStart),
    )
    .addOption(
      new Option(
        "--group <GROUP>",
        "go on where this consumer group is, or if it is nowhere yet at --from; move it behind what was printed",
      ).argParser(parseGroup),
    )
    .addOption(new Option("--max <COUNT>", "stop after so many records").argParser(parseCount))
    .addOption(
      new Option(
        "--max-bytes <SIZE>",
        "stop before it is more than this; the first record is always printed",
      ).argParser(parseSize),
    )
    .option("--follow", "wait for more at the end, and for a server that goes and comes back")
    .option("--json", "print one object for each record: offset, timestamp, key, value, headers");
  addConnectionOptions(command)
    .addHelpText(
      "after",
      "\nExamples:\n" +
        "  aclog consume --as acme/reports --topic orders --from earliest\n" +
        "  aclog consume --as acme/reports --topic orders --from latest --follow --json\n" +
        "  aclog consume --as acme/reports --topic orders --from 2026-11-21T09:00:00Z --max 100\n" +
        "  aclog consume --as acme/reports --topic orders --group nightly\n\n" +
        "A time is a date, or a date and a time of day: of this machine's zone unless Z or +01:00 stands behind it.\n" +
        "-90s, -15m, -12h and -7d count back from now. Reading begins at the first record of that time or later.\n\n" +
        "A consumer group is moved every second, at the end, and on Ctrl-C and SIGTERM. What was printed after it was\n" +
        "last moved, as when the command is killed, is printed again the next time: at least once, and nothing is missed.\n\n" +
        "Values are printed as they are into a pipe or a file. On a terminal, control characters other than the tab,\n" +
        "and bytes that are no UTF-8, are shown as \\xNN, so that no record can send the terminal commands.",
    )
    .action(consume);
}

async function consume(flags: ConsumeFlags): Promise<void> {
  const { group, topic, tenant, from } = flags;
  await untilStopped((stopped) =>
    withClient(
      flags,
      async (client, address) => {
        const waiting = new Waiting(address, flags.json === true);
        if (group === undefined) {
          await printRecords(client, flags, { topic, tenant, from, waiting, signal: stopped });
          return;
        }
        const position = await GroupPosition.fetch(client, { group, topic, tenant }, from, stopped);
        const start = { topic, tenant, topicId: position.topicId, from: position.start, waiting };
        await position.commitDuring(stopped, (signal) =>
          printRecords(client, flags, { ...start, signal }, (next) => position.advance(next)),
        );
      },
      (call) => ({ hint: hint(call, flags), hasBegun: false }),
    ),
  );
}

interface Start extends Omit<ReadingOptions, "maxRecords" | "maxBytes" | "maxWaitMs"> {
  /** Told of a server that goes while its topic is followed. */
  readonly waiting: Waiting;
}

/** @param done told how far everything is printed: up to, and not including, an offset */
async function printRecords(
  client: Client,
  { follow, json, group, max, maxBytes }: ConsumeFlags,
  { waiting, ...start }: Start,
  done: (next: bigint) => void = () => undefined,
): Promise<void> {
  const options = {
    ...start,
    maxRecords: Math.min(max ?? Infinity, maxRecordsPerRead),
    maxBytes: Math.min(maxBytes ?? Infinity, maxBytesPerRead),
    // A group may have come to the end of the topic, where a read without a wait is refused.
    maxWaitMs: group === undefined ? 0 : 1,
  };
  const portion = new Portion({ max, maxBytes });
  // Beside records that come to the same terminal it would only be in their way.
  using progress = process.stdout.isTTY ? undefined : await Progress.start();
  let first: bigint | undefined;
  const reads = follow
    ? readOn(client, options, { onWaiting: waiting.begin, onBack: waiting.end })
    : readUntilNow(client, options);
  for await (const { records, end } of reads) {
    const wanted = portion.take(records);
    await print(json ? jsonLines(wanted) : valueLines(wanted));
    const last = wanted.at(-1);
    if (last !== undefined) {
      done(last.offset + 1n);
      first ??= wanted[0]?.offset ?? 0n;
      const ofTopic = end === undefined ? 0 : Number(last.offset + 1n - first) / Number(end - first);
      const fraction = Math.max(ofTopic, portion.fraction);
      progress?.update({ records: portion.records, bytes: portion.bytes, fraction: fraction || undefined });
    }
    if (portion.isFull) break;
  }
}

function jsonLines(records: readonly ConsumedRecord[]): string {
  const shown = process.stdout.isTTY ? visibleJson : (json: string) => json;
  return records.map((record) => `${shown(recordToJson(record))}\n`).join("");
}

function valueLines(records: readonly ConsumedRecord[]): string | Buffer {
  if (process.stdout.isTTY) return records.map(({ value }) => `${visible(value)}\n`).join("");
  return Buffer.concat(records.flatMap(({ value }) => [value, newline]));
}

/** What the command has to add where the topic does not reach to the offset that was asked for. */
function hint(call: CallError, { group, topic, follow }: ConsumeFlags): string | undefined {
  const { requested, base, next } = call.facts;
  if (call.reason !== "OFFSET_OUT_OF_RANGE" || requested === undefined || base === undefined || next === undefined) {
    return undefined;
  }
  if (group !== undefined && BigInt(requested) < BigInt(base)) {
    return `\`aclog offsets commit --group ${group} --topic ${topic} --offset ${base}\` goes on there.`;
  }
  return follow || BigInt(requested) < BigInt(next) ? undefined : "--follow waits for later ones.";
}

function parseStart(text: string): StartingPoint {
  if (text === "earliest" || text === "latest") return text;
  // It can be nothing else, and what is wrong with it can be told.
  if (/^\d{4}-/.test(text)) return { time: parseTime(text) };
  const start = attempt(() => (/^\d+$/.test(text) ? parseOffset(text) : { time: parseMoment(text) }));
  if (start !== undefined) return start;
  throw new InvalidArgumentError("It is earliest, latest or an offset; a time, such as 2026-11-21T09:00:00Z; or -15m.");
}

function parseMoment(text: string): Date {
  return text.startsWith("-") ? new Date(Date.now() - parseDuration(text.slice(1))) : parseTime(text);
}

function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    return undefined;
  }
}

// Few calls for a large topic, and not much memory.
const maxRecordsPerRead = 4000;
const maxBytesPerRead = 1024 * 1024;
const newline = Buffer.from("\n");

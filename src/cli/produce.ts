/** `aclog produce`: values, lines of a file or lines of stdin become records; their offsets are printed. */
import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { type Command, Option } from "commander";
import type { Client, ProduceResult, RecordInput } from "../client/index.js";
import { whyUnreadable } from "../config/index.js";
import { OperatorError } from "../errors.js";
import { defaultTopic } from "../names.js";
import { parseOffset, parsePath, parseTopic } from "./arguments.js";
import { addConnectionOptions, withClient, type ConnectionFlags } from "./connection.js";
import { batchesOfLines, LineTooLong } from "./lines.js";
import { print } from "./output.js";

interface ProduceFlags extends ConnectionFlags {
  readonly topic: string;
  readonly tenant?: string;
  readonly value?: readonly string[];
  readonly file?: string;
  readonly recordKey?: string;
  readonly expectedOffset?: bigint;
  readonly json?: true;
}

/** Key and value of one record (docs/errors.md, limits). */
const maxRecordBytes = 1024 * 1024;

export function addProduce(program: Command): void {
  const command = program
    .command("produce")
    .summary("store records and print their offsets")
    .description("Store records and print their offsets. Without --value or --file, each line of stdin is a record.")
    .addOption(new Option("--topic <TOPIC>", "where to").default(defaultTopic).argParser(parseTopic))
    .option("--tenant <TENANT>", "whose topic; the caller's own unless given")
    .addOption(
      new Option("--value <VALUE>", "a record; repeated, they are stored together or not at all")
        .argParser((value, before: readonly string[] | undefined) => [...(before ?? []), value])
        .conflicts("file"),
    )
    .addOption(new Option("--file <FILE>", "each line is a record, its bytes as they are").argParser(parsePath))
    .option("--record-key <KEY>", "what the records are about")
    .addOption(
      new Option("--expected-offset <OFFSET>", "fail unless the first record gets this offset").argParser(parseOffset),
    )
    .option("--json", 'print {"topic","offset"} for each record');
  addConnectionOptions(command)
    .addHelpText(
      "after",
      "\nExamples:\n" +
        "  aclog produce --as acme/billing --topic orders --value 'hello'\n" +
        "  seq 3 | aclog produce --as acme/billing --topic orders\n\n" +
        "A record is stored for good once its offset is printed. When a command that produces lines breaks off, more\n" +
        "may be stored than was printed: go on with the line behind the last printed offset, and with\n" +
        "--expected-offset N, where N is that offset plus 1. This fails rather than store a line twice.",
    )
    .action(produce);
}

async function produce(flags: ProduceFlags): Promise<void> {
  const { value } = flags;
  if (value === undefined) {
    const printed: Printed = {};
    await withClient(
      flags,
      (client) => produceLines(client, flags, printed),
      () => howToResume(printed),
    );
  } else {
    await withClient(flags, async (client) => {
      await printOffsets(await client.produce(value.map(toRecord(flags)), flags), flags);
    });
  }
}

/** How far the offsets that were printed go. */
interface Printed {
  /** The one behind the last. */
  next?: bigint;
}

function howToResume({ next }: Printed): string | undefined {
  if (next === undefined) return undefined;
  return (
    `Acknowledged is what was printed, up to offset ${next - 1n}; more may be stored. ` +
    `Go on with the line behind it and --expected-offset ${next}, which stores nothing twice.`
  );
}

async function produceLines(client: Client, flags: ProduceFlags, printed: Printed): Promise<void> {
  const input = flags.file === undefined ? process.stdin : createReadStream(flags.file);
  if (input === process.stdin && process.stdin.isTTY) process.stderr.write("Each line is a record; Ctrl-D ends.\n");
  try {
    for await (const answer of client.produceMany(batches(input, flags), flags)) {
      await printOffsets(answer, flags);
      printed.next = answer.offset + BigInt(answer.count);
    }
  } finally {
    // After a refusal nobody reads on, and an open stdin would keep the process waiting for a line.
    input.destroy();
  }
}

async function* batches(input: Readable, flags: ProduceFlags): AsyncGenerator<RecordInput[], void, undefined> {
  const source = flags.file ?? "stdin";
  const keyBytes = Buffer.byteLength(flags.recordKey ?? "");
  try {
    for await (const lines of batchesOfLines(input, maxRecordBytes - keyBytes)) yield lines.map(toRecord(flags));
  } catch (error) {
    // Checked here, because the server could only name the record by its place in the request.
    const problem =
      error instanceof LineTooLong
        ? `line ${error.line} of ${source} is too long: a record holds at most ${maxRecordBytes.toLocaleString("en")} bytes` +
          `${keyBytes === 0 ? "" : ", its key among them"}; the lines before it were sent`
        : `cannot read ${source}: ${whyUnreadable(error)}`;
    throw new OperatorError(problem, [], { cause: error });
  }
}

function toRecord({ recordKey }: ProduceFlags): (value: Buffer | string) => RecordInput {
  return (value) => ({ value, key: recordKey });
}

async function printOffsets({ offset, count }: ProduceResult, { topic, json }: ProduceFlags): Promise<void> {
  const offsets = Array.from({ length: count }, (_, index) => `${offset + BigInt(index)}`);
  const lines = json ? offsets.map((each) => JSON.stringify({ topic, offset: each })) : offsets;
  await print(lines.map((line) => `${line}\n`).join(""));
}

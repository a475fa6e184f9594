/** `aclog produce`: values, lines of a file or lines of stdin become records; their offsets are printed. */
import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { type Command, Option } from "commander";
import type { Client, ProduceResult, RecordInput } from "../client/index.js";
import { whyUnreadable } from "../config/index.js";
import { OperatorError } from "../errors.js";
import { defaultTopic } from "../names.js";
import { parseOffset, parseTopic } from "./arguments.js";
import { addConnectionOptions, withClient, type ConnectionFlags } from "./connection.js";
import { batchesOfLines } from "./lines.js";
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
    .option("--file <FILE>", "each line is a record, its bytes as they are")
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
        "  seq 3 | aclog produce --as acme/billing --topic orders",
    )
    .action(produce);
}

async function produce(flags: ProduceFlags): Promise<void> {
  await withClient(flags, async (client) => {
    if (flags.value === undefined) await produceLines(client, flags);
    else await printOffsets(await client.produce(flags.value.map(toRecord(flags)), flags), flags);
  });
}

async function produceLines(client: Client, flags: ProduceFlags): Promise<void> {
  const input = flags.file === undefined ? process.stdin : createReadStream(flags.file);
  if (input === process.stdin && process.stdin.isTTY) process.stderr.write("Each line is a record; Ctrl-D ends.\n");
  try {
    for await (const answer of client.produceMany(batches(input, flags), flags)) await printOffsets(answer, flags);
  } finally {
    // After a refusal nobody reads on, and an open stdin would keep the process waiting for a line.
    input.destroy();
  }
}

async function* batches(input: Readable, flags: ProduceFlags): AsyncGenerator<RecordInput[], void, undefined> {
  try {
    for await (const lines of batchesOfLines(input)) yield lines.map(toRecord(flags));
  } catch (error) {
    const problem = error instanceof RangeError ? error.message : whyUnreadable(error);
    throw new OperatorError("cannot read on:", [{ source: flags.file ?? "stdin", problem }], { cause: error });
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

/** `aclog produce`: values, lines of a file or lines of stdin become records; their offsets are printed. */
import { type Command, Option } from "commander";
import type { Client, ProduceResult } from "../client/index.js";
import { OperatorError } from "../errors.js";
import { defaultTopic } from "../names.js";
import { parseOffset, parsePath, parseTopic } from "./arguments.js";
import { addConnectionOptions, withClient, type ConnectionFlags } from "./connection.js";
import { sentences } from "./failure.js";
import {
  batchBytesOption,
  LineSource,
  plainLines,
  smallerBatches,
  UnusableInput,
  type LineFlags,
} from "./line-source.js";
import { print } from "./output.js";

interface ProduceFlags extends ConnectionFlags, LineFlags {
  readonly topic: string;
  readonly tenant?: string;
  readonly value?: readonly string[];
  readonly file?: string;
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
    .addOption(new Option("--file <FILE>", "each line is a record, its bytes as they are").argParser(parsePath))
    .addOption(batchBytesOption())
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
      (call) => sentences(smallerBatches(call, flags), howToResume(printed)),
    );
  } else {
    await withClient(flags, async (client) => {
      const records = value.map((each) => ({ value: each, key: flags.recordKey }));
      await printOffsets(await client.produce(records, flags), flags);
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
    `Go on with the line behind it and --expected-offset ${next}, which stores nothing twice. Should it say that the ` +
    `next offset is a later one, and nobody else produces here, then as many lines more as it is later are stored: skip them.`
  );
}

async function produceLines(client: Client, flags: ProduceFlags, printed: Printed): Promise<void> {
  using source = new LineSource(flags.file);
  try {
    for await (const answer of client.produceMany(source.records(plainLines(flags)), flags)) {
      await printOffsets(answer, flags);
      printed.next = answer.offset + BigInt(answer.count);
    }
  } catch (error) {
    if (!(error instanceof UnusableInput)) throw error;
    const sent = printed.next === undefined ? "" : "; the lines before it were sent";
    throw new OperatorError(`${error.message}${sent}`, [], { cause: error });
  }
}

async function printOffsets({ offset, count }: ProduceResult, { topic, json }: ProduceFlags): Promise<void> {
  const offsets = Array.from({ length: count }, (_, index) => `${offset + BigInt(index)}`);
  const lines = json ? offsets.map((each) => JSON.stringify({ topic, offset: each })) : offsets;
  await print(lines.map((line) => `${line}\n`).join(""));
}

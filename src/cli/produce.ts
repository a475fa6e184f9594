/** `aclog produce`: values, lines of a file or lines of stdin become records; their offsets are printed. */
import { type Command, Option } from "commander";
import type { CallError, Client, ProduceManyOptions, ProduceResult } from "../client/index.js";
import { OperatorError } from "../errors.js";
import { defaultTopic } from "../names.js";
import { collect, parseOffset, parsePath, parseTopic } from "./arguments.js";
import { tenantOption } from "./client-command.js";
import { addConnectionOptions, withClient, type ConnectionFlags } from "./connection.js";
import { sentences, type Aftermath } from "./failure.js";
import {
  batchBytesOption,
  goOn,
  LineSource,
  linesAre,
  plainLines,
  smallerBatches,
  UnusableInput,
  type LineFlags,
} from "./line-source.js";
import { tell } from "./output.js";
import { Waiting } from "./waiting.js";

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
    .addOption(tenantOption())
    .addOption(
      new Option("--value <VALUE>", "a record; repeated, they are stored together or not at all")
        .argParser(collect)
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
    const stored: Stored = { lines: 0, next: 0n };
    await withClient(
      flags,
      (client, address) => produceLines(client, flags, { stored, wait: new Waiting(address, flags.json === true) }),
      (call) => aftermath(call, flags, stored),
    );
  } else {
    await withClient(flags, async (client) => {
      const records = value.map((each) => ({ value: each, key: flags.recordKey }));
      await printOffsets(await client.produce(records, whereTo(flags)), flags);
    });
  }
}

/** What the server has answered for. */
interface Stored {
  lines: number;
  /** The offset behind the last of them. */
  next: bigint;
}

function aftermath(call: CallError, flags: ProduceFlags, stored: Stored): Aftermath {
  const hint = sentences(smallerBatches(call, flags), howToResume(stored));
  return { hint, hasBegun: stored.lines > 0 };
}

function howToResume({ lines, next }: Stored): string | undefined {
  if (lines === 0) return undefined;
  return (
    `${linesAre(lines)} acknowledged, up to offset ${next - 1n}; more may be stored. ` +
    `Go on with line ${lines + 1} and --expected-offset ${next}, which stores nothing twice. Should it say that the ` +
    `next offset is a later one, and nobody else produces here, then as many lines more as it is later are stored: skip them.`
  );
}

async function produceLines(
  client: Client,
  flags: ProduceFlags,
  { stored, wait }: { readonly stored: Stored; readonly wait: Waiting },
): Promise<void> {
  using source = new LineSource(flags.file);
  try {
    const options = { ...whereTo(flags), onWaiting: wait.begin };
    for await (const answer of client.produceMany(source.records(plainLines(flags)), options)) {
      wait.end();
      stored.lines += answer.count;
      stored.next = answer.offset + BigInt(answer.count);
      await printOffsets(answer, flags);
    }
  } catch (error) {
    if (!(error instanceof UnusableInput)) throw error;
    const before = stored.lines === 0 ? "nothing was stored" : goOn(stored.lines, stored.next);
    throw new OperatorError(`${error.message}; ${before}`, [], { cause: error });
  }
}

function whereTo({ topic, tenant, expectedOffset }: ProduceFlags): ProduceManyOptions {
  return { topic, tenant, expectedOffset };
}

async function printOffsets({ offset, count }: ProduceResult, { topic, json }: ProduceFlags): Promise<void> {
  const offsets = Array.from({ length: count }, (_, index) => `${offset + BigInt(index)}`);
  const lines = json ? offsets.map((each) => JSON.stringify({ topic, offset: each })) : offsets;
  // Whoever only wants the first ones, as `| head` does, wants all lines stored.
  await tell(lines.map((line) => `${line}\n`).join(""));
}

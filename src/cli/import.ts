/** `aclog import`: the lines of a file become records, with one summary at the end. */
import { Argument, type Command, Option } from "commander";
import type { CallError, Client, ImportResult, RecordInput } from "../client/index.js";
import { OperatorError } from "../errors.js";
import { defaultTopic } from "../names.js";
import { isUnreached } from "../unreached.js";
import { parseOffset, parsePath, parseTopic } from "./arguments.js";
import { tenantOption } from "./client-command.js";
import { addConnectionOptions, withClient, type ConnectionFlags } from "./connection.js";
import { sentences, UsageError, type Aftermath } from "./failure.js";
import {
  batchBytesOption,
  goOn,
  jsonLines,
  LineSource,
  plainLines,
  smallerBatches,
  UnusableInput,
  type LineFlags,
  type LineForm,
} from "./line-source.js";
import { print } from "./output.js";
import { Progress } from "./progress.js";
import { untilStopped } from "./stop-signal.js";
import { list } from "./table.js";
import { grouped, roughSize } from "./units.js";

interface ImportFlags extends ConnectionFlags, LineFlags {
  readonly topic: string;
  readonly tenant?: string;
  readonly format: "lines" | "json";
  readonly expectedOffset?: bigint;
  readonly json?: true;
}

export function addImport(program: Command): void {
  const command = program
    .command("import")
    .summary("store the lines of a large file")
    .description("Store the lines of a file as records, as fast as the server takes them, and print one summary.")
    .addArgument(new Argument("<FILE>", "each line is a record; - is stdin").argParser(parsePath))
    .addOption(new Option("--topic <TOPIC>", "where to").default(defaultTopic).argParser(parseTopic))
    .addOption(tenantOption())
    .addOption(
      new Option("--format <FORMAT>", "lines: as they are; json: what consume --json prints, each line a record")
        .choices(["lines", "json"])
        .default("lines"),
    )
    .addOption(batchBytesOption())
    .addOption(new Option("--record-key <KEY>", "what the records are about; with lines only"))
    .addOption(
      new Option("--expected-offset <OFFSET>", "fail unless the first record gets this offset").argParser(parseOffset),
    )
    .option("--json", "print one object");
  addConnectionOptions(command)
    .addHelpText(
      "after",
      "\nExamples:\n" +
        "  aclog import orders.txt --as acme/billing --topic orders\n" +
        "  aclog consume --as acme/reports --topic orders --json | aclog import - --format json --as globex/root --topic orders\n\n" +
        "An import that ends early says how many lines are stored, where that is known: go on with the line behind them\n" +
        "and --expected-offset, which fails rather than store a line twice. Ctrl-C stores what is under way and ends.\n\n" +
        "The server gives every record a new offset and the time of now: those that a line of JSON has are not stored.",
    )
    .action(importLines);
}

async function importLines(file: string, flags: ImportFlags): Promise<void> {
  const form = formOf(flags);
  const sent: Sent = { records: 0 };
  await untilStopped((stopped) =>
    withClient(
      flags,
      async (client) => {
        using source = new LineSource(file === "-" ? undefined : file);
        const lines = new Lines(source, form, stopped);
        const result = await send(client, flags, lines, sent);
        const failure = lines.problem === undefined ? undefined : endedEarly(lines.problem, result);
        // Where nothing was stored, the failure says so.
        if (result !== undefined || failure === undefined) {
          await print(flags.json ? asJson(result, flags) : await list(asRows(result)));
        }
        if (failure !== undefined) throw failure;
      },
      (call) => aftermath(call, flags, sent),
    ),
  );
}

function formOf(flags: ImportFlags): LineForm {
  if (flags.format === "lines") return plainLines(flags);
  if (flags.recordKey === undefined) return jsonLines(flags);
  throw new UsageError("--record-key goes without --format json, where each record has a key of its own");
}

/** How many records went to the connection. */
interface Sent {
  records: number;
}

/** Undefined: there was not a single record. */
async function send(
  client: Client,
  { topic, tenant, expectedOffset }: ImportFlags,
  lines: Lines,
  sent: Sent,
): Promise<ImportResult | undefined> {
  using progress = await Progress.start();
  const batches = lines[Symbol.asyncIterator]();
  const first = await batches.next();
  // The server is not asked to store nothing.
  if (first.done) return undefined;
  return await client.import(startingWith(first.value, batches), {
    topic,
    tenant,
    expectedOffset,
    onProgress: ({ records }) => {
      sent.records = records;
      progress.update({ records, bytes: lines.bytesRead, fraction: lines.fraction });
    },
  });
}

async function* startingWith<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  yield first;
  yield* rest;
}

/** The lines up to where they end, are no records any more, or somebody stops the import. */
class Lines {
  /** Why they ended before their end. */
  problem: string | undefined;
  readonly #source: LineSource;
  readonly #form: LineForm;
  readonly #stopped: AbortSignal;

  constructor(source: LineSource, form: LineForm, stopped: AbortSignal) {
    this.#source = source;
    this.#form = form;
    this.#stopped = stopped;
  }

  get bytesRead(): number {
    return this.#source.bytesRead;
  }

  /** From 0 to 1: how much was read; undefined where nobody knows how much there is. */
  get fraction(): number | undefined {
    return this.#source.size === undefined ? undefined : Math.min(1, this.bytesRead / this.#source.size);
  }

  /** Ends without an error, so that what came before is stored and counted. */
  async *[Symbol.asyncIterator](): AsyncGenerator<RecordInput[], void, undefined> {
    // An open stdin would be waited for.
    this.#stopped.addEventListener("abort", () => this.#source[Symbol.dispose]());
    try {
      yield* this.#source.records(this.#form);
    } catch (error) {
      if (!(error instanceof UnusableInput)) throw error;
      this.problem = this.#stopped.aborted ? "the import was stopped" : error.message;
    }
  }
}

function asRows(result: ImportResult | undefined): Readonly<Record<string, string>> {
  if (result === undefined) return { records: "0" };
  const { count, firstOffset, lastOffset, bytes, seconds } = result;
  return {
    records: grouped(count),
    offsets: `${firstOffset} to ${lastOffset}`,
    sent: `${roughSize(bytes)} (${grouped(bytes)} bytes)`,
    seconds: `${seconds.toFixed(2)} (${grouped(Math.round(count / seconds))} records/s)`,
  };
}

function asJson(result: ImportResult | undefined, { topic }: ImportFlags): string {
  if (result === undefined) return `${JSON.stringify({ topic, count: 0 })}\n`;
  const { count, firstOffset, lastOffset, bytes, seconds, topicId } = result;
  const offsets = { firstOffset: `${firstOffset}`, lastOffset: `${lastOffset}` };
  return `${JSON.stringify({ topic, count, ...offsets, bytes, seconds, topicId: topicId.toString("hex") })}\n`;
}

function endedEarly(problem: string, result: ImportResult | undefined): OperatorError {
  if (result?.lastOffset === undefined) return new OperatorError(`${problem}; nothing was stored`);
  return new OperatorError(`${problem}; ${goOn(result.count, result.lastOffset + 1n)}`);
}

/** What the command knows of a call that failed. */
function aftermath(call: CallError, flags: ImportFlags, sent: Sent): Aftermath {
  const { imported, next } = call.facts;
  const advice = smallerBatches(call, flags);
  // What was sent to a connection that never came about went nowhere. Limits on streams are checked before a stream begins.
  const wasRefused = imported === "0" || (imported === undefined && call.reason === "QUOTA_EXCEEDED");
  if (wasRefused || isUnreached(call.details))
    return { hint: sentences(advice, "Nothing was stored."), hasBegun: false };
  if (imported !== undefined && next !== undefined) {
    return { hint: sentences(advice, `${goOn(Number(imported), BigInt(next))}.`), hasBegun: true };
  }
  return sent.records === 0 ? { hasBegun: false } : { hint: nobodyKnows(flags, sent), hasBegun: true };
}

function nobodyKnows({ topic, expectedOffset }: ImportFlags, { records }: Sent): string {
  return (
    `How many of the ${grouped(records)} records that were sent are stored is not known. ` +
    `\`aclog topics describe ${topic}\` shows the high-water mark` +
    (expectedOffset === undefined ? "." : `: less ${expectedOffset}, it is how many lines are stored.`)
  );
}

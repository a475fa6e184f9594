/** `aclog log dump`: what is in a segment, a journal file or a rescue file. */
import { type Command, Option } from "commander";
import type { DumpedCommit, DumpedPart } from "../repair/index.js";
import { parseCount, parseOffset, parsePath } from "./arguments.js";
import { UsageError } from "./failure.js";
import { addLogCommand, topicOptions, type TopicFlags } from "./log-flags.js";
import { print } from "./output.js";
import { recordToJson } from "./record-json.js";
import { visible, visibleJson } from "./terminal.js";
import { counted } from "./units.js";

interface DumpFlags extends TopicFlags {
  readonly from?: bigint;
  readonly limit?: number;
  readonly values?: true;
}

export function addLogDump(log: Command): void {
  const command = addLogCommand(log, "dump", {
    summary: "show what is in a segment, a journal file or a rescue file",
    description:
      "Show what is in a segment, in a journal or rescue file or in all segments of a topic: each commit with its place, its " +
      "offsets, its time, whether its checksum matches, and which producers it is from. Nothing of the records themselves is " +
      "shown without --values. A server may be running.",
    options: [
      ...topicOptions("all segments of this one"),
      new Option("--from <OFFSET>", "begin with the commit that has this offset").argParser(parseOffset),
      new Option("--limit <N>", "at most so many commits").argParser(parseCount),
      new Option("--values", "show the records too, as consume --json does"),
    ],
    json: "print one object for each line",
    examples: [
      "aclog log dump --topic orders --tenant acme --from 1000 --limit 20",
      "aclog log dump data/journal/00000000000000000001.wal --json",
    ],
  });
  command.argument("[FILE]", "a segment, a journal file or a rescue file", parsePath);
  command.action((file: string | undefined, flags: DumpFlags) => dump(file, flags));
}

async function dump(file: string | undefined, flags: DumpFlags): Promise<void> {
  const { data, topic, tenant, from, limit = Infinity, json, values } = flags;
  if ((file === undefined) === (topic === undefined)) {
    throw new UsageError("name a file, or a topic with --topic; one of the two");
  }
  const { dumpFile, dumpTopic } = await import("../repair/index.js");
  const parts = file === undefined ? dumpTopic(data, { topic, tenant }, from) : dumpFile(file, from);
  const records = values ? await recordsReader() : () => [];
  let commits = 0;
  let isSound = true;
  let isEmpty = true;
  for await (const part of parts) {
    // The group behind the last commit that is wanted has to go too.
    if (commits >= limit) break;
    if (part.type === "commit") commits++;
    isEmpty = false;
    isSound &&= part.type !== "damage" && part.isIntact;
    const described = json ? [JSON.stringify(objectOf(part), bigintAsText)] : [lineOf(part), ...producerLines(part)];
    const lines = [...described, ...records(part)];
    await print(lines.map((line) => `${line}\n`).join(""));
  }
  if (isEmpty && !json) await print(`${file ?? `topic ${topic ?? ""}`}: no commit${behind(from)}\n`);
  if (!isSound) process.exitCode = 1;
}

function behind(from: bigint | undefined): string {
  return from === undefined ? "" : ` from offset ${from} on`;
}

/** Reads a commit's records as the typed client reads what a server sends: the bytes are the same. */
async function recordsReader(): Promise<(part: DumpedPart) => readonly string[]> {
  const { MalformedResponse, readConsumeResponse } = await import("../client/consume-response.js");
  return (part) => {
    if (part.type !== "commit") return [];
    try {
      return readConsumeResponse(part.frames).records.map((record) => visibleJson(recordToJson(record)));
    } catch (error) {
      // Of a damaged commit not every record can be read.
      if (error instanceof MalformedResponse) return [];
      throw error;
    }
  };
}

function lineOf(part: DumpedPart): string {
  const place = `${part.path}: byte ${part.position}`;
  if (part.type === "damage") return `${place}: damage of ${counted(part.bytes, "byte")}: ${part.found}`;
  if (part.type === "group") {
    const { sequence, durable, isEnd, isIntact, commits } = part;
    if (isEnd) return `${place}: end; the journal goes on with group ${sequence} in the next file`;
    const what = commits === undefined ? "what it holds cannot be told" : counted(commits, "commit");
    return `${place}: group ${sequence}, ${counted(part.bytes, "byte")}, ${what}, durable before it ${durable}, ${checksum(isIntact)}`;
  }
  if (part.type === "rescue") {
    const { commits, topicId, next, bytes, isIntact } = part;
    const end = next === undefined ? "header damaged" : `up to offset ${next}`;
    return `${place}: rescue file, ${counted(bytes, "byte")}, ${counted(commits, "commit")}, topic ${topicId}, ${end}, ${checksum(isIntact)}`;
  }
  const { base, last, count, timeMs, topicId } = part.header;
  const time = new Date(timeMs).toISOString();
  return `${place}: offsets ${base} to ${last}, ${counted(count, "record")}, ${counted(part.bytes, "byte")}, ${time}, topic ${topicId}, ${checksum(part.isIntact)}`;
}

/** What is known of producers, one line for each batch. */
function producerLines(part: DumpedPart): readonly string[] {
  if (part.type !== "commit" || part.producers === undefined) return [];
  const { table, batches } = producersOf(part.producers);
  const known =
    table === undefined
      ? []
      : [table === "lost" ? "  what was known of producers is lost" : `  ${counted(table, "producer")} known`];
  const each = batches.map(({ principal, id, epoch, sequence, count, offset }) => {
    return visible(
      Buffer.from(
        `  producer ${principal} id ${id} epoch ${epoch}: sequence ${sequence}, ${counted(count, "record")} from offset ${offset}`,
      ),
    );
  });
  return [...known, ...each];
}

/** The table as the number of producers in it, and ids in hex: they are any bytes. */
function producersOf({ table, batches }: NonNullable<DumpedCommit["producers"]>) {
  return {
    table: table === undefined || table === "lost" ? table : table.size,
    batches: batches.map(({ producer: { principal, id, epoch, sequence }, count, offset }) => {
      return { principal, id: Buffer.from(id, "latin1").toString("hex"), epoch, sequence, count, offset };
    }),
  };
}

function checksum(isIntact: boolean): string {
  return isIntact ? "checksum ok" : "checksum wrong";
}

function objectOf(part: DumpedPart): object {
  if (part.type !== "commit") return part;
  const { frames, producers, ...rest } = part;
  return { ...rest, framesBytes: frames.length, ...(producers && { producers: producersOf(producers) }) };
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}` : value;
}

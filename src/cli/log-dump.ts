/** `aclog log dump`: what is in a segment or a journal file. */
import { type Command, Option } from "commander";
import type { DumpedPart } from "../repair/index.js";
import { parseCount, parseOffset, parsePath } from "./arguments.js";
import { UsageError } from "./failure.js";
import { addLogCommand, topicOptions, type TopicFlags } from "./log-flags.js";
import { print } from "./output.js";
import { recordToJson } from "./record-json.js";
import { visibleJson } from "./terminal.js";

interface DumpFlags extends TopicFlags {
  readonly from?: bigint;
  readonly limit?: number;
  readonly values?: true;
}

export function addLogDump(log: Command): void {
  const command = addLogCommand(log, "dump", {
    summary: "show what is in a segment or a journal file",
    description:
      "Show what is in a segment, in a journal file or in all segments of a topic: each commit with its place, its offsets, " +
      "its time and whether its checksum matches. Nothing of the records themselves is shown without --values. A server may " +
      "be running.",
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
  command.argument("[FILE]", "a segment or a journal file", parsePath);
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
  for await (const part of parts) {
    if (part.type === "commit" && ++commits > limit) break;
    isSound &&= part.type !== "damage" && part.isIntact;
    const lines = [json ? JSON.stringify(objectOf(part), bigintAsText) : lineOf(part), ...records(part)];
    await print(lines.map((line) => `${line}\n`).join(""));
  }
  if (!isSound) process.exitCode = 1;
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
  if (part.type === "damage") return `${place}: damage of ${part.bytes} bytes: ${part.found}`;
  if (part.type === "group") {
    const { sequence, durable, isEnd, isIntact, commits } = part;
    if (isEnd) return `${place}: end; the journal goes on with group ${sequence} in the next file`;
    const what = commits === undefined ? "what it holds cannot be told" : `${commits} commits`;
    return `${place}: group ${sequence}, ${part.bytes} bytes, ${what}, durable before it ${durable}, ${checksum(isIntact)}`;
  }
  const { base, last, count, timeMs, topicId } = part.header;
  const time = new Date(timeMs).toISOString();
  return `${place}: offsets ${base} to ${last}, ${count} records, ${part.bytes} bytes, ${time}, topic ${topicId}, ${checksum(part.isIntact)}`;
}

function checksum(isIntact: boolean): string {
  return isIntact ? "checksum ok" : "checksum wrong";
}

function objectOf(part: DumpedPart): object {
  if (part.type !== "commit") return part;
  const { frames, ...rest } = part;
  return { ...rest, framesBytes: frames.length };
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}` : value;
}

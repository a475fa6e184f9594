/** `aclog log repair` and `aclog log reindex`: what changes a stopped data directory. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { isSystemName, isTopicName, nameRules } from "../names.js";
import type { ReindexReport, RepairReport } from "../repair/index.js";
import { addLogCommand, topicOptions, withProgress, type LogFlags, type TopicFlags } from "./log-flags.js";
import { print } from "./output.js";
import { table } from "./table.js";
import { counted, grouped } from "./units.js";

interface RepairFlags extends LogFlags {
  readonly yes?: true;
  readonly name?: ReadonlyMap<string, string>;
}

export function addLogRepair(log: Command): void {
  addLogCommand(log, "repair", {
    summary: "make a damaged data directory serve again",
    description:
      "Make a damaged data directory serve again. Without --yes it says what it would do and what would be lost, and " +
      "changes nothing. With it, everything that is replaced or removed is first kept in a folder repair-… of the data " +
      "directory; offsets are never used again. The server must be stopped. Exits with 1 if there is something to do, with 2 if " +
      "that cannot be judged: a server has the directory, or it is none.",
    options: [
      new Option("--yes", "do it"),
      new Option("--name <ID=TOPIC>", "what a topic is called whose topic.json is lost; may be repeated").argParser(
        parseName,
      ),
    ],
    json: "print one object",
    examples: ["aclog log repair --data ./data", "aclog log repair --data ./data --yes"],
  }).action((flags: RepairFlags) => repairData(flags));
}

export function addLogReindex(log: Command): void {
  addLogCommand(log, "reindex", {
    summary: "write indexes anew",
    description:
      "Write the indexes of segments anew. They are hints: nothing is lost without them, and reading is quicker with them. " +
      "The server must be stopped. Exits with 1 if a segment is damaged, with 2 if a server has the directory, or it is none.",
    options: topicOptions("only this one"),
    json: "print one object",
    examples: ["aclog log reindex --data ./data", "aclog log reindex --topic orders --tenant acme"],
  }).action((flags: TopicFlags) => reindexData(flags));
}

async function repairData({ data, yes, name, json }: RepairFlags): Promise<void> {
  const { repair } = await import("../repair/index.js");
  const names = name ?? new Map<string, string>();
  const report = await withProgress((onProgress) => repair(data, { yes: yes === true, names, onProgress }));
  if (report.isNeeded && !report.isDone) process.exitCode = 1;
  await print(json ? `${JSON.stringify(report, bigintAsText)}\n` : await repairInWords(data, report));
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}` : value;
}

async function repairInWords(data: string, report: RepairReport): Promise<string> {
  const { formatSpan, formatTopic } = await import("../repair/index.js");
  const { isNeeded, isDone, steps, losses, unknown, isLossKnown, questions, misplaced, keptIn } = report;
  if (!isNeeded) return `${data}: there is nothing to repair.\n`;
  if (misplaced.length > 0) {
    const told = misplaced.map(({ path, problem }) => `${path}: ${problem}.\n`);
    return `${told.join("")}\nNothing was changed. What else is to be done can be said when that is where it belongs.\n`;
  }
  const columns = [
    { head: "file", cell: (step: (typeof steps)[number]) => step.path },
    { head: isDone ? "what was done" : "what would be done", cell: (step: (typeof steps)[number]) => step.does },
  ];
  const lost = [
    { head: "topic", cell: ({ topic }: (typeof losses)[number]) => formatTopic(topic) },
    { head: "lost", cell: ({ loss }: (typeof losses)[number]) => formatSpan(loss) },
    {
      head: "records",
      isNumber: true as const,
      cell: ({ loss }: (typeof losses)[number]) => grouped(loss.to - loss.from),
    },
    {
      head: "damaged bytes",
      isNumber: true as const,
      cell: ({ loss }: (typeof losses)[number]) => grouped(loss.bytes),
    },
    { head: "file", cell: ({ loss }: (typeof losses)[number]) => loss.path },
  ];
  const noLoss = isLossKnown
    ? "No record that is known to have been there is lost."
    : "Whether records are lost cannot be told.";
  return [
    await table(columns, steps, "No file would be changed."),
    "\n",
    await table(lost, losses, noLoss),
    ...unknown.map((text) => `\nNot known any more: ${text}.\n`),
    ...questions.map((text) => `\nTo be said first: ${text}.\n`),
    isDone
      ? `\nDone. What was replaced or removed is in ${data}/${keptIn ?? ""}; remove it when nobody needs it any more.\n`
      : `\nNothing was changed. With --yes it is done, and what is replaced or removed is kept in ${data}/repair-….\n`,
  ].join("");
}

async function reindexData({ data, topic, tenant, json }: TopicFlags): Promise<void> {
  const { reindex } = await import("../repair/index.js");
  const report = await withProgress((onProgress) => reindex(data, { topic, tenant, onProgress }));
  if (report.damaged.length > 0) process.exitCode = 1;
  await print(json ? `${JSON.stringify(report)}\n` : reindexInWords(report));
}

function reindexInWords({ topics, written, damaged }: ReindexReport): string {
  const lines = damaged.map((path) => `${path} is damaged; its index has what is sound. aclog log verify says more.\n`);
  return `${lines.join("")}${counted(topics, "topic")}: ${counted(written.length, "index", "indexes")} written.\n`;
}

/** @throws InvalidArgumentError unless it is an id and a name */
function parseName(text: string, before: ReadonlyMap<string, string> = new Map()): ReadonlyMap<string, string> {
  const [, id, name = ""] = /^([0-9a-f]{32})=(.*)$/.exec(text) ?? [];
  if (id === undefined) throw new InvalidArgumentError("It is a topic's id, 32 of 0-9 a-f, then = and its name.");
  if (!isTopicName(name) && !isSystemName(name)) {
    throw new InvalidArgumentError(`A topic's name is ${nameRules.topic}.`);
  }
  return new Map([...before, [id, name]]);
}

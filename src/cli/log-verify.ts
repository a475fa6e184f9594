/** `aclog log verify`: everything that is wrong with a data directory. */
import type { Command } from "commander";
import type { DirectoryFinding, VerifyReport } from "../repair/index.js";
import { addLogCommand, topicOptions, withProgress, type TopicFlags } from "./log-flags.js";
import { print } from "./output.js";
import { untilStopped } from "./stop-signal.js";
import { table, type Column } from "./table.js";
import { counted, grouped, roughSize } from "./units.js";

export function addLogVerify(log: Command): void {
  addLogCommand(log, "verify", {
    summary: "check every byte of a data directory",
    description:
      "Check every byte of a data directory against its checksums, the checkpoint and each topic.json, and say everything " +
      "that is wrong: file, byte, offset, and what to do. Changes nothing. A server may be running on it: what is above its " +
      "last checkpoint is left for the journal to answer for. Exits with 1 if anything is damaged, with 2 if that cannot be " +
      "judged.",
    options: topicOptions("only this one"),
    json: "print one object for each finding, and one that sums up",
    examples: ["aclog log verify --data ./data", "aclog log verify --topic orders --tenant acme --json"],
  }).action((flags: TopicFlags) => verifyData(flags));
}

async function verifyData({ data, topic, tenant, json }: TopicFlags): Promise<void> {
  const { verify } = await import("../repair/index.js");
  await untilStopped(async (signal) => {
    const report = await withProgress((onProgress) => verify(data, { topic, tenant, signal, onProgress }));
    if (!report.ok) process.exitCode = 1;
    await print(json ? asJson(report) : await inWords(data, report));
  });
}

function asJson({ findings, ...summary }: VerifyReport): string {
  return [...findings.map((finding) => objectOf(finding)), { type: "summary", ...summary }]
    .map(
      (object) =>
        `${JSON.stringify(object, (_key, value: unknown) => (typeof value === "bigint" ? `${value}` : value))}\n`,
    )
    .join("");
}

/** As `--json` prints it: offsets are text, because JSON's numbers are not exact. */
export function objectOf({ topic, ...finding }: DirectoryFinding): object {
  return { type: "finding", ...finding, ...(topic === undefined ? {} : topic) };
}

async function inWords(data: string, report: VerifyReport): Promise<string> {
  const { findings, counts, unjudgedBytes } = report;
  const told = findings.length === 0 ? "" : `${await findingsTable(findings)}\n`;
  const { topics, segments, commits, records, bytes, journalGroups } = counts;
  const read =
    `${counted(topics, "topic")}, ${counted(segments, "segment")}, ${counted(commits, "commit")}, ` +
    `${counted(records, "record")}, ${roughSize(bytes)}; ` +
    `${counted(journalGroups, "group")} of the journal above the checkpoint`;
  const above = unjudgedBytes === 0 ? "" : `Not judged: ${roughSize(unjudgedBytes)} ${whyUnjudged(report)}.\n`;
  return `${told}${above}${data}: ${verdict(findings)}. Read: ${read}.\n`;
}

function whyUnjudged({ findings, checkpoint }: VerifyReport): string {
  if (checkpoint === undefined)
    return "of segments, of which nobody knows without the checkpoint what they have to hold";
  const above = "of segments above the checkpoint";
  const isJournalSound = !findings.some(({ kind, severity }) => severity === "damage" && ofJournal.has(kind));
  return isJournalSound
    ? `${above}, which the journal has too`
    : `${above}, for which the damaged journal has to answer`;
}

const ofJournal: ReadonlySet<string> = new Set(["JOURNAL", "JOURNAL_GROUP"]);

function verdict(findings: readonly DirectoryFinding[]): string {
  const of = (severity: string): number => findings.filter((finding) => finding.severity === severity).length;
  const damaged = of("damage");
  const warnings = of("warning");
  const sound = warnings === 0 ? "sound" : `sound, with ${warnings} warning${warnings === 1 ? "" : "s"}`;
  return damaged === 0 ? sound : `${damaged} ${damaged === 1 ? "place is" : "places are"} damaged`;
}

/** The findings under their heads, and what to do about each below. */
async function findingsTable(findings: readonly DirectoryFinding[]): Promise<string> {
  const rows = await table(columns, findings, "");
  const steps = new Set(findings.map(({ severity, next }) => `${severity}: ${next}`));
  return `${rows}\n${[...steps].map((step) => `${step}\n`).join("")}`;
}

const columns: readonly Column<DirectoryFinding>[] = [
  { head: "severity", cell: ({ severity }) => severity },
  { head: "file", cell: ({ path }) => path },
  { head: "byte", isNumber: true, cell: ({ position }) => (position === undefined ? "" : grouped(position)) },
  {
    head: "topic",
    cell: ({ topic }) => (topic === undefined ? "" : `${topic.tenant}/${topic.topic ?? topic.topicId}`),
  },
  { head: "offset", isNumber: true, cell: ({ offset }) => (offset === undefined ? "" : `${offset}`) },
  { head: "found", cell: ({ found }) => found },
  { head: "expected", cell: ({ expected }) => expected },
];

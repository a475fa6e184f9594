import { readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Checkpoint } from "../log/checkpoint.js";
import { layout } from "../log/data-directory.js";
import { isRescueName, rescueHeaderBytes, rescuePath } from "../log/rescue.js";
import { type DirectoryFinding, advice } from "./findings.js";
import { rescueFiles, scanRescue } from "./rescue-scan.js";

/** What is damaged in a topic's rescue file; nothing if there is none. */
export async function damagesOfRescue(data: string, topicId: string): Promise<DirectoryFinding[]> {
  const path = rescuePath(join(data, layout.journal), topicId);
  const scanned = await scanRescue(path, topicId);
  if (scanned === undefined || scanned.isIntact) return [];
  const { bytes, header, parts } = scanned;
  const about = { kind: "RESCUE", severity: "damage", path: relative(data, path) } as const;
  const expected = "what was acknowledged";
  const next = advice.repair;
  const findings: DirectoryFinding[] = [];
  if (header === undefined) {
    const found = "the header is damaged, of another topic or of an unknown version";
    findings.push({ ...about, position: 0, found, expected: `that of topic ${topicId}`, next });
  } else if (BigInt(bytes - rescueHeaderBytes) !== header.payloadBytes) {
    const found = `the file has ${bytes} bytes instead of ${BigInt(rescueHeaderBytes) + header.payloadBytes}`;
    findings.push({ ...about, position: bytes, found, expected, next });
  }
  for (const part of parts) {
    if (part.kind === "commit") continue;
    const found = `${part.end - part.position} bytes that are no whole commit of the topic`;
    findings.push({ ...about, position: part.position, found, expected, next });
  }
  if (findings.length > 0) return findings;
  return [{ ...about, position: rescueHeaderBytes, found: "the checksum does not match", expected, next }];
}

/** The same of all that are there: without a checkpoint each of them may be needed. */
export async function damagesOfRescues(data: string): Promise<DirectoryFinding[]> {
  const findings: DirectoryFinding[] = [];
  for (const { topicId } of await rescueFiles(join(data, layout.journal))) {
    findings.push(...(await damagesOfRescue(data, topicId)));
  }
  return findings;
}

/** Files of which the checkpoint does not speak: the journal has it all, or the segments have. */
export async function needlessRescues(data: string, { rescues }: Checkpoint): Promise<DirectoryFinding[]> {
  const journal = join(data, layout.journal);
  const named = new Set([...rescues.keys()].map((topicId) => rescuePath(journal, topicId)));
  const names = (await readdir(journal)).filter((name) => isRescueName(name) && !named.has(join(journal, name)));
  return names.map((name) => ({
    kind: "LEFTOVER",
    severity: "note",
    path: join(layout.journal, name),
    found: "a rescue file that the checkpoint does not speak of",
    expected: "none",
    next: advice.start,
  }));
}

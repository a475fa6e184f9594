import { basename, join, relative } from "node:path";
import type { Checkpoint } from "../log/checkpoint.js";
import { layout } from "../log/data-directory.js";
import { RecoveringTopic } from "../log/recovering-topic.js";
import { emptyEnd } from "../log/recovery.js";
import { JournalDamaged, type TornTail, replay } from "../log/replay.js";
import { isRescueName, readRescue } from "../log/rescue.js";
import { type DirectoryFinding, advice, unreadable } from "./findings.js";
import { journalFiles, scanJournalFile } from "./journal-scan.js";
import type { Survey } from "./survey.js";
import { damagesOfRescue, damagesOfRescues, needlessRescues } from "./verify-rescues.js";

/**
 * Judges what the journal has above the checkpoint as a start would, and changes nothing; and beyond the first damage, on
 * which a start would end, everything that is behind it.
 */
export async function verifyJournal(data: string, found: Survey): Promise<VerifiedJournal> {
  const findings: DirectoryFinding[] = [];
  let groups = 0;
  try {
    // Without a checkpoint nobody knows what is above it: all of it counts.
    if (found.checkpoint === undefined) {
      findings.push(...(await behindDamage(data, undefined, [])), ...(await damagesOfRescues(data)));
    } else groups = await judgeAsAStart(data, { ...found, checkpoint: found.checkpoint }, findings);
  } catch (error) {
    findings.push(unreadable(data, "JOURNAL", error));
  }
  return { findings, groups };
}

export interface VerifiedJournal {
  readonly findings: readonly DirectoryFinding[];
  /** Intact groups above the checkpoint. */
  readonly groups: number;
}

/** Adds what it finds to `findings`, and gives the number of groups that are intact. */
async function judgeAsAStart(
  data: string,
  { checkpoint, topics, deleted }: Survey & { readonly checkpoint: Checkpoint },
  findings: DirectoryFinding[],
): Promise<number> {
  const journal = join(data, layout.journal);
  let intact = 0;
  const recovering = new Map<string, RecoveringTopic>();
  for (const { name, directory, manifest, files } of topics) {
    if (manifest === undefined) continue;
    const end = checkpoint.ends.get(name.topicId) ?? emptyEnd;
    recovering.set(name.topicId, new RecoveringTopic({ directory, manifest, files }, end));
  }
  const known = new Set(topics.map(({ name }) => name.topicId));
  const unfollowed = new Set<string>();
  const damaged = (error: unknown): void => {
    if (!(error instanceof JournalDamaged)) throw error;
    findings.push(journalFinding(data, error));
  };
  // As a start takes them: in front of the journal's groups.
  for (const [topicId, next] of checkpoint.rescues) {
    if (deleted.has(topicId)) continue;
    try {
      for (const entry of await readRescue(journal, topicId, next)) recovering.get(topicId)?.takeRescued(entry);
    } catch (error) {
      unfollowed.add(topicId);
      const before = findings.length;
      findings.push(...(await damagesOfRescue(data, topicId)));
      if (findings.length === before) damaged(error);
    }
  }
  findings.push(...(await needlessRescues(data, checkpoint)));
  let torn: TornTail | undefined;
  try {
    const groups = replay(journal, checkpoint.sequence, checkpoint.place);
    let step = await groups.next();
    for (; step.done !== true; step = await groups.next()) {
      intact++;
      for (const entry of step.value.entries) {
        const { topicId } = entry;
        const topic = recovering.get(topicId);
        try {
          if (!unfollowed.has(topicId)) topic?.take(entry);
        } catch (error) {
          unfollowed.add(topicId);
          damaged(error);
        }
        if (topic === undefined && !deleted.has(topicId) && !known.has(topicId) && !checkpoint.ends.has(topicId)) {
          known.add(topicId);
          findings.push(missingTopic(topicId, step.value.sequence));
        }
      }
    }
    torn = step.value;
  } catch (error) {
    damaged(error);
    findings.push(...(await behindDamage(data, checkpoint, findings)));
    return intact;
  }
  for (const [topicId, topic] of recovering) {
    if (!unfollowed.has(topicId)) await topic.checkBeyond().catch(damaged);
  }
  if (torn !== undefined) findings.push(tornFinding(data, torn));
  return intact;
}

function journalFinding(data: string, { path, position, problem }: JournalDamaged): DirectoryFinding {
  return {
    kind: isRescueName(basename(path)) ? "RESCUE" : "JOURNAL",
    severity: "damage",
    path: relative(data, path),
    position,
    found: problem,
    expected: "what was acknowledged",
    next: advice.repair,
  };
}

function missingTopic(topicId: string, sequence: bigint): DirectoryFinding {
  return {
    kind: "TOPIC_DIRECTORY",
    severity: "damage",
    path: layout.tenants,
    found: `no directory of topic ${topicId}`,
    expected: `one: group ${sequence} of the journal has records of it`,
    next: advice.restore,
  };
}

function tornFinding(data: string, { path, position }: TornTail): DirectoryFinding {
  return {
    kind: "JOURNAL",
    severity: "note",
    path: relative(data, path),
    position,
    found: "a write that was cut short, of which nobody had been told, or that is under way",
    expected: "a group, or what was there before",
    next: advice.start,
  };
}

/** Groups above the checkpoint whose contents are damaged, and those of which nothing is there, behind the first. */
async function behindDamage(
  data: string,
  checkpoint: Checkpoint | undefined,
  before: readonly DirectoryFinding[],
): Promise<DirectoryFinding[]> {
  const findings: DirectoryFinding[] = [];
  let next: bigint | undefined;
  for (const { path, first } of await journalFiles(join(data, layout.journal))) {
    if (checkpoint !== undefined && first <= checkpoint.sequence && first !== checkpoint.place.file) continue;
    const scanned = await scanJournalFile(path, first);
    // A server has let go of it meanwhile.
    if (scanned === undefined) continue;
    const { groups, problem } = scanned;
    const about = { kind: "JOURNAL_GROUP", severity: "damage", path: relative(data, path) } as const;
    if (problem !== undefined) {
      findings.push({
        ...about,
        kind: "JOURNAL",
        position: 0,
        found: problem,
        expected: "a header",
        next: advice.repair,
      });
    }
    for (const { position, header, isIntact } of groups) {
      if (header.sequence <= (checkpoint?.sequence ?? 0n) || header.isEnd) continue;
      if (next !== undefined && header.sequence > next) {
        const found = `group ${header.sequence}`;
        findings.push({ ...about, position, found, expected: `group ${next}`, next: advice.repair });
      }
      if (!isIntact) {
        const found = `group ${header.sequence}, whose contents do not match their checksum`;
        findings.push({ ...about, position, found, expected: "what was written", next: advice.repair });
      }
      next = header.sequence + 1n;
    }
  }
  const isKnown = (finding: DirectoryFinding): boolean =>
    before.some(({ path, position }) => path === finding.path && position === finding.position);
  return findings.filter((finding) => !isKnown(finding));
}

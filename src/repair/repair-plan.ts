import { unusableIn } from "./unusable.js";
import { join, relative } from "node:path";
import { readCheckpoint, type Checkpoint } from "../log/checkpoint.js";
import { layout } from "../log/data-directory.js";
import { type Manifest, manifestName } from "../log/manifest.js";
import { readSaved } from "../log/retention-clock.js";
import { expectedSegments } from "./expected-segments.js";
import { formatTopic, type TopicName } from "./findings.js";
import { type SalvagedJournal, salvageJournal } from "./journal-salvage.js";
import { type Misplaced, misplacedIn } from "./misplaced.js";
import { producersBehind } from "./producers-mark.js";
import { nameIn, rebuiltManifest } from "./rebuilt-manifest.js";
import { type Survey, type SurveyedTopic, asideName, formatProblem, has, survey } from "./survey.js";
import { type OnProgress, Tally } from "./tally.js";
import { type TopicPlan, planSealed, planWhole } from "./topic-plan.js";
import { isOlder } from "./verify-layout.js";
import { verifyJournal } from "./verify-journal.js";
import { verifySegment } from "./verify-segment.js";

/** What is to be done so that a server starts and serves what is left. */
export interface RepairPlan {
  readonly topics: readonly TopicPlan[];
  /** Set where journal and checkpoint have to begin anew. */
  readonly restart: Restart | undefined;
  /** True if format.json, or clock.json, cannot be read. */
  readonly format: boolean;
  readonly clock: boolean;
  /** What nobody can know any more, in words. */
  readonly unknown: readonly string[];
  /** False if more records may be lost than anybody can tell. */
  readonly isLossKnown: boolean;
  /** What has to be said by whoever runs it, before anything is done. */
  readonly questions: readonly string[];
  /** What has to be moved back first: around it, nothing is mended. */
  readonly misplaced: readonly Misplaced[];
}

/** A new checkpoint that says where every topic ends, and a new journal behind it. */
export interface Restart {
  readonly journal: SalvagedJournal;
  readonly why: readonly string[];
  /** Topics that have no directory, and where the checkpoint says that they ended. */
  readonly missing: ReadonlyMap<string, bigint>;
}

export interface PlanOptions {
  /** Names for topics whose own cannot be read, by id. */
  readonly names?: ReadonlyMap<string, string>;
  readonly onProgress?: OnProgress;
}

/** True if there is nothing to do. */
export function isEmpty({ topics, restart, format, clock, questions, misplaced }: RepairPlan): boolean {
  const isTopicEmpty = ({ changesManifest, rewrites, removed }: TopicPlan): boolean =>
    !changesManifest && rewrites.length === 0 && removed.length === 0;
  return (
    topics.every(isTopicEmpty) &&
    restart === undefined &&
    !format &&
    !clock &&
    questions.length + misplaced.length === 0
  );
}

/** Judges the directory, which nobody may be using, and changes nothing. */
export async function planRepair(data: string, options: PlanOptions = {}): Promise<RepairPlan> {
  const found = await survey(data);
  const misplaced = [...unusableIn(data, found), ...(await misplacedIn(data, found.topics))];
  if (misplaced.length > 0) return { ...nothing, misplaced };
  const checkpoint = found.checkpoint ?? (await checkpointAside(data));
  const unknown: string[] = [];
  const { topics, questions } = await named(found.topics, checkpoint, options.names ?? new Map(), unknown);
  const why = await reasonsToRestart(data, { ...found, checkpoint }, topics);
  const tally = new Tally(options.onProgress);
  const plans: TopicPlan[] = [];
  const journal = await salvageJournal(data, checkpoint);
  for (const { topic, manifest } of topics) {
    const { topicId } = topic.name;
    const sources = {
      manifest,
      end: checkpoint?.ends.get(topicId),
      journal: journal.runs.get(topicId) ?? [],
      given: journal.given.get(topicId) ?? 0n,
      onCommit: ({ header, bytes }: { header: { count: number }; bytes: Buffer }) =>
        tally.commit(header.count, bytes.length),
    };
    const plan = why.length > 0 ? await planWhole(topic, sources) : await planSealed(topic, sources);
    plans.push(await withProducers(plan, manifest, unknown));
  }
  const missing = missingTopics({ ...found, checkpoint }, journal);
  if (checkpoint === undefined) {
    unknown.push(
      "without the checkpoint nobody knows how far each topic had come: what neither its segments nor the journal have is not " +
        "missed, and offsets go on behind the highest that is there",
    );
  }
  const missingFrom = why.flatMap((reason) => missingGroup(reason) ?? []).at(0);
  if (missingFrom !== undefined) {
    unknown.push(
      `the journal from group ${missingFrom} on is missing: records that were only there are lost, and how many cannot be known`,
    );
  } else if (why.some(isOfJournal)) {
    unknown.push(
      "of records that only a group of the journal had which is gone, those are told as lost whose offsets something else shows; " +
        "whether there were more nobody knows",
    );
  }
  return {
    topics: plans,
    restart: why.length > 0 ? { journal, why, missing } : undefined,
    format: (await formatProblem(data)) !== undefined,
    clock: !(await isClockReadable(data)),
    unknown,
    isLossKnown: checkpoint !== undefined && !why.some(isOfJournal),
    questions,
    misplaced,
  };
}

const nothing = {
  topics: [],
  restart: undefined,
  format: false,
  clock: false,
  unknown: [],
  isLossKnown: true,
  questions: [],
} as const;

function isOfJournal(reason: string): boolean {
  return reason.includes(".wal: byte ");
}

/** The first group of the journal's end, if that is what is missing. */
function missingGroup(reason: string): bigint | undefined {
  const found = /the file that holds group (\d+) is missing|0*(\d+)\.wal: byte 0: the file is missing,/.exec(reason);
  const group = found?.[1] ?? found?.[2];
  return group === undefined ? undefined : BigInt(group);
}

/** Where a topic goes on in another segment than before, no commit of that says what was known of producers. */
async function withProducers(plan: TopicPlan, { segments }: Manifest, unknown: string[]): Promise<TopicPlan> {
  const producers = await producersBehind(plan, segments.at(-1)!.base);
  if (producers === undefined) return plan;
  const { manifest, name } = plan;
  const topic = `${nameOf(manifest)} (${name.topicId})`;
  if (producers.knows === "gaps") {
    unknown.push(
      `${topic}: which batches of producers were in what is gone; such a batch is stored if it is sent again, a later one of ` +
        "its producer is refused, and so are retries of batches that were stored before it",
    );
  }
  if (producers.knows === "nothing") {
    unknown.push(
      `${topic}: which batches its producers have stored; from now on all producers are refused there with RECORD_CORRUPT, ` +
        "because a retry would be stored twice; whoever sends without a producer goes on",
    );
  }
  return { ...plan, manifest: { ...manifest, producers: producers.mark } };
}

async function checkpointAside(data: string): Promise<Checkpoint | undefined> {
  return readCheckpoint(join(data, layout.journal, asideName)).catch(() => undefined);
}

interface NamedTopic {
  readonly topic: SurveyedTopic;
  readonly manifest: Manifest;
}

/** Topics with a `topic.json`, which is made anew where it cannot be read, or is from before what the checkpoint says. */
async function named(
  found: readonly SurveyedTopic[],
  checkpoint: Checkpoint | undefined,
  names: ReadonlyMap<string, string>,
  unknown: string[],
): Promise<{ readonly topics: readonly NamedTopic[]; readonly questions: readonly string[] }> {
  const topics: NamedTopic[] = [];
  const questions: string[] = [];
  const taken = new Set<string>();
  // Those that say their names themselves come first.
  for (const topic of [...found].sort((a, b) => Number(a.manifest === undefined) - Number(b.manifest === undefined))) {
    const { topicId, tenant } = topic.name;
    const end = checkpoint?.ends.get(topicId);
    const name = names.get(topicId) ?? topic.manifest?.topic ?? (await nameIn(topic.directory));
    if (name === undefined || taken.has(`${tenant}/${name}`)) {
      const problem = name === undefined ? "its name cannot be read" : `another topic is called ${tenant}/${name}`;
      questions.push(`topic ${topicId} of ${tenant}: ${problem}; say it with --name ${topicId}=NAME`);
      continue;
    }
    taken.add(`${tenant}/${name}`);
    const { manifest } = topic;
    if (manifest !== undefined && (end === undefined || !isOlder(manifest, end))) {
      topics.push({ topic, manifest: manifest.topic === name ? manifest : { ...manifest, topic: name } });
      continue;
    }
    topics.push({ topic, manifest: await rebuiltManifest(topic, name, end) });
    if (manifest !== undefined) continue;
    const source = names.has(topicId)
      ? ""
      : ", a name that was read from the damaged file and that nothing vouches for";
    unknown.push(
      `${tenant}/${name} (${topicId})${source}: its settings and its start are lost; records are kept for ever until ` +
        "aclog topics update says otherwise, and such as had been removed may be readable again",
    );
  }
  return { topics, questions };
}

/** Why journal and checkpoint cannot stay as they are, if so. */
async function reasonsToRestart(
  data: string,
  found: Survey,
  topics: readonly NamedTopic[],
): Promise<readonly string[]> {
  const why: string[] = [];
  if (has(join(data, layout.journal), asideName)) why.push("an earlier repair did not come to its end");
  else if (found.checkpointProblem !== undefined) why.push(`the checkpoint: ${found.checkpointProblem}`);
  const { checkpoint, checkpointProblem } = found;
  if (checkpoint === undefined || checkpointProblem !== undefined) return why;
  const withManifests = topics.map(({ topic, manifest }) => ({ ...topic, manifest }));
  const { findings } = await verifyJournal(data, { ...found, topics: withManifests });
  for (const { severity, path, position, found: what } of findings) {
    if (severity === "damage") why.push(`${path}: byte ${position ?? 0}: ${what}`);
  }
  for (const { topic, manifest } of topics) {
    const end = checkpoint.ends.get(topic.name.topicId);
    const active = expectedSegments(manifest, end).find(({ isSealed }) => !isSealed);
    if (active === undefined) continue;
    const place = { data, directory: topic.directory, topic: topic.name };
    const verified = await verifySegment(place, active, 0, new Tally());
    const damaged = verified.findings.find(({ severity }) => severity === "damage");
    if (damaged !== undefined) why.push(`${damaged.path}: byte ${damaged.position ?? 0}: ${damaged.found}`);
  }
  for (const topicId of missingTopics(found, undefined).keys())
    why.push(`the directory of topic ${topicId} is missing`);
  return why;
}

function missingTopics(
  { checkpoint, topics, deleted }: Survey,
  journal: SalvagedJournal | undefined,
): ReadonlyMap<string, bigint> {
  const there = new Set(topics.map(({ name }) => name.topicId));
  const missing = new Map<string, bigint>();
  const note = (topicId: string, next: bigint): void => {
    if (there.has(topicId) || deleted.has(topicId)) return;
    const known = missing.get(topicId) ?? 0n;
    missing.set(topicId, next > known ? next : known);
  };
  for (const [topicId, { next }] of checkpoint?.ends ?? []) note(topicId, next);
  for (const [topicId, next] of checkpoint?.rescues ?? []) note(topicId, next);
  for (const [topicId, next] of journal?.given ?? []) note(topicId, next);
  return missing;
}

async function isClockReadable(data: string): Promise<boolean> {
  return readSaved(join(data, layout.clock)).then(
    () => true,
    () => false,
  );
}

/** What is to be done, in words, one step each. */
export function stepsOf(data: string, plan: RepairPlan): readonly { readonly path: string; readonly does: string }[] {
  const steps: { path: string; does: string }[] = [];
  const at = (path: string): string => relative(data, path);
  if (plan.format) steps.push({ path: layout.format, does: "is written anew" });
  if (plan.clock) steps.push({ path: layout.clock, does: "is taken away: all records age from the next start on" });
  for (const { name, directory, manifest, changesManifest, rewrites, removed } of plan.topics) {
    for (const path of removed) steps.push({ path: at(path), does: `${formatTopic(name)}: is taken away` });
    for (const { base, generation, runs } of rewrites) {
      const commits = runs.reduce((sum, { bytes }) => sum + bytes, 0);
      const does = `${formatTopic(name)}: the segment from offset ${base} is written anew as generation ${generation}, ${commits.toLocaleString("en")} bytes`;
      steps.push({ path: at(directory), does });
    }
    if (changesManifest)
      steps.push({ path: at(join(directory, manifestName)), does: `is written anew, as ${nameOf(manifest)}` });
  }
  if (plan.restart === undefined) return steps;
  for (const [topicId, next] of plan.restart.missing) {
    steps.push({
      path: layout.tenants,
      does: `topic ${topicId}, which has no directory, is given up; ${next === 0n ? "it had no record" : `its last offset was ${next - 1n}`}`,
    });
  }
  const why = plan.restart.why.join("; ");
  const saved = plan.restart.journal.files.length === 0 ? "" : "what can be saved of it is in the segments then; ";
  steps.push({ path: layout.journal, does: `${saved}it and the checkpoint begin anew (${why})` });
  return steps;
}

function nameOf({ tenant, topic }: Pick<Manifest, "tenant" | "topic">): string {
  return `${tenant}/${topic}`;
}

/** What cannot be brought back, of which topic. Whose a topic was that has no directory, nobody can tell. */
export function lossesOf(
  data: string,
  plan: RepairPlan,
): readonly { readonly topic: TopicName; readonly loss: TopicPlan["losses"][number] }[] {
  const given = [...(plan.restart?.missing ?? [])].filter(([, next]) => next > 0n);
  const givenUp = given.map(([topicId, next]) => ({
    topic: { topicId, tenant: "?", topic: undefined },
    loss: { path: layout.tenants, bytes: 0, from: 0n, to: next },
  }));
  const known = plan.topics.flatMap(({ name, manifest, losses }) =>
    losses.map((loss) => ({
      topic: { ...name, topic: manifest.topic },
      loss: { ...loss, path: relative(data, loss.path) },
    })),
  );
  return [...known, ...givenUp];
}

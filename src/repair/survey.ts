import { lstatSync, readdirSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { OperatorError } from "../errors.js";
import { deletedTopic, findPlaces, isLeftover } from "../log/catalog.js";
import { type Checkpoint, readCheckpoint } from "../log/checkpoint.js";
import { DirectoryInUse, findFormat, layout } from "../log/data-directory.js";
import { isExhausted, isMissing, isSystemError } from "../log/durable-files.js";
import type { LostTopic } from "../log/lost-topics.js";
import { type Manifest, manifestName, readManifest } from "../log/manifest.js";
import type { TopicName } from "./findings.js";

/** A topic's directory, whatever is wrong with it. */
export interface SurveyedTopic {
  readonly directory: string;
  readonly name: TopicName;
  /** Undefined if `topic.json` cannot be read, or speaks of another topic. */
  readonly manifest: Manifest | undefined;
  /** Why it cannot. */
  readonly problem: string | undefined;
  /** A `topic.json` that is sound, and that of a topic which belongs in another directory. */
  readonly claims: Manifest | undefined;
  readonly files: readonly string[];
}

/** What a data directory says of itself, at one moment. */
export interface Survey {
  readonly checkpoint: Checkpoint | undefined;
  /** Why there is none that could be read. */
  readonly checkpointProblem: string | undefined;
  readonly topics: readonly SurveyedTopic[];
  readonly deleted: ReadonlySet<string>;
  /** Directories of topics that were not finished, or that are on their way out. */
  readonly leftovers: readonly string[];
  /** Tenants whose topics nobody can find. */
  readonly lostTenants: readonly LostTopic[];
}

/** The folder beside the journal where the checkpoint is kept while a repair is under way: without one in its place, no server starts. */
export const asideName = "repair";

export async function survey(data: string): Promise<Survey> {
  const read = await readCheckpointOf(data);
  const tenants = join(data, layout.tenants);
  const { topics: all, lost: lostTenants } = findPlaces(tenants);
  const topics: SurveyedTopic[] = [];
  // Topics that go while this looks are gone.
  for (const directory of all.filter((each) => !isLeftover(each))) {
    const topic = await surveyTopic(directory);
    if (topic !== undefined) topics.push(topic);
  }
  const gone = all.flatMap((directory) => deletedTopic(directory) ?? []);
  return { ...read, topics, deleted: new Set(gone), leftovers: all.filter(isLeftover), lostTenants };
}

/** Undefined if there is no such directory. */
export async function surveyTopic(directory: string): Promise<SurveyedTopic | undefined> {
  const files = await filesIn(directory);
  if (files === undefined) return undefined;
  const topicId = basename(directory);
  const tenant = basename(dirname(dirname(directory)));
  try {
    const manifest = await readManifest(directory);
    const isOwn = manifest.topicId === topicId && manifest.tenant === tenant;
    if (!isOwn) {
      const problem = `it says that it is topic ${manifest.topicId} of ${manifest.tenant}`;
      return {
        directory,
        name: { topicId, tenant, topic: undefined },
        manifest: undefined,
        problem,
        claims: manifest,
        files,
      };
    }
    const name = { topicId, tenant, topic: manifest.topic };
    return { directory, name, manifest, problem: undefined, claims: undefined, files };
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    const problem = inShort(error, join(directory, manifestName));
    return {
      directory,
      name: { topicId, tenant, topic: undefined },
      manifest: undefined,
      problem,
      claims: undefined,
      files,
    };
  }
}

export async function readCheckpointOf(data: string): Promise<Pick<Survey, "checkpoint" | "checkpointProblem">> {
  const journal = join(data, layout.journal);
  try {
    return { checkpoint: await readCheckpoint(journal), checkpointProblem: undefined };
  } catch (error) {
    return { checkpoint: undefined, checkpointProblem: inShort(error, join(journal, "checkpoint")) };
  }
}

/** What an error of the engine says of a file, without the file and without what a start would add. */
export function inShort(error: unknown, path: string): string {
  const text = error instanceof Error ? error.message : String(error);
  const own =
    /^:? /.test(text.slice(path.length)) && text.startsWith(path) ? text.slice(path.length).replace(/^:? /, "") : text;
  return own.replace(/[;.] [Nn]othing was changed.*$/s, "");
}

/**
 * Refuses what is no data directory.
 *
 * @throws OperatorError that names --data
 */
export async function requireDataDirectory(data: string): Promise<void> {
  const names = await readdir(data).catch((error: unknown) => {
    throw notUsable(`${data} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (names.includes(layout.format) || names.includes(layout.journal)) return;
  throw notUsable(`${data} is no data directory: it has no ${layout.format}`);
}

/** @throws OperatorError that names --data when another process has the directory: then nothing of it can be judged */
export async function unused<T>(opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    if (!(error instanceof DirectoryInUse)) throw error;
    throw notUsable(error.message);
  }
}

/**
 * What is wrong with format.json, if anything. @throws OperatorError that names --data when it is of a later version: nothing
 * in the directory may then be judged by this aclog
 */
export async function formatProblem(data: string): Promise<string | undefined> {
  try {
    return (await findFormat(data)) === "nothing" ? "it is missing" : undefined;
  } catch (error) {
    const path = join(data, layout.format);
    const { format, version } = await declared(path);
    if (format === "aclog" && Number.isSafeInteger(version)) throw notUsable(inShort(error, ""));
    return inShort(error, path);
  }
}

async function declared(path: string): Promise<{ readonly format?: unknown; readonly version?: unknown }> {
  try {
    return (JSON.parse(await readFile(path, "utf8")) as object | null) ?? {};
  } catch {
    return {};
  }
}

function notUsable(problem: string): OperatorError {
  return new OperatorError("the data directory cannot be used", [{ source: "--data", problem }]);
}

async function filesIn(directory: string): Promise<readonly string[] | undefined> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (!isSystemError(error) || isExhausted(error)) throw error;
    // What stands there and cannot be looked into has no files that anybody can find.
    return lstatSync(directory, { throwIfNoEntry: false }) === undefined ? undefined : [];
  }
}

/** True if the directory has an entry of that name. */
export function has(directory: string, name: string): boolean {
  try {
    return readdirSync(directory).includes(name);
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

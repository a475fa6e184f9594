import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { OperatorError } from "../errors.js";
import { isMissing, syncDirectory } from "./durable-files.js";
import { type Manifest, readManifest, writeManifest } from "./manifest.js";
import type { TopicSettings } from "./port.js";

const creating = ".creating";
const deleted = ".deleted";
const concurrentReads = 8;

/** A topic's directory and what its `topic.json` says. */
export interface CatalogEntry {
  readonly directory: string;
  readonly manifest: Manifest;
}

/** What the data directory says of topics. */
export interface Catalog {
  readonly topics: readonly CatalogEntry[];
  /** Ids of topics that are deleted, although their files are not gone yet. */
  readonly deleted: ReadonlySet<string>;
}

/** Every topic of the data directory. @throws OperatorError when a `topic.json` cannot be read or contradicts another */
export async function readCatalog(tenantsDirectory: string): Promise<Catalog> {
  const all = await topicDirectories(tenantsDirectory);
  const directories = all.filter((directory) => !isLeftover(directory));
  const entries: CatalogEntry[] = [];
  const queue = directories.values();
  const reader = async (): Promise<void> => {
    for (const directory of queue) entries.push({ directory, manifest: await readManifest(directory) });
  };
  await Promise.all(Array.from({ length: concurrentReads }, reader));
  const named = new Map<string, string>();
  for (const { directory, manifest } of entries) {
    const name = `${manifest.tenant}/${manifest.topic}`;
    const other = named.get(name);
    if (other !== undefined) {
      throw new OperatorError(`${directory} and ${other} both say that they are ${name}; nothing was changed`);
    }
    if (topicDirectory(tenantsDirectory, manifest) !== directory) {
      throw new OperatorError(
        `${directory} says that it is topic ${manifest.topicId} of ${manifest.tenant}; nothing was changed`,
      );
    }
    named.set(name, directory);
  }
  const gone = all.filter((directory) => directory.endsWith(deleted));
  return { topics: entries, deleted: new Set(gone.map((directory) => basename(directory, deleted))) };
}

/**
 * Removes what creations that a crash cut short have left, in which nothing was stored, and what is left of deleted
 * topics. Neither the checkpoint nor what is above it in the journal may speak of them any more.
 */
export async function removeLeftovers(tenantsDirectory: string): Promise<void> {
  for (const directory of await topicDirectories(tenantsDirectory)) {
    if (isLeftover(directory)) await rm(directory, { recursive: true });
  }
}

/**
 * Takes the topic out of the catalog, and returns where its files are until they are removed. Durable when the directory
 * around it is synced.
 */
export async function renameDeleted(directory: string): Promise<string> {
  const gone = `${directory}${deleted}`;
  await rename(directory, gone);
  return gone;
}

/** What a new topic begins with. */
export interface NewTopic {
  readonly tenant: string;
  readonly topic: string;
  readonly createdMs: number;
  readonly settings: TopicSettings;
}

/** Durably makes the directory of a new, empty topic. */
export async function createTopic(tenantsDirectory: string, created: NewTopic): Promise<CatalogEntry> {
  const topicId = randomBytes(16).toString("hex");
  const state = { startOffset: 0n, compactedTo: 0n, ageMark: undefined, segments: [] };
  const manifest: Manifest = { ...created, topicId, ...state };
  const directory = topicDirectory(tenantsDirectory, manifest);
  const topics = dirname(directory);
  await mkdir(topics, { recursive: true, mode: 0o700 });
  for (const made of [dirname(topics), tenantsDirectory]) await syncDirectory(made);
  const temporary = `${directory}${creating}`;
  try {
    await mkdir(temporary, { mode: 0o700 });
    await writeManifest(temporary, manifest);
    await rename(temporary, directory);
    await syncDirectory(topics);
  } catch (error) {
    // Left behind, it would be a second topic of that name.
    for (const made of [temporary, directory]) await rm(made, { recursive: true, force: true });
    throw error;
  }
  return { directory, manifest };
}

function isLeftover(directory: string): boolean {
  return directory.endsWith(creating) || directory.endsWith(deleted);
}

async function topicDirectories(tenantsDirectory: string): Promise<string[]> {
  const directories: string[] = [];
  for (const tenant of await namesIn(tenantsDirectory)) {
    const topics = topicsDirectory(tenantsDirectory, tenant);
    for (const name of await namesIn(topics)) directories.push(join(topics, name));
  }
  return directories;
}

function topicsDirectory(tenantsDirectory: string, tenant: string): string {
  return join(tenantsDirectory, tenant, "topics");
}

function topicDirectory(tenantsDirectory: string, manifest: Manifest): string {
  return join(topicsDirectory(tenantsDirectory, manifest.tenant), manifest.topicId);
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

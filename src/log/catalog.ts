import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { OperatorError } from "../errors.js";
import { isMissing, syncDirectory } from "./durable-files.js";
import { type Manifest, readManifest, writeManifest } from "./manifest.js";

const creating = ".creating";
const concurrentReads = 8;

/** A topic's directory and what its `topic.json` says. */
export interface CatalogEntry {
  readonly directory: string;
  readonly manifest: Manifest;
}

/** Every topic of the data directory. @throws OperatorError when a `topic.json` cannot be read or contradicts another */
export async function readCatalog(tenantsDirectory: string): Promise<CatalogEntry[]> {
  const directories = (await topicDirectories(tenantsDirectory)).filter((directory) => !directory.endsWith(creating));
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
  return entries;
}

/** Removes what creations that a crash cut short have left: nothing was stored in it. */
export async function removeUnfinishedTopics(tenantsDirectory: string): Promise<void> {
  for (const directory of await topicDirectories(tenantsDirectory)) {
    if (directory.endsWith(creating)) await rm(directory, { recursive: true });
  }
}

/** Durably makes the directory of a new, empty topic. */
export async function createTopic(tenantsDirectory: string, tenant: string, topic: string): Promise<CatalogEntry> {
  const topicId = randomBytes(16).toString("hex");
  const manifest: Manifest = { tenant, topic, topicId, startOffset: 0n, segments: [] };
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

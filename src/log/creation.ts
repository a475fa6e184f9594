import { randomBytes } from "node:crypto";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { type CatalogEntry, creating, topicDirectory } from "./catalog.js";
import { SharedSyncs } from "./shared-syncs.js";
import { type Manifest, writeManifest } from "./manifest.js";
import type { TopicSettings } from "./port.js";

/** What a new topic begins with. */
export interface NewTopic {
  readonly tenant: string;
  readonly topic: string;
  readonly createdMs: number;
  readonly settings: TopicSettings;
}

/** Makes topics. Those that are made at a time share the syncs of the directory that they are in. */
export class Creation {
  readonly #tenantsDirectory: string;
  readonly #syncs = new SharedSyncs();
  /** Directories of tenants that are on disk, whatever was so before this process. */
  readonly #durable = new Set<string>();

  constructor(tenantsDirectory: string) {
    this.#tenantsDirectory = tenantsDirectory;
  }

  /** Durably makes the directory of a new, empty topic. Calls may overlap. */
  async create(created: NewTopic): Promise<CatalogEntry> {
    const topicId = randomBytes(16).toString("hex");
    // Named before it has a file, so that the first checkpoint need not write topic.json once more.
    const segments = [{ base: 0n }];
    const state = {
      startOffset: 0n,
      compactedTo: 0n,
      ageMark: undefined,
      segments,
    };
    const manifest: Manifest = { ...created, topicId, ...state };
    const directory = topicDirectory(this.#tenantsDirectory, manifest);
    const topics = dirname(directory);
    await this.#makeTenant(topics);
    const temporary = `${directory}${creating}`;
    try {
      await mkdir(temporary, { mode: 0o700 });
      await writeManifest(temporary, manifest);
      await rename(temporary, directory);
      await this.#syncs.sync(topics);
    } catch (error) {
      // Left behind, it would be a second topic of that name.
      for (const made of [temporary, directory]) await rm(made, { recursive: true, force: true });
      throw error;
    }
    return { directory, manifest };
  }

  async #makeTenant(topics: string): Promise<void> {
    const made = await mkdir(topics, { recursive: true, mode: 0o700 });
    if (made === undefined && this.#durable.has(topics)) return;
    for (const parent of [dirname(topics), this.#tenantsDirectory]) await this.#syncs.sync(parent);
    this.#durable.add(topics);
  }
}

import { randomBytes } from "node:crypto";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { makeDirectory } from "../make-directory.js";
import { type CatalogEntry, creating, topicDirectory } from "./catalog.js";
import { SharedSyncs } from "./shared-syncs.js";
import { isExhausted, isMissing } from "./durable-files.js";
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
  /** By tenant and name, topics whose creation failed and left something: what has to succeed before there is another. */
  readonly #left = new Map<string, () => Promise<void>>();

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
      producers: undefined,
      segments,
    };
    const manifest: Manifest = { ...created, topicId, ...state };
    const directory = topicDirectory(this.#tenantsDirectory, manifest);
    const topics = dirname(directory);
    const key = `${created.tenant}/${created.topic}`;
    await this.#left.get(key)?.();
    this.#left.delete(key);
    await this.#makeTenant(topics);
    const temporary = `${directory}${creating}`;
    let isNamed = false;
    try {
      await mkdir(temporary, { mode: 0o700 });
      await writeManifest(temporary, manifest);
      await rename(temporary, directory);
      isNamed = true;
      await this.#syncs.sync(topics);
    } catch (error) {
      const undo = (): Promise<void> => this.#undo(temporary, directory);
      // After a failed sync of its name, a power cut may show it whatever is done now: the next start decides.
      const isInDoubt = isNamed && !isExhausted(error);
      const refuse = async (): Promise<void> => {
        throw error;
      };
      const settle = isInDoubt ? refuse : undo;
      await settle().catch(() => this.#left.set(key, settle));
      throw error;
    }
    return { directory, manifest };
  }

  /** Left behind, it would be a second topic of that name. */
  async #undo(temporary: string, directory: string): Promise<void> {
    // Under this name a start removes it, however much of it is there; it has to be durable before anything goes.
    await rename(directory, temporary).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
    });
    await this.#syncs.sync(dirname(directory));
    await rm(temporary, { recursive: true, force: true });
  }

  async #makeTenant(topics: string): Promise<void> {
    const isNew = await makeDirectory(topics, 0o700);
    if (!isNew && this.#durable.has(topics)) return;
    for (const parent of [dirname(topics), this.#tenantsDirectory]) await this.#syncs.sync(parent);
    this.#durable.add(topics);
  }
}

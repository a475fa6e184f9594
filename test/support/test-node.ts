import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { ClientHttp2Session } from "node:http2";
import type { ConnectionOptions } from "node:tls";
import { once } from "node:events";
import { pino } from "pino";
import { CallError, Client, type ConsumedRecord } from "../../src/client/index.js";
import { type Config, defaultLimits } from "../../src/config/index.js";
import { type FileStoreOptions, type LogStore, defaultFileStoreOptions } from "../../src/log/index.js";
import { type RunningNode, startNode } from "../../src/node/index.js";
import { type IssuedCertificate, TestAuthority } from "./certificates.js";
import { http2To } from "./http2-client.js";
import { RawClient } from "./raw-client.js";

const policyFiles = ["model.conf", "policy.csv", "tenants.yaml", "matrix.csv"] as const;
export type PolicyTexts = Partial<Record<(typeof policyFiles)[number], string>>;

export interface TestNodeOptions {
  /** Files that take the place of the example's; without a matrix of its own, a policy has none. */
  readonly policy?: PolicyTexts;
  readonly config?: Partial<Config>;
  readonly storage?: Partial<FileStoreOptions>;
  /** Puts other certificates into the directory, and says where else something is. */
  readonly prepare?: (directory: string) => Promise<Partial<Config["tls"]>>;
}

/** One line of the log, as pino wrote it. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly level: number; readonly msg: string };

/** Segments, journal files and memory that a few hundred small records cross. */
export const smallStorage: Partial<FileStoreOptions> = {
  journalFileBytes: 8 * 1024 * 1024,
  segmentBytes: 16 * 1024,
  openFiles: 8,
  pendingBytes: 64 * 1024,
};

/** A whole server of its own: certificates made for the run, a fresh directory, ports that were free. */
export async function startTestNode(options: TestNodeOptions = {}): Promise<TestNode> {
  const directory = await mkdtemp(join(tmpdir(), "aclog-node-"));
  try {
    const authority = await TestAuthority.create();
    const { certPem, keyPem } = authority.server();
    await mkdir(join(directory, "policy"));
    await writeFile(join(directory, "ca.crt"), authority.caPem);
    await writeFile(join(directory, "server.crt"), certPem);
    await writeFile(join(directory, "server.key"), keyPem);
    const files = options.policy?.["policy.csv"] === undefined ? {} : { "matrix.csv": "# states nothing\n" };
    await writePolicy(directory, { ...(await examplePolicy()), ...files, ...options.policy });
    const there = configIn(directory, options.config);
    const config = { ...there, tls: { ...there.tls, ...(await options.prepare?.(directory)) } };
    const log = new LogLines();
    const storage = { ...defaultFileStoreOptions, ...options.storage };
    const node = await startNode(config, log.logger, storage);
    return new TestNode({ directory, authority, config, storage, log }, node);
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

/** A configuration whose files are all in one directory, on free ports. */
export function configIn(directory: string, changes: Partial<Config> = {}): Config {
  return {
    listen: { host: "127.0.0.1", port: 0 },
    adminListen: { host: "127.0.0.1", port: 0 },
    dataDir: join(directory, "data"),
    policyDir: join(directory, "policy"),
    breakGlass: undefined,
    tls: {
      ca: join(directory, "ca.crt"),
      cert: join(directory, "server.crt"),
      key: join(directory, "server.key"),
      crl: undefined,
      crlExpired: "refuse",
      identity: undefined,
    },
    reflection: false,
    readyFile: undefined,
    drainMs: 10_000,
    limits: defaultLimits,
    metricsTenants: false,
    logLevel: "debug",
    ...changes,
  };
}

async function examplePolicy(): Promise<PolicyTexts> {
  const read = async (name: string) =>
    [name, await readFile(new URL(`../../policy/${name}`, import.meta.url), "utf8")] as const;
  return Object.fromEntries(await Promise.all(policyFiles.map(read)));
}

async function writePolicy(directory: string, texts: PolicyTexts): Promise<void> {
  for (const [name, text] of Object.entries(texts)) await writeFile(join(directory, "policy", name), text);
}

interface Parts {
  readonly directory: string;
  readonly authority: TestAuthority;
  readonly config: Config;
  readonly storage: FileStoreOptions;
  readonly log: LogLines;
}

export class TestNode implements AsyncDisposable {
  readonly directory: string;
  readonly authority: TestAuthority;
  readonly config: Config;
  readonly log: LogLines;
  readonly #storage: FileStoreOptions;
  readonly #certificates = new Map<string, IssuedCertificate>();
  readonly #clients = new Map<string, Client>();
  readonly #raw = new Map<string, RawClient>();
  #node: RunningNode;

  constructor({ directory, authority, config, storage, log }: Parts, node: RunningNode) {
    this.directory = directory;
    this.authority = authority;
    this.config = config;
    this.log = log;
    this.#storage = storage;
    this.#node = node;
  }

  /** Under the name that the server's certificate has. */
  get address(): string {
    return `localhost:${this.port}`;
  }

  get port(): number {
    return Number(/\d+$/.exec(this.#node.address)![0]);
  }

  /** A typed client of `acme/billing`; the same one each time. */
  as(principal: string): Client {
    return cached(this.#clients, principal, () => Client.connect({ address: this.address, ...this.keysOf(principal) }));
  }

  /** What is stored, behind the policy. */
  get store(): LogStore {
    return this.#node.store;
  }

  /** Which policy is in force. */
  get policy(): RunningNode["policy"] {
    return this.#node.policy;
  }

  /** A client of `acme/billing` that sends whatever bytes it is given; the same one each time. */
  raw(principal: string): RawClient {
    return cached(this.#raw, principal, () => new RawClient({ address: this.address, ...this.keysOf(principal) }));
  }

  /** What a client needs in order to be `acme/billing`. */
  keysOf(principal: string): { readonly ca: string; readonly cert: string; readonly key: string } {
    const issued = cached(this.#certificates, principal, () => this.authority.issue({ principal }));
    return { ca: this.authority.caPem, cert: issued.certPem, key: issued.keyPem };
  }

  /** HTTP/2 without gRPC. */
  http2(principal: string, options: ConnectionOptions = {}): ClientHttp2Session {
    return http2To(this.port, { ...this.keysOf(principal), ...options });
  }

  /** Every record of a topic, read as the tenant's own root; undefined if there is no such topic. */
  async recordsOf(tenant: string, topic: string): Promise<readonly ConsumedRecord[] | undefined> {
    const records: ConsumedRecord[] = [];
    try {
      for (;;) {
        const from = records.length === 0 ? "earliest" : records.at(-1)!.offset + 1n;
        const read = await this.as(`${tenant}/root`).consume({ topic, from, maxRecords: 10_000, maxBytes: 3 << 20 });
        records.push(...read.records);
        if (read.records.length === 0 || records.at(-1)!.offset + 1n >= read.highWaterMark) return records;
      }
    } catch (error) {
      if (error instanceof CallError && error.codeName === "NOT_FOUND") return undefined;
      throw error;
    }
  }

  /** The values of those records. */
  async valuesOf(tenant: string, topic: string): Promise<readonly string[] | undefined> {
    return (await this.recordsOf(tenant, topic))?.map(({ value }) => value.toString());
  }

  /** `tenant/topic` of every topic that has a directory, sorted. */
  async topics(): Promise<string[]> {
    const root = join(this.config.dataDir, "tenants");
    // Level by level: a listing of all of it at once fails whole where a directory goes away meanwhile.
    const tenants = await readdir(root).catch(() => []);
    const directories = await Promise.all(tenants.map((tenant) => readdir(join(root, tenant, "topics"))));
    const manifests = directories.flatMap((topics, index) =>
      // A topic that is not there yet, or is gone, can have a directory too, under a longer name.
      topics.filter((id) => /^[0-9a-f]{32}$/.test(id)).map((id) => join(tenants[index]!, "topics", id, "topic.json")),
    );
    const names = manifests.map(async (path) => {
      const { tenant, topic } = JSON.parse(await readFile(join(root, path), "utf8")) as Record<string, string>;
      return `${tenant}/${topic}`;
    });
    return (await Promise.all(names)).sort();
  }

  /** What a probe is answered. */
  async probe(path: string): Promise<{ readonly status: number; readonly body: string }> {
    const response = await fetch(`http://${this.#node.adminAddress}${path}`);
    return { status: response.status, body: await response.text() };
  }

  /** The value of a metric; of one with labels the sum, unless the name goes on with all of them, as it is written. */
  async metric(name: string): Promise<number> {
    const { body } = await this.probe("/metrics");
    const lines = body.split("\n").filter((text) => text.startsWith(`${name} `) || text.startsWith(`${name}{`));
    if (lines.length === 0) throw new Error(`there is no metric ${name}`);
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
  }

  /** Resolves when a metric has the value; whoever makes it so is not ours to await. */
  async metricReaches(name: string, value: number): Promise<void> {
    // All metrics are written for each look, in this very process: without a pause that is most of what it does.
    while ((await this.metric(name)) !== value) await delay(5);
  }

  async writePolicy(texts: PolicyTexts): Promise<void> {
    await writePolicy(this.directory, texts);
  }

  async reloadPolicy(): Promise<void> {
    await this.#node.reloadPolicy();
  }

  async reloadCredentials(): Promise<void> {
    await this.#node.reloadCredentials();
  }

  drain(): Promise<void> {
    return this.#node.drain();
  }

  /** Stops in good order and starts again on the same data. Clients have to be asked for anew. */
  async restart(): Promise<void> {
    await this.#stop();
    this.#node = await startNode(this.config, this.log.logger, this.#storage);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  async #stop(): Promise<void> {
    for (const client of [...this.#clients.values(), ...this.#raw.values()]) await client.close();
    this.#clients.clear();
    this.#raw.clear();
    await this.#node.drain();
  }
}

/** Collects what a logger is told, and lets tests wait for it. */
export class LogLines {
  readonly lines: LogLine[] = [];
  readonly logger: pino.Logger;
  readonly #arrivals = new EventTarget();

  constructor() {
    const sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        for (const text of chunk.toString().trimEnd().split("\n")) this.lines.push(JSON.parse(text) as LogLine);
        this.#arrivals.dispatchEvent(new Event("line"));
        done();
      },
    });
    this.logger = pino({ level: "debug", base: null }, sink);
  }

  /** The first line, of the past or to come, that the test is true of. */
  async until(test: (line: LogLine) => boolean): Promise<LogLine> {
    for (;;) {
      const found = this.lines.find(test);
      if (found !== undefined) return found;
      await once(this.#arrivals, "line");
    }
  }
}

function cached<Value>(map: Map<string, Value>, key: string, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

import { statfs } from "node:fs/promises";
import { status } from "@grpc/grpc-js";
import { type Gauge, collectDefaultMetrics } from "prom-client";
import type { StoreObserver } from "../log/index.js";
import type { Traffic } from "../service/index.js";
import type { CallObserver } from "../transport/index.js";
import { type Counts, makeCounts } from "./counts.js";
import { Instruments } from "./instruments.js";

/** What is asked at each scrape. */
export interface Asked {
  readonly dataDir: string;
  readonly version: string;
  /** By what it is for: `server`, `ca`; in milliseconds since 1970. */
  readonly certificatesEndMs: Readonly<Record<string, number>>;
  connections(): number;
  openConsumes(): number;
  waitingReaders(): number;
  journalWaitingBytes(): number;
  isReady(): boolean;
  policyVersion(): string;
}

/**
 * What the probe port tells Prometheus. Nothing here names a tenant: whoever reaches the port may read it. What does is in
 * `TenantMetrics`.
 */
export class Metrics {
  readonly instruments = new Instruments();
  readonly counts: Counts = makeCounts(this.instruments);
  readonly #openCalls = new Map<string, number>();

  constructor(asked: Asked) {
    const { instruments } = this;
    collectDefaultMetrics({ register: instruments.registry });
    const number = (name: string, help: string, value: () => number): void =>
      instruments.asked(name, help, (gauge) => gauge.set(value()));
    number("aclog_connections", "Connections of principals that are open.", () => asked.connections());
    number("aclog_open_consumes", "Calls that deliver on the strength of what the policy allowed.", () =>
      asked.openConsumes(),
    );
    instruments.asked(
      "aclog_open_calls",
      "Calls that are open, by method.",
      (gauge: Gauge<"method">) => this.#openCalls.forEach((count, method) => gauge.set({ method }, count)),
      ["method"],
    );
    number("aclog_waiting_readers", "Readers that wait for a record to come.", () => asked.waitingReaders());
    number("aclog_journal_waiting_bytes", "Bytes that wait to be written to the journal.", () =>
      asked.journalWaitingBytes(),
    );
    number("aclog_ready", "1 if the server takes records, else 0.", () => (asked.isReady() ? 1 : 0));
    instruments.asked(
      "aclog_policy_info",
      "1, with the version of the policy in force: the hash of its files.",
      (gauge: Gauge<"version">) => {
        gauge.reset();
        gauge.set({ version: asked.policyVersion() }, 1);
      },
      ["version"],
    );
    instruments.asked(
      "aclog_certificate_remaining_seconds",
      "How long the certificates that the server uses are still valid; 86400 is a day. Of several in a file, the first to end.",
      (gauge: Gauge<"certificate">) => {
        for (const [certificate, endMs] of Object.entries(asked.certificatesEndMs))
          gauge.set({ certificate }, Math.round((endMs - Date.now()) / 1000));
      },
      ["certificate"],
    );
    this.#disk(asked.dataDir);
    instruments
      .gauge("aclog_build_info", "1, with the versions of aclog and Node.", ["version", "node"])
      .set({ version: asked.version, node: process.versions.node }, 1);
    this.counts.policyActivated.setToCurrentTime();
  }

  get contentType(): string {
    return this.instruments.registry.contentType;
  }

  /** In the Prometheus text format. */
  async render(): Promise<string> {
    return this.instruments.registry.metrics();
  }

  readonly observeCall: CallObserver = ({ method }) => {
    this.#openCalls.set(method, (this.#openCalls.get(method) ?? 0) + 1);
    return ({ code, seconds }) => {
      this.#openCalls.set(method, this.#openCalls.get(method)! - 1);
      this.counts.calls.observe({ method, code: status[code] }, seconds);
    };
  };

  readonly traffic: Traffic = {
    produced: (_tenant, records, bytes) => this.#count("produced", records, bytes),
    consumed: (_tenant, records, bytes) => this.#count("consumed", records, bytes),
  };

  readonly storeObserver: StoreObserver = {
    onGroup: ({ commits, bytes, syncSeconds }) => {
      this.counts.groups.inc();
      this.counts.commits.inc(commits);
      this.counts.journalBytes.inc(bytes);
      this.counts.sync.observe(syncSeconds);
    },
    onCheckpoint: (seconds) => this.counts.checkpoints.observe(seconds),
  };

  #count(direction: string, records: number, bytes: number): void {
    this.counts.records.inc({ direction }, records);
    this.counts.recordBytes.inc({ direction }, bytes);
  }

  #disk(directory: string): void {
    const free = this.instruments.gauge("aclog_disk_free_bytes", "What is free on the disk of the data directory.");
    this.instruments.asked("aclog_disk_used_bytes", "What is used on that disk, by whatever.", async (gauge) => {
      const { bavail, bfree, blocks, bsize } = await statfs(directory);
      free.set(bavail * bsize);
      gauge.set((blocks - bfree) * bsize);
    });
  }
}

import { statfs } from "node:fs/promises";
import { status } from "@grpc/grpc-js";
import { type Gauge, collectDefaultMetrics } from "prom-client";
import type { StoreObserver } from "../log/index.js";
import type { Traffic } from "../service/index.js";
import type { CallObserver, RefusalKind, StrayRequest } from "../transport/index.js";
import { Instruments, callBuckets, diskBuckets } from "./instruments.js";

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
  readonly #instruments = new Instruments();
  readonly #calls = this.#instruments.histogram(
    "aclog_call_duration_seconds",
    "Calls that ended, by method and gRPC status code, and how long they took. Streams last as long as they are open.",
    callBuckets,
    ["method", "code"],
  );
  readonly #openCalls = new Map<string, number>();
  readonly #strays = this.#instruments.counter(
    "aclog_stray_requests_total",
    "Requests that are no call of any method here, by what they were answered: a gRPC code, or NOT_GRPC.",
    ["code"],
  );
  readonly #records = this.#instruments.counter(
    "aclog_records_total",
    "Records that were stored (produced) and read for a caller (consumed).",
    ["direction"],
  );
  readonly #recordBytes = this.#instruments.counter(
    "aclog_record_bytes_total",
    "Bytes of these records, with their framing.",
    ["direction"],
  );
  readonly #decisions = this.#instruments.counter(
    "aclog_decisions_total",
    "Questions that the policy answered, by action and outcome: allow or deny. Lists are not counted.",
    ["action", "outcome"],
  );
  readonly #policyActivated = this.#instruments.gauge(
    "aclog_policy_activation_timestamp_seconds",
    "When the policy in force came into force, in seconds since 1970.",
  );
  readonly #policyReloads = this.#instruments.counter(
    "aclog_policy_reloads_total",
    "Times that the policy was read again, by result: changed, unchanged, or refused, and then the last one stays.",
    ["result"],
  );
  readonly #accepted = this.#instruments.counter(
    "aclog_connections_accepted_total",
    "Connections whose peer proved to be a principal.",
  );
  readonly #refused = this.#instruments.counter(
    "aclog_connections_refused_total",
    "Connections that were refused before HTTP/2, by reason: full, handshake, identity, system.",
    ["reason"],
  );
  readonly #cut = this.#instruments.counter(
    "aclog_connections_cut_total",
    "Connections that were cut off for a flood of pings or settings.",
  );
  readonly #groups = this.#instruments.counter(
    "aclog_journal_groups_total",
    "Groups that the journal made durable: one write and one sync each.",
  );
  readonly #commits = this.#instruments.counter("aclog_journal_commits_total", "Commits in these groups.");
  readonly #journalBytes = this.#instruments.counter("aclog_journal_bytes_total", "Bytes of these groups.");
  readonly #sync = this.#instruments.histogram(
    "aclog_journal_sync_duration_seconds",
    "What the fdatasync of a group took.",
    diskBuckets,
  );
  readonly #checkpoints = this.#instruments.histogram(
    "aclog_checkpoint_duration_seconds",
    "Checkpoints, and what they took: the segments are synced, and the journal can be used again.",
    diskBuckets,
  );
  readonly #replayedGroups = this.#instruments.gauge(
    "aclog_replay_groups",
    "Groups that the last start wrote to their segments again: more than 0 after a crash.",
  );
  readonly #replaySeconds = this.#instruments.gauge(
    "aclog_replay_duration_seconds",
    "What the recovery of the last start took.",
  );
  readonly #maintenance = this.#instruments.histogram(
    "aclog_maintenance_duration_seconds",
    "Rounds of retention and compaction, and what they took.",
    diskBuckets,
  );
  readonly #maintenanceFailures = this.#instruments.counter(
    "aclog_maintenance_failures_total",
    "Rounds of retention and compaction that failed; they are tried again.",
  );
  readonly #clockJumps = this.#instruments.counter(
    "aclog_clock_jumps_total",
    "Jumps of the wall clock that were left out of the age of records.",
  );

  constructor(asked: Asked) {
    collectDefaultMetrics({ register: this.#instruments.registry });
    const number = (name: string, help: string, value: () => number): void =>
      this.#instruments.asked(name, help, (gauge) => gauge.set(value()));
    number("aclog_connections", "Connections of principals that are open.", () => asked.connections());
    number("aclog_open_consumes", "Calls that deliver on the strength of what the policy allowed.", () =>
      asked.openConsumes(),
    );
    this.#instruments.asked(
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
    this.#instruments.asked(
      "aclog_policy_info",
      "1, with the version of the policy in force: the hash of its files.",
      (gauge: Gauge<"version">) => {
        gauge.reset();
        gauge.set({ version: asked.policyVersion() }, 1);
      },
      ["version"],
    );
    this.#instruments.asked(
      "aclog_certificate_remaining_seconds",
      "How long the certificates that the server uses are still valid; 86400 is a day. Of several in a file, the first to end.",
      (gauge: Gauge<"certificate">) => {
        for (const [certificate, endMs] of Object.entries(asked.certificatesEndMs))
          gauge.set({ certificate }, Math.round((endMs - Date.now()) / 1000));
      },
      ["certificate"],
    );
    this.#disk(asked.dataDir);
    this.#instruments
      .gauge("aclog_build_info", "1, with the versions of aclog and Node.", ["version", "node"])
      .set({ version: asked.version, node: process.versions.node }, 1);
    this.#policyActivated.setToCurrentTime();
    // What has not happened yet is 0 and not missing: a rate needs a first value.
    for (const reason of ["full", "handshake", "identity", "system"] satisfies RefusalKind[])
      this.#refused.inc({ reason }, 0);
    for (const direction of ["produced", "consumed"]) {
      this.#records.inc({ direction }, 0);
      this.#recordBytes.inc({ direction }, 0);
    }
    for (const result of ["changed", "unchanged", "refused"]) this.#policyReloads.inc({ result }, 0);
  }

  get instruments(): Instruments {
    return this.#instruments;
  }

  get contentType(): string {
    return this.#instruments.registry.contentType;
  }

  /** In the Prometheus text format. */
  async render(): Promise<string> {
    return this.#instruments.registry.metrics();
  }

  readonly observeCall: CallObserver = ({ method }) => {
    this.#openCalls.set(method, (this.#openCalls.get(method) ?? 0) + 1);
    return ({ code, seconds }) => {
      this.#openCalls.set(method, this.#openCalls.get(method)! - 1);
      this.#calls.observe({ method, code: status[code] }, seconds);
    };
  };

  readonly traffic: Traffic = {
    produced: (_tenant, records, bytes) => {
      this.#records.inc({ direction: "produced" }, records);
      this.#recordBytes.inc({ direction: "produced" }, bytes);
    },
    consumed: (_tenant, records, bytes) => {
      this.#records.inc({ direction: "consumed" }, records);
      this.#recordBytes.inc({ direction: "consumed" }, bytes);
    },
  };

  readonly store: StoreObserver = {
    onGroup: ({ commits, bytes, syncSeconds }) => {
      this.#groups.inc();
      this.#commits.inc(commits);
      this.#journalBytes.inc(bytes);
      this.#sync.observe(syncSeconds);
    },
    onCheckpoint: (seconds) => this.#checkpoints.observe(seconds),
  };

  noteStray({ code }: StrayRequest): void {
    this.#strays.inc({ code: code === undefined ? "NOT_GRPC" : (status[code] ?? "UNKNOWN") });
  }

  noteDecision(action: string, outcome: "allow" | "deny"): void {
    this.#decisions.inc({ action, outcome });
  }

  notePolicyReload(result: "changed" | "unchanged" | "refused"): void {
    this.#policyReloads.inc({ result });
    if (result === "changed") this.#policyActivated.setToCurrentTime();
  }

  noteConnection(): void {
    this.#accepted.inc();
  }

  noteRefusedConnection(reason: RefusalKind): void {
    this.#refused.inc({ reason });
  }

  noteCutConnection(): void {
    this.#cut.inc();
  }

  noteReplay({ groups, milliseconds }: { groups: number; milliseconds: number }): void {
    this.#replayedGroups.set(groups);
    this.#replaySeconds.set(milliseconds / 1000);
  }

  noteMaintenance(seconds: number, failed: boolean): void {
    this.#maintenance.observe(seconds);
    if (failed) this.#maintenanceFailures.inc();
  }

  noteClockJump(): void {
    this.#clockJumps.inc();
  }

  #disk(directory: string): void {
    const free = this.#instruments.gauge("aclog_disk_free_bytes", "What is free on the disk of the data directory.");
    this.#instruments.asked("aclog_disk_used_bytes", "What is used on that disk, by whatever.", async (gauge) => {
      const { bavail, bfree, blocks, bsize } = await statfs(directory);
      free.set(bavail * bsize);
      gauge.set((blocks - bfree) * bsize);
    });
  }
}

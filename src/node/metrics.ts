import { statfs } from "node:fs/promises";
import { status } from "@grpc/grpc-js";
import { type Gauge, collectDefaultMetrics } from "prom-client";
import type { PolicyStatus } from "../activation/index.js";
import type { StoreObserver } from "../log/index.js";
import type { CallObserver } from "../transport/index.js";
import { type Counts, makeCounts } from "./counts.js";
import type { DurationSeries } from "./durations.js";
import { Instruments } from "./instruments.js";
import { Tallies } from "./tallies.js";

/** What is asked at each scrape. */
export interface Asked {
  readonly dataDir: string;
  readonly version: string;
  /** By what it is for: `server`, `ca`, and `crl:NAME` for each file of revocation lists; in milliseconds since 1970. */
  certificatesEndMs(): ReadonlyMap<string, number>;
  credentialsRefused(): boolean;
  revocationListsExpired(): number;
  connections(): number;
  openConsumes(): number;
  waitingReaders(): number;
  journalWaitingBytes(): number;
  isReady(): boolean;
  policy(): PolicyStatus;
}

interface MethodCalls {
  open: number;
  readonly byCode: (DurationSeries | undefined)[];
}

/**
 * What the probe port tells Prometheus. Nothing here names a tenant: whoever reaches the port may read it. What does is in
 * `TenantMetrics`.
 */
export class Metrics {
  readonly instruments = new Instruments();
  readonly counts: Counts = makeCounts(this.instruments);
  readonly tallies = new Tallies(this.instruments);
  readonly #methods = new Map<string, MethodCalls>();

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
      (gauge: Gauge<"method">) => this.#methods.forEach(({ open }, method) => gauge.set({ method }, open)),
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
        gauge.set({ version: asked.policy().active.version }, 1);
      },
      ["version"],
    );
    number(
      "aclog_policy_activation_timestamp_seconds",
      "When the policy in force came into force, in seconds since 1970.",
      () => asked.policy().active.activatedMs / 1000,
    );
    number(
      "aclog_policy_files_refused",
      "1 if the policy files are not what is in force, because of a mistake in them; else 0.",
      () => (asked.policy().refused.length > 0 ? 1 : 0),
    );
    number(
      "aclog_credentials_refused",
      "1 if a certificate, key, authority, revocation list or rule in the files is not what is in force, because of a mistake; else 0.",
      () => (asked.credentialsRefused() ? 1 : 0),
    );
    number(
      "aclog_revocation_lists_expired",
      "Revocation lists that have expired and have no newer one in their place: unless crl-expired is accept, new connections of their authorities are refused.",
      () => asked.revocationListsExpired(),
    );
    instruments.asked(
      "aclog_certificate_remaining_seconds",
      "How long what the server uses is still valid: its certificate, the authorities, each file of revocation lists; 86400 is a day. Of several in a file, the first to end.",
      (gauge: Gauge<"certificate">) => {
        gauge.reset();
        for (const [certificate, endMs] of asked.certificatesEndMs())
          gauge.set({ certificate }, Math.round((endMs - Date.now()) / 1000));
      },
      ["certificate"],
    );
    this.#disk(asked.dataDir);
    instruments
      .gauge("aclog_build_info", "1, with the versions of aclog and Node.", ["version", "node"])
      .set({ version: asked.version, node: process.versions.node }, 1);
  }

  get contentType(): string {
    return this.instruments.registry.contentType;
  }

  /** In the Prometheus text format. */
  async render(): Promise<string> {
    return this.instruments.registry.metrics();
  }

  readonly observeCall: CallObserver = ({ method }) => {
    const calls = this.#callsOf(method);
    calls.open++;
    return ({ code, seconds }) => {
      calls.open--;
      (calls.byCode[code] ??= this.counts.calls.series({ method, code: status[code] })).observe(seconds);
    };
  };

  readonly storeObserver: StoreObserver = {
    onGroup: (group) => {
      this.tallies.group(group);
      this.counts.sync.observe(group.syncSeconds);
    },
    onCheckpoint: (seconds) => this.counts.checkpoints.observe(seconds),
  };

  #callsOf(method: string): MethodCalls {
    const known = this.#methods.get(method);
    if (known !== undefined) return known;
    const made: MethodCalls = { open: 0, byCode: [] };
    // Only methods that exist get here, so there are as many as those.
    this.#methods.set(method, made);
    return made;
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

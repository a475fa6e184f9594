import type { Gauge } from "prom-client";
import type { LogStore, Usage } from "../log/index.js";
import type { Traffic } from "../service/index.js";
import type { Instruments } from "./instruments.js";

/**
 * What each declared tenant does and has, by name: only where the operator has asked for it. A tenant that is no longer
 * declared is forgotten, so there are never more series than tenants.
 */
export class TenantMetrics {
  readonly #isDeclared: (tenant: string) => boolean;
  readonly #records;
  readonly #recordBytes;
  readonly #denials;

  constructor(
    instruments: Instruments,
    store: Pick<LogStore, "usage">,
    tenants: { readonly tenants: readonly string[]; isDeclaredTenant(name: string): boolean },
  ) {
    this.#isDeclared = (tenant) => tenants.isDeclaredTenant(tenant);
    this.#records = instruments.counter(
      "aclog_tenant_records_total",
      "Records that were stored in a tenant's topics (produced) and read from them (consumed).",
      ["tenant", "direction"],
    );
    this.#recordBytes = instruments.counter(
      "aclog_tenant_record_bytes_total",
      "Bytes of these records, with their framing.",
      ["tenant", "direction"],
    );
    this.#denials = instruments.counter(
      "aclog_tenant_denials_total",
      "Requests of a tenant's principals that the policy refused.",
      ["tenant"],
    );
    const usage = (name: string, help: string, value: (usage: Usage) => number): void =>
      instruments.asked(
        name,
        help,
        (gauge: Gauge<"tenant">) => {
          gauge.reset();
          for (const tenant of tenants.tenants) gauge.set({ tenant }, value(store.usage(tenant)));
        },
        ["tenant"],
      );
    usage("aclog_tenant_stored_bytes", "What a tenant's topics take of its storage.", ({ bytes }) => bytes);
    usage("aclog_tenant_topics", "Topics of a tenant that count against its limit.", ({ topics }) => topics);
  }

  readonly traffic: Traffic = {
    produced: (tenant, records, bytes) => this.#count(tenant, "produced", records, bytes),
    consumed: (tenant, records, bytes) => this.#count(tenant, "consumed", records, bytes),
  };

  noteDenial(tenant: string): void {
    if (this.#isDeclared(tenant)) this.#denials.inc({ tenant });
  }

  #count(tenant: string, direction: string, records: number, bytes: number): void {
    if (!this.#isDeclared(tenant)) return;
    this.#records.inc({ tenant, direction }, records);
    this.#recordBytes.inc({ tenant, direction }, bytes);
  }
}

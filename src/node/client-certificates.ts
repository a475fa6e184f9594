import type { Gauge } from "prom-client";
import { type Authorizer, Pace } from "../authz/index.js";
import type { Connection } from "../identity/index.js";
import type { Instruments } from "./instruments.js";

const dayMs = 24 * 3_600_000;

/** Each with the label that it has. */
const bounds = [1, 3, 7, 14, 30, 90, Infinity].map(
  (days) => [days * dayMs, days === Infinity ? "any" : `${days}d`] as const,
);

/** How soon certificates end. */
class Ends {
  readonly #within = bounds.map(() => 0);
  /** In milliseconds since 1970; Infinity without one. */
  first = Infinity;

  add(endsMs: number, nowMs: number): void {
    this.first = Math.min(this.first, endsMs);
    bounds.forEach(([bound], index) => {
      if (endsMs - nowMs <= bound) this.#within[index]!++;
    });
  }

  /** @param set given the label and the count of each bound */
  each(set: (within: string, count: number) => void): void {
    bounds.forEach(([, label], index) => set(label, this.#within[index]!));
  }
}

interface Survey {
  readonly nowMs: number;
  readonly all: Ends;
  readonly tenants: ReadonlyMap<string, Ends>;
}

/** What metrics tell of the certificates that clients are connected with, each counted once however many connections it has. */
export class ClientCertificates {
  readonly #connections: Iterable<Connection>;
  readonly #tenants: Pick<Authorizer, "isDeclaredTenant"> | undefined;
  #surveying: Promise<Survey> | undefined;

  /** @param tenants whose are counted by name too; undefined: nobody's */
  constructor(
    instruments: Instruments,
    connections: Iterable<Connection>,
    tenants: Pick<Authorizer, "isDeclaredTenant"> | undefined,
  ) {
    this.#connections = connections;
    this.#tenants = tenants;
    instruments.asked(
      "aclog_client_certificates",
      "Certificates that clients are connected with, by how soon they end; one that ends within a day ends within 30 too.",
      async (gauge: Gauge<"ends_within">) => {
        const { all } = await this.#survey();
        all.each((within, count) => gauge.set({ ends_within: within }, count));
      },
      ["ends_within"],
    );
    instruments.asked(
      "aclog_client_certificate_remaining_seconds",
      "How long the first of these certificates to end is still valid; +Inf if there is none.",
      async (gauge) => {
        const { all, nowMs } = await this.#survey();
        gauge.set(secondsTo(all, nowMs));
      },
    );
    if (tenants !== undefined) this.#byTenant(instruments);
  }

  #byTenant(instruments: Instruments): void {
    instruments.asked(
      "aclog_tenant_client_certificates",
      "Certificates that a tenant's principals are connected with, by how soon they end.",
      async (gauge: Gauge<"tenant" | "ends_within">) => {
        const { tenants } = await this.#survey();
        gauge.reset();
        for (const [tenant, ends] of tenants)
          ends.each((within, count) => gauge.set({ tenant, ends_within: within }, count));
      },
      ["tenant", "ends_within"],
    );
    instruments.asked(
      "aclog_tenant_client_certificate_remaining_seconds",
      "How long the first of a tenant's certificates to end is still valid.",
      async (gauge: Gauge<"tenant">) => {
        const { tenants, nowMs } = await this.#survey();
        gauge.reset();
        for (const [tenant, ends] of tenants) gauge.set({ tenant }, secondsTo(ends, nowMs));
      },
      ["tenant"],
    );
  }

  /** One for all that ask at the same scrape. */
  #survey(): Promise<Survey> {
    this.#surveying ??= this.#look().finally(() => (this.#surveying = undefined));
    return this.#surveying;
  }

  async #look(): Promise<Survey> {
    const survey = { nowMs: Date.now(), all: new Ends(), tenants: new Map<string, Ends>() };
    const seen = new Set<string>();
    const pace = new Pace();
    for (const { identity } of this.#connections) {
      const pausing = pace.step();
      if (pausing !== undefined) await pausing;
      if (seen.has(identity.fingerprint256)) continue;
      seen.add(identity.fingerprint256);
      survey.all.add(identity.endsMs, survey.nowMs);
      const { tenant } = identity.principal;
      if (this.#tenants?.isDeclaredTenant(tenant) !== true) continue;
      const ends = survey.tenants.get(tenant) ?? new Ends();
      survey.tenants.set(tenant, ends);
      ends.add(identity.endsMs, survey.nowMs);
    }
    return survey;
  }
}

function secondsTo({ first }: Ends, nowMs: number): number {
  return Math.round((first - nowMs) / 1000);
}

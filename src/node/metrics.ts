import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import { status } from "@grpc/grpc-js";
import type { Outcome } from "../transport/index.js";

/** What the probe port tells Prometheus. Nothing here names a tenant: whoever reaches the port may read it. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #calls = new Histogram({
    name: "aclog_call_duration_seconds",
    help: "Calls that ended, by method and gRPC status code, and how long they took. Streams last as long as they are open.",
    labelNames: ["method", "code"] as const,
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30],
    registers: [this.#registry],
  });
  readonly #denials = new Counter({
    name: "aclog_denials_total",
    help: "Requests that the policy refused, by action.",
    labelNames: ["action"] as const,
    registers: [this.#registry],
  });
  readonly #refusedConnections = new Counter({
    name: "aclog_refused_connections_total",
    help: "Connections that were refused before HTTP/2: a failed handshake, or a certificate that is no principal.",
    registers: [this.#registry],
  });

  /** @param current asked at each scrape */
  constructor(current: { connections: () => number; openConsumes: () => number; isReady: () => boolean }) {
    collectDefaultMetrics({ register: this.#registry });
    this.#gauge("aclog_connections", "Connections that are open.", current.connections);
    this.#gauge("aclog_open_consumes", "Consume and ConsumeStream calls that are open.", current.openConsumes);
    this.#gauge("aclog_ready", "1 if the server takes records, else 0.", () => (current.isReady() ? 1 : 0));
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  noteCall({ method, code, seconds }: Outcome): void {
    this.#calls.observe({ method, code: status[code] }, seconds);
  }

  noteDenial(action: string): void {
    this.#denials.inc({ action });
  }

  noteRefusedConnection(): void {
    this.#refusedConnections.inc();
  }

  /** In the Prometheus text format. */
  async render(): Promise<string> {
    return this.#registry.metrics();
  }

  #gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(value());
      },
    });
  }
}

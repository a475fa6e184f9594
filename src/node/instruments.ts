import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { Durations } from "./durations.js";

/** Makes the metrics of one registry. Every name begins with `aclog_` and says its unit; counters end in `_total`. */
export class Instruments {
  readonly registry = new Registry();

  counter<Label extends string = never>(name: string, help: string, labels: readonly Label[] = []): Counter<Label> {
    return new Counter({ name, help, labelNames: labels, registers: [this.registry] });
  }

  histogram<Label extends string = never>(
    name: string,
    help: string,
    buckets: readonly number[],
    labels: readonly Label[] = [],
  ): Histogram<Label> {
    return new Histogram({ name, help, labelNames: labels, buckets: [...buckets], registers: [this.registry] });
  }

  durations<Label extends string = never>(name: string, help: string, bounds: readonly number[]): Durations<Label> {
    return new Durations(this.registry, name, help, bounds);
  }

  /** A counter that is read at each scrape: for what happens so often that counting it must be one addition. */
  read<Label extends string = never>(
    name: string,
    help: string,
    read: (add: (labels: Record<Label, string>, count: number) => void) => void,
    labels: readonly Label[] = [],
  ): void {
    new Counter({
      name,
      help,
      labelNames: labels,
      registers: [this.registry],
      collect() {
        this.reset();
        read((values, count) => this.inc(values, count));
      },
    });
  }

  gauge<Label extends string = never>(name: string, help: string, labels: readonly Label[] = []): Gauge<Label> {
    return new Gauge({ name, help, labelNames: labels, registers: [this.registry] });
  }

  /** A gauge that is asked for at each scrape; what throws then leaves the value that it had. */
  asked<Label extends string = never>(
    name: string,
    help: string,
    ask: (gauge: Gauge<Label>) => Promise<void> | void,
    labels: readonly Label[] = [],
  ): void {
    new Gauge({
      name,
      help,
      labelNames: labels,
      registers: [this.registry],
      async collect() {
        try {
          await ask(this);
        } catch {
          // One question without an answer must not keep the others from being read.
        }
      },
    });
  }
}

/** Bounds for what a network and a disk take, in seconds. */
export const callBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30] as const;

/** Bounds for what a disk takes, in seconds. */
export const diskBuckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10] as const;

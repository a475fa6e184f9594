import type { Histogram, Registry } from "prom-client";

/**
 * A histogram in seconds. prom-client's makes several objects for each observation, and checks and hashes its labels; here whoever
 * observes looks its series up once, and an observation is two additions.
 */
export class Durations<Label extends string = never> {
  readonly name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  readonly #series: { readonly labels: Readonly<Record<Label, string>>; readonly series: DurationSeries }[] = [];

  /** @param bounds upper ends of the buckets, ascending */
  constructor(registry: Registry, name: string, help: string, bounds: readonly number[]) {
    this.name = name;
    this.#help = help;
    this.#bounds = bounds;
    // A registry asks a metric for its name and for what `get` gives.
    registry.registerMetric(this as unknown as Histogram);
  }

  /** A series that is there from now on: to be asked for once for each combination of labels. */
  series(labels: Readonly<Record<Label, string>>): DurationSeries {
    const series = new DurationSeries(this.#bounds);
    this.#series.push({ labels, series });
    return series;
  }

  /** What prom-client's registry prints. */
  async get(): Promise<object> {
    const values = this.#series.flatMap(({ labels, series }) => [
      ...series
        .cumulative()
        .map(([le, value]) => ({ labels: { le, ...labels }, value, metricName: `${this.name}_bucket` })),
      { labels, value: series.sum, metricName: `${this.name}_sum` },
      { labels, value: series.count, metricName: `${this.name}_count` },
    ]);
    return { name: this.name, help: this.#help, type: "histogram", values, aggregator: "sum" };
  }
}

/** The observations of one combination of labels. */
export class DurationSeries {
  readonly #bounds: readonly number[];
  /** One more than bounds: for what is beyond the last. */
  readonly #counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  get count(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  observe(seconds: number): void {
    let bucket = 0;
    while (bucket < this.#bounds.length && seconds > this.#bounds[bucket]!) bucket++;
    this.#counts[bucket]!++;
    this.sum += seconds;
  }

  /** How many took up to each bound, and in the end all of them. */
  cumulative(): readonly (readonly [le: number | "+Inf", count: number])[] {
    let count = 0;
    return this.#counts.map((own, bucket) => [this.#bounds[bucket] ?? "+Inf", (count += own)]);
  }
}

import fc from "fast-check";
import { Histogram, Registry } from "prom-client";
import { expect, test } from "vitest";
import { Durations } from "../../src/node/durations.js";

const bounds = [0.001, 0.01, 0.1];
/** On a bound, beside it, and beyond the last. */
const seconds = fc.oneof(fc.constantFrom(0, ...bounds), fc.double({ min: 0, max: 1, noNaN: true }));
const observations = fc.array(fc.tuple(fc.constantFrom("/a", "/b"), seconds), { maxLength: 30 });

test("a scrape says the same of the same observations as prom-client's own histogram", async () => {
  await fc.assert(
    fc.asyncProperty(observations, async (observed) => {
      const [own, theirs] = [new Registry(), new Registry()];
      const durations = new Durations<"method">(own, "d", "What it took.", bounds);
      const histogram = new Histogram({
        ...{ name: "d", help: "What it took.", buckets: bounds, labelNames: ["method"] },
        registers: [theirs],
      });
      const series = new Map<string, ReturnType<typeof durations.series>>();
      for (const [method, value] of observed) {
        if (!series.has(method)) series.set(method, durations.series({ method }));
        series.get(method)!.observe(value);
        histogram.observe({ method }, value);
      }
      expect(await own.metrics()).toBe(await theirs.metrics());
    }),
  );
});

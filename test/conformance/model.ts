import fc from "fast-check";
import { expect, test } from "vitest";
import { defaultTopicSettings } from "../../src/log/port.js";
import { append, valuesBatch } from "../support/log-harness.js";
import {
  type Capabilities,
  type Engine,
  type OpenEngine,
  forever,
  named,
  outOfRange,
  readChecked,
  readThrough,
  valuesOf,
} from "./engine.js";

/** What a topic is to hold: its values in offset order, of which those before `base` are gone. */
interface Model {
  id: string | undefined;
  base: number;
  values: string[];
}

type Step =
  | { readonly kind: "append"; readonly topic: string; readonly sizes: readonly number[]; readonly expected: number }
  | { readonly kind: "read"; readonly topic: string; readonly at: number; readonly limits: readonly [number, number] }
  | { readonly kind: "trim"; readonly topic: string; readonly at: number }
  | { readonly kind: "delete"; readonly topic: string }
  | { readonly kind: "maintain" }
  | { readonly kind: "reopen" };

const topicNames = ["orders", "bills", "default"];
const topic = fc.constantFrom(...topicNames);
/** Where in, before or behind a range: -0.1 to 1.1 of it. */
const place = fc.integer({ min: -10, max: 110 }).map((percent) => percent / 100);

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      topic,
      sizes: fc.array(fc.nat({ max: 700 }), { minLength: 1, maxLength: 9 }),
      // Off by so much; NaN: none is stated.
      expected: fc.constantFrom(NaN, NaN, 0, 0, 1, -1),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("read" as const),
      topic,
      at: place,
      limits: fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 5000 })),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("trim" as const), topic, at: place }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("delete" as const), topic }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("maintain" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen" as const) }) },
);

export function againstModel(open: OpenEngine, { durable }: Capabilities): void {
  test("any sequence of calls gives what a list of values for each topic would give", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 10, maxLength: 60 }), async (steps) => {
        await using engine = await open();
        const models = new Map<string, Model>();
        for (const step of steps) {
          if (step.kind === "maintain") await engine.store.maintain();
          else if (step.kind === "reopen") await (durable ? engine.reopen() : undefined);
          else await take(engine, models, step);
          await compare(engine, models);
        }
        for (const [name, model] of models) {
          expect(await valuesOf(engine.store.find("acme", name)!)).toEqual(model.values.slice(model.base));
        }
      }),
      { numRuns: 15 },
    );
  });

  test("many appenders and readers of several topics see one order in each, with everybody's records in their own order", async () => {
    await using engine = await open();
    const writers = named("w", 6);
    const perWriter = 40;
    const tenants = ["acme", "globex"];
    const places = tenants.flatMap((tenant) => ["orders", "bills"].map((name) => ({ tenant, name })));
    await Promise.all(
      places.map(async ({ tenant, name }) => {
        const log = await engine.store.open(tenant, name);
        const total = BigInt(writers.length * perWriter * 2);
        const write = async (writer: string): Promise<void> => {
          for (let index = 0; index < perWriter; index++) {
            const mine = [`${tenant}/${name} ${writer} ${index}a`, `${tenant}/${name} ${writer} ${index}b`];
            const offset = await append(log, ...mine);
            // Acknowledged is visible.
            expect((await valuesOf(log, offset)).slice(0, 2)).toEqual(mine);
          }
        };
        const read = async (maxRecords: number): Promise<string[]> => {
          const values: string[] = [];
          for (let offset = 0n; offset < total;) {
            await log.reach(offset, forever);
            const { records, next } = await readChecked(log, offset, { maxRecords, maxBytes: 3000 });
            values.push(...records.map(({ value }) => value.toString()));
            offset = next;
          }
          return values;
        };
        const [first, second, third] = await Promise.all([read(1), read(5), read(1000), ...writers.map(write)]);
        expect(second).toEqual(first);
        expect(third).toEqual(first);
        for (const writer of writers) {
          const mine = first.filter((value) => value.startsWith(`${tenant}/${name} ${writer} `));
          expect(mine).toEqual(
            named("", perWriter).flatMap((index) =>
              ["a", "b"].map((half) => `${tenant}/${name} ${writer} ${index}${half}`),
            ),
          );
        }
        expect(first).toHaveLength(Number(total));
      }),
    );
  });
}

async function take(
  engine: Engine,
  models: Map<string, Model>,
  step: Exclude<Step, { kind: "maintain" | "reopen" }>,
): Promise<void> {
  const { store } = engine;
  const log = await store.open("acme", step.topic, defaultTopicSettings);
  const model = models.get(step.topic) ?? { id: undefined, base: 0, values: [] };
  models.set(step.topic, model);
  const next = model.values.length;
  switch (step.kind) {
    case "append": {
      const values = step.sizes.map((size, index) => `${log.topicId} ${next + index} ${"x".repeat(size)}`);
      const expected = Math.max(0, next + step.expected);
      const expectedOffset = Number.isNaN(expected) ? undefined : BigInt(expected);
      if (expectedOffset !== undefined && expected !== next) {
        await expect(log.append(valuesBatch(...values), { expectedOffset })).rejects.toMatchObject({
          reason: "UNEXPECTED_OFFSET",
          facts: { expected: `${expected}`, actual: `${next}` },
        });
        return;
      }
      const { durable } = await log.append(valuesBatch(...values), { expectedOffset });
      expect(await durable).toEqual({ offset: BigInt(next), count: values.length });
      model.values.push(...values);
      return;
    }
    case "read": {
      const offset = placeIn(model, step.at);
      const [maxRecords, maxBytes] = step.limits;
      if (offset < model.base || offset >= next) {
        await expect(log.read(BigInt(offset), { maxRecords, maxBytes })).rejects.toMatchObject(
          outOfRange(BigInt(offset), BigInt(model.base), BigInt(next)),
        );
        return;
      }
      const { records } = await readChecked(log, BigInt(offset), { maxRecords, maxBytes });
      expect(records.map(({ value }) => value.toString())).toEqual(model.values.slice(offset, offset + records.length));
      const { timestampMs: time } = records[0]!;
      const first = (await readThrough(log)).find(({ timestampMs }) => timestampMs >= time)!;
      expect(await log.offsetAt(time)).toBe(first.offset);
      return;
    }
    case "trim": {
      const offset = placeIn(model, step.at);
      if (offset > next) {
        await expect(log.trimBefore(BigInt(offset))).rejects.toMatchObject({ reason: "OFFSET_OUT_OF_RANGE" });
        return;
      }
      await log.trimBefore(BigInt(offset));
      model.base = Math.max(model.base, offset);
      return;
    }
    case "delete":
      await store.delete(log);
      models.delete(step.topic);
  }
}

function placeIn({ base, values }: Model, at: number): number {
  return Math.max(0, base + Math.round((values.length - base) * at + at));
}

async function compare(engine: Engine, models: ReadonlyMap<string, Model>): Promise<void> {
  const { store } = engine;
  expect(store.topics("acme").map((log) => log.topic)).toEqual([...models.keys()].sort());
  for (const [name, model] of models) {
    const log = store.find("acme", name)!;
    model.id ??= log.topicId;
    expect(log.topicId).toBe(model.id);
    expect(log.range()).toEqual({ base: BigInt(model.base), next: BigInt(model.values.length) });
  }
  const bytes = store.topics("acme").reduce((sum, log) => sum + log.storedBytes, 0);
  expect(store.usage("acme")).toEqual({
    topics: [...models.keys()].filter((name) => name !== "default").length,
    bytes,
  });
}

import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ServiceError } from "../../src/errors.js";
import { type Appended, type CommitLog, defaultTopicSettings, producerLimits } from "../../src/log/port.js";
import { append, valuesBatch } from "../support/log-harness.js";
import { type Capabilities, type Engine, type OpenEngine, logOf, valuesOf } from "./engine.js";

interface Batch {
  readonly sequence: number;
  readonly values: readonly string[];
  readonly offset: number;
}

/** All that a producer has stored in its epoch. */
interface Known {
  epoch: number;
  next: number;
  batches: Batch[];
}

/** What a topic is to hold, and what is to be known of its producers. */
interface Model {
  base: number;
  values: string[];
  readonly producers: Map<string, Known>;
}

interface Who {
  readonly principal: string;
  readonly id: string;
}

type Step =
  | { readonly kind: "send"; readonly who: Who; readonly sizes: readonly (readonly number[])[]; readonly epoch: number }
  | { readonly kind: "again"; readonly who: Who; readonly back: number; readonly change: Change }
  | { readonly kind: "gap"; readonly who: Who; readonly ahead: number; readonly epoch: number }
  | { readonly kind: "plain"; readonly sizes: readonly number[] }
  | { readonly kind: "trim"; readonly part: number }
  | { readonly kind: "cut"; readonly who: Who; readonly sizes: readonly (readonly number[])[]; readonly turns: number }
  | { readonly kind: "delete" | "maintain" | "settle" | "reopen" | "crash" };

type Change = "none" | "values" | "fewer" | "more" | "inside" | "expected" | "epoch";

const who = fc.record({
  principal: fc.constantFrom("acme/billing", "acme/billin", "globex/billing"),
  id: fc.constantFrom("p", "q", "\u0000\u00ff ".padEnd(64, "\n")),
});
const sizes = fc.array(fc.nat({ max: 400 }), { minLength: 1, maxLength: 5 });
const epoch = fc.constantFrom(0, 0, 0, 0, 0, 1, 7);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant("send" as const),
      who,
      sizes: fc.array(sizes, { minLength: 1, maxLength: 30 }),
      epoch,
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant("again" as const),
      who,
      back: fc.nat({ max: producerLimits.batches + 10 }),
      change: fc.constantFrom<Change>("none", "none", "none", "values", "fewer", "more", "inside", "expected", "epoch"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("gap" as const), who, ahead: fc.integer({ min: 1, max: 9 }), epoch }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("plain" as const), sizes }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("trim" as const), part: fc.constantFrom(0.5, 0.9, 1) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("cut" as const),
      who,
      sizes: fc.array(sizes, { minLength: 1, maxLength: 20 }),
      turns: fc.nat({ max: 12 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("delete" as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom<"maintain" | "settle" | "reopen" | "crash">("maintain", "settle", "reopen", "crash"),
    }),
  },
);

/** Random histories of produces, retries, mistakes, restarts and kills against the simplest thing that could be right. */
export function producersAgainstModel(open: OpenEngine, { durable }: Capabilities): void {
  test("any history of sends, retries and mistakes, with restarts and kills in between, is what a list of all batches says", async () => {
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.array(anyStep, { minLength: 8, maxLength: 40 }), async (compact, steps) => {
        await using engine = await open();
        const settings = { ...defaultTopicSettings, compact };
        let model: Model = { base: 0, values: [], producers: new Map() };
        await engine.store.create("acme", "orders", settings);
        for (const step of steps) {
          if (step.kind === "delete") {
            await engine.store.delete(logOf(engine, "orders"));
            await engine.store.create("acme", "orders", settings);
            model = { base: 0, values: [], producers: new Map() };
          } else await take(engine, model, step, durable);
          // Records without a key are not compacted.
          expect(logOf(engine, "orders").range()).toEqual({
            base: BigInt(model.base),
            next: BigInt(model.values.length),
          });
        }
        if (model.base < model.values.length) {
          expect(await valuesOf(logOf(engine, "orders"))).toEqual(model.values.slice(model.base));
        }
      }),
      { numRuns: durable ? 25 : 60 },
    );
  });
}

async function take(
  engine: Engine,
  model: Model,
  step: Exclude<Step, { kind: "delete" }>,
  durable: boolean,
): Promise<void> {
  const log = logOf(engine, "orders");
  switch (step.kind) {
    case "send": {
      const known = knownBy(model, step.who);
      const wanted = Math.max(step.epoch, known?.epoch ?? 0);
      const batches = noteNext(model, step.who, wanted, step.sizes);
      // None waits for the one before it.
      const answers = await Promise.all(batches.map((batch) => stored(send(log, step.who, wanted, batch))));
      expect(answers).toEqual(batches.map(answerOf));
      return;
    }
    case "again":
      await sendAgain(log, model, step);
      return;
    case "gap": {
      const known = knownBy(model, step.who);
      const next = known === undefined || step.epoch > known.epoch ? 0 : known.next;
      const sent = { sequence: next + step.ahead, values: ["x"] };
      const isOld = known !== undefined && step.epoch < known.epoch;
      await expect(send(log, step.who, step.epoch, sent)).rejects.toMatchObject(
        isOld ? { reason: "PRODUCER_FENCED" } : { reason: "PRODUCER_SEQUENCE_GAP", facts: { expected: `${next}` } },
      );
      return;
    }
    case "plain": {
      const values = step.sizes.map((size, index) => `plain ${model.values.length + index} ${"x".repeat(size)}`);
      expect(await append(log, ...values)).toBe(BigInt(model.values.length));
      model.values.push(...values);
      return;
    }
    case "trim":
      model.base = Math.max(model.base, Math.floor(model.values.length * step.part));
      await log.trimBefore(BigInt(model.base));
      return;
    case "cut": {
      if (!durable) return;
      const wanted = knownBy(model, step.who)?.epoch ?? 0;
      const batches = noteNext(model, step.who, wanted, step.sizes);
      const pending = Promise.allSettled(batches.map((batch) => stored(send(log, step.who, wanted, batch))));
      for (let turns = 0; turns < step.turns; turns++) await turn();
      await engine.crash();
      // Whatever the killed one was about to answer, everybody asks again.
      await pending;
      const again = logOf(engine, "orders");
      for (const batch of batches) {
        expect(await stored(send(again, step.who, wanted, batch))).toEqual(answerOf(batch));
      }
      return;
    }
    case "settle": {
      if (!durable) return;
      const before = model.values.length;
      await engine.settle("acme", "orders");
      model.values.push(...(await valuesOf(logOf(engine, "orders"), BigInt(before))));
      return;
    }
    case "maintain":
      await engine.store.maintain();
      return;
    case "reopen":
      if (durable) await engine.reopen();
      return;
    case "crash":
      if (durable) await engine.crash();
  }
}

async function sendAgain(log: CommitLog, model: Model, step: Extract<Step, { kind: "again" }>): Promise<void> {
  const known = knownBy(model, step.who);
  const batch = known?.batches.at(-1 - step.back);
  if (known === undefined || batch === undefined) return;
  const { sequence, values } = batch;
  const attempt = (values: readonly string[], at = sequence, epoch = known.epoch, expectedOffset?: bigint) =>
    send(log, step.who, epoch, { sequence: at, values }, expectedOffset);
  const isForgotten = step.back >= producerLimits.batches;
  const reason = isForgotten ? "PRODUCER_SEQUENCE_FORGOTTEN" : "PRODUCER_SEQUENCE_REUSED";
  const facts = { expected: `${known.next}`, actual: `${sequence}` };
  switch (step.change) {
    case "none":
    case "expected": {
      const expected = step.change === "expected" ? 12345n : undefined;
      const again = attempt(values, sequence, known.epoch, expected);
      if (isForgotten) {
        const oldest = `${known.batches.at(-producerLimits.batches)!.sequence}`;
        await expect(again).rejects.toMatchObject({ reason, facts: { ...facts, oldest } });
      } else expect(await stored(again)).toEqual(answerOf(batch));
      return;
    }
    case "values":
      await expect(attempt(values.map((value) => `${value}!`))).rejects.toMatchObject({ reason, facts });
      return;
    case "fewer":
      if (values.length > 1) await expect(attempt(values.slice(1))).rejects.toMatchObject({ reason, facts });
      return;
    case "more":
      await expect(attempt([...values, "x"])).rejects.toMatchObject({ reason, facts });
      return;
    case "inside":
      if (values.length === 1) return;
      await expect(attempt(values.slice(1), sequence + 1)).rejects.toMatchObject({ reason });
      return;
    case "epoch":
      if (known.epoch === 0) return;
      await expect(attempt(values, sequence, known.epoch - 1)).rejects.toMatchObject({
        reason: "PRODUCER_FENCED",
        facts: { epoch: `${known.epoch}`, actual: `${known.epoch - 1}` },
      });
  }
}

/** Puts batches of these sizes into the model, and gives them. */
function noteNext(model: Model, who: Who, epoch: number, sizes: readonly (readonly number[])[]): Batch[] {
  const key = `${who.principal} ${who.id}`;
  let known = model.producers.get(key);
  if (known === undefined || known.epoch < epoch) {
    known = { epoch, next: 0, batches: [] };
    model.producers.set(key, known);
  }
  return sizes.map((own) => {
    const values = own.map((size, index) => `${key} ${epoch} ${known.next + index} ${"x".repeat(size)}`);
    const batch = { sequence: known.next, values, offset: model.values.length };
    known.batches.push(batch);
    known.next += values.length;
    model.values.push(...values);
    return batch;
  });
}

function knownBy(model: Model, { principal, id }: Who): Known | undefined {
  return model.producers.get(`${principal} ${id}`);
}

function send(
  log: CommitLog,
  { principal, id }: Who,
  epoch: number,
  { sequence, values }: Pick<Batch, "sequence" | "values">,
  expectedOffset?: bigint,
) {
  const producer = { principal, id, epoch, sequence: BigInt(sequence) };
  return log.append(valuesBatch(...values), { producer, expectedOffset });
}

/** @throws what kept the batch from being stored, if it is a reason that a caller is told */
async function stored(pending: ReturnType<CommitLog["append"]>): Promise<Appended> {
  try {
    return await (
      await pending
    ).durable;
  } catch (error) {
    expect(error).toBeInstanceOf(ServiceError);
    throw error;
  }
}

function answerOf({ offset, values }: Batch): Appended {
  return { offset: BigInt(offset), count: values.length };
}

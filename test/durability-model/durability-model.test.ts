import { expect, test } from "vitest";
import { runHistory } from "./history.js";
import { allBut, ruleNames, rules } from "./rules.js";

/**
 * `make durability-model` runs many more histories than the build does, and looks for a history that breaks each rule from
 * the first one on. HISTORIES and SEED say how many and which.
 */
const isLong = process.env["HISTORIES"] !== undefined;
const histories = Number(process.env["HISTORIES"] ?? 1500);
const firstSeed = Number(process.env["SEED"] ?? 1);
const mostUntilViolation = 20_000;

test("no history loses, alters, doubles or halves anything while every rule holds", () => {
  const started = performance.now();
  const total = { starts: 0, attempted: 0, acked: 0, found: 0, refused: 0 };
  for (let done = 0; done < histories; done++) {
    const seed = firstSeed + done;
    const { violation, starts, attempted, acked, found, refused } = runHistory(seed, allBut());
    expect(violation, `history ${seed}`).toBeUndefined();
    total.starts += starts;
    total.attempted += attempted;
    total.acked += acked;
    total.found += found;
    total.refused += Number(refused);
    if (isLong && (done + 1) % Math.ceil(histories / 20) === 0) say(`${done + 1} of ${histories} histories`);
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  say(
    `${histories} histories from seed ${firstSeed} in ${seconds} s: ${total.starts} starts, ${total.attempted} batches ` +
      `attempted, ${total.acked} acked, ${total.found} records found, 0 lost, 0 altered, 0 duplicated; ` +
      `${total.refused} refused for damage that was done`,
  );
  // A model in which nothing happens would not lose anything either.
  expect(total.acked).toBeGreaterThan(histories * 5);
  expect(total.refused).toBeGreaterThan(histories / 100);
}, 3_600_000);

for (const rule of ruleNames) {
  test(`without the rule that ${rules[rule].says}, a history goes wrong`, () => {
    const from = isLong ? firstSeed : rules[rule].broken;
    const seed = firstViolation(from, () => allBut(rule));
    expect(seed, `a history in which the absence of ${rule} shows`).toBeDefined();
    if (isLong) say(`${rule}: ${seed! - from + 1} histories until ${runHistory(seed!, allBut(rule)).violation!}`);
  }, 600_000);
}

test("a history is the same again for the same seed", () => {
  expect(runHistory(77, allBut())).toEqual(runHistory(77, allBut()));
});

function firstViolation(from: number, rulesNow: () => ReturnType<typeof allBut>): number | undefined {
  for (let seed = from; seed < from + mostUntilViolation; seed++) {
    if (runHistory(seed, rulesNow()).violation !== undefined) return seed;
  }
  return undefined;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

import { expect, test } from "vitest";
import { Stretches } from "../src/stretches.js";

function work(milliseconds: number): void {
  for (const until = performance.now() + milliseconds; performance.now() < until;);
}

/** How long the next stretch is, in milliseconds. */
async function stretch(stretches: Stretches): Promise<number> {
  const since = performance.now();
  let turn: Promise<void> | undefined;
  while ((turn = stretches.step()) === undefined);
  const length = performance.now() - since;
  await turn;
  return length;
}

test.each([
  ["short", 0, 9],
  ["as long as everybody else's turn", 15, 14],
  ["bounded", 300, 24],
])("a stretch is %s when that takes %i ms", async (_what, turnMs, least) => {
  const stretches = new Stretches();
  setImmediate(() => work(turnMs));
  await stretch(stretches);
  const length = await stretch(stretches);
  expect(length).toBeGreaterThan(least);
  if (turnMs === 300) expect(length).toBeLessThan(200);
});

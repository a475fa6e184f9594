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
  const lengths: number[] = [];
  // Of several: what else the machine does in between makes one look shorter than it was, or longer.
  for (let count = 0; count < 4; count++) {
    setImmediate(() => work(turnMs));
    await stretch(stretches);
    lengths.push(await stretch(stretches));
  }
  expect(Math.max(...lengths)).toBeGreaterThan(least);
  if (turnMs === 300) expect(Math.min(...lengths)).toBeLessThan(200);
});

import { test } from "vitest";
import { expectAllKept, runCampaign } from "./run.js";

const cycles = 3;
const notPossibleHere = 3;

test(
  `what was acknowledged or read survives ${cycles} cuts of the power of its disk`,
  { timeout: 180_000 },
  async ({ skip }) => {
    const outcome = await runCampaign("powercut.mjs", ["--json", "--cycles", `${cycles}`]);
    if (outcome.code === notPossibleHere) skip(outcome.stderr.trim());
    expectAllKept(outcome, cycles);
  },
);

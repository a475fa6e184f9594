import { expect, test } from "vitest";
import { expectAllKept, runCampaign } from "./run.js";

const cycles = 4;

test(
  `what was acknowledged or read survives ${cycles} kills on the same data, and SIGTERM ends the process by itself`,
  { timeout: 180_000 },
  async () => {
    expectAllKept(await runCampaign("crash.mjs", ["--json", "--cycles", `${cycles}`]), cycles);
  },
);

test.each(["crash.mjs", "powercut.mjs"])("%s says which flags it takes, and does nothing for it", async (script) => {
  const { code, stdout, stderr } = await runCampaign(script, ["--help"]);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toContain("--seed S");
});

test.each([["--cycle"], ["--cycles", "0"], ["--cycles", "many"], ["now"]])(
  "refuses %s %s before it does anything",
  async (...args) => {
    const { code, stdout, stderr } = await runCampaign("crash.mjs", args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^crash: .*\n\nmake crash/);
  },
);

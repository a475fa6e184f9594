import { expect, test } from "vitest";
import { Campaign, type Outcome, parseCase, textOf } from "./campaign.js";
import { plan, runAll, runEach, sample } from "./plan.js";

/** `all`, or `all` and a pattern of series; or cases as they are printed, with `;` between them; unset: a sample. */
const wanted = process.env["FAULTS"] ?? "";
const seed = Number(process.env["FAULTS_SEED"] ?? 1);
const hour = 3_600_000;
/** Runs between two lines of progress: a whole campaign takes hours. */
const tellEvery = 250;

test(
  "whichever system call fails, is cut short or is the last one: nothing is lost, altered or stored twice",
  { timeout: 6 * hour },
  async () => {
    await using campaign = await Campaign.open();
    const outcomes: Outcome[] = [];
    const note = (outcome: Outcome): void => {
      outcomes.push(outcome);
      if (outcome.findings.length > 0) console.error(told(outcome));
      if (outcomes.length % tellEvery === 0) console.error(summary(outcomes));
    };
    if (wanted.startsWith("all")) {
      const pattern = new RegExp(wanted.slice("all".length).trim());
      const series = plan.filter((each) => pattern.test(textOf({ ...each, at: 0 })));
      await runAll(campaign, series, note);
    } else {
      const cases = wanted === "" ? await sample(campaign, randomFrom(seed)) : wanted.split(";").map(parseCase);
      await runEach(campaign, cases, note);
    }
    console.log(summary(outcomes));
    expect(outcomes.filter(({ findings }) => findings.length > 0).map(told)).toEqual([]);
    // Otherwise nothing has been tried.
    expect(outcomes.filter(({ state }) => state.injected > 0).length).toBeGreaterThan(outcomes.length / 2);
  },
);

function told({ text, state, findings }: Outcome): string {
  return [`FAULTS="${text}" (${state.hit})`, ...findings].join("\n  ");
}

function summary(outcomes: readonly Outcome[]): string {
  const sum = (of: (outcome: Outcome) => number): number => outcomes.reduce((total, outcome) => total + of(outcome), 0);
  const most = (of: (outcome: Outcome) => number): number => Math.round(Math.max(...outcomes.map(of)));
  return [
    `faults: ${outcomes.length} runs, ${sum(({ state }) => state.reached)} calls reached`,
    `${sum(({ state }) => Number(state.injected > 0))} runs with a fault, of which ${sum(({ ended }) => Number(ended))} ended acknowledgement`,
    `acked ${sum(({ acked }) => acked)}, found ${sum(({ found }) => found)}`,
    `lost ${sum(({ lost }) => lost)}, altered ${sum(({ altered }) => altered)}, duplicated ${sum(({ duplicated }) => duplicated)}`,
    `resumed within ${most(({ resumedMs }) => resumedMs)} ms, recovered within ${most(({ recoveryMs }) => recoveryMs)} ms`,
    `seed ${seed}`,
  ].join("; ");
}

/** Mulberry32, by Tommy Ettinger: numbers in [0, 1). */
function randomFrom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

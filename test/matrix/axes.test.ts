import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AxesTally } from "../../src/matrix/axes-report.js";
import { combinations, planAxes } from "../../src/matrix/axes-plan.js";
import { tryAxes } from "../../src/matrix/axes-threads.js";
import { actions } from "../../src/matrix/axes/actions.js";
import { credentials } from "../../src/matrix/axes/credentials.js";
import { moments } from "../../src/matrix/axes/moments.js";
import { resources } from "../../src/matrix/axes/resources.js";
import { methodPaths, unmatched } from "../../src/matrix/axes/walk.js";
import type { Cell } from "../../src/matrix/oracle.js";

const axes = ["credential", "action", "resource", "moment"] as const;
const values = { credential: credentials, action: actions, resource: resources, moment: moments };

test("every pair of values of every two axes is tried, and of those who get in among themselves", () => {
  const cells = [...planAxes(false).cells];
  expect(cells).toHaveLength(planAxes(false).count);
  const pairOf = (one: object, other: object): string => `${(one as Named).name} | ${(other as Named).name}`;
  const pairsIn = (among: readonly Cell[]): Set<string> => {
    const found = new Set<string>();
    for (const cell of among) {
      for (const axis of axes) for (const other of axes) if (axis < other) found.add(pairOf(cell[axis], cell[other]));
    }
    return found;
  };
  const all = pairsIn(cells);
  const welcome = pairsIn(cells.filter(({ credential }) => credential.entrance === "in"));
  for (const axis of axes) {
    for (const other of axes.filter((each) => axis < each)) {
      for (const one of values[axis]) {
        for (const two of values[other]) {
          expect(all, `${axis} × ${other}`).toContain(pairOf(one, two));
          const isTurnedAway = [one, two].some((each) => "entrance" in each && each.entrance !== "in");
          if (!isTurnedAway) expect(welcome, `${axis} × ${other}, let in`).toContain(pairOf(one, two));
        }
      }
    }
  }
});

interface Named {
  readonly name: string;
}

test("every method of every service is among the actions, and a new one would be missed", () => {
  expect(unmatched()).toEqual([]);
  expect(unmatched([...methodPaths(), "/log.v1.Log/New"])).toEqual(["/log.v1.Log/New is tried by nothing"]);
  const [first, ...others] = methodPaths();
  expect(unmatched(others)).toEqual([`${first!} is tried, and there is no such method`]);
});

test("the oracle and what it reads know nothing of the code that decides", () => {
  const folder = join(import.meta.dirname, "..", "..", "src", "matrix");
  const files = [
    "oracle.ts",
    ...["actions", "credentials", "moments", "policy", "resources"].map((name) => `axes/${name}.ts`),
  ];
  for (const file of files) {
    const text = readFileSync(join(folder, file), "utf8");
    for (const [, imported] of text.matchAll(/from\s*"([^"]+)"/g)) {
      expect(imported, file).not.toMatch(/authz|identity|transport|node\/|names/);
    }
  }
});

test("under the matrix's own policy everything comes to what the oracle says", { timeout: 600_000 }, async () => {
  const tally = new AxesTally();
  await tryAxes({ isFull: false, threads: 1, onTried: tally.add });
  const report = tally.report(false, combinations);
  expect(report.differences).toEqual([]);
  expect(report.tried).toBe(planAxes(false).count);
  for (const { layer, status, word, said, counter } of report.refusals) {
    // Where nobody listens, nobody says anything.
    if (layer !== "port") expect(said, `${layer} ${status} ${word}`).not.toBe("");
    if (layer === "TLS" || layer === "identity") expect(counter).toContain(word);
  }
});

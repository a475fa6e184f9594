import { fork } from "node:child_process";
import { once } from "node:events";
import { readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { repair, verify } from "../../src/repair/index.js";
import { openStore } from "../support/log-harness.js";
import { directoryIn, flip, makePlace, readable } from "./directory.js";

const program = fileURLToPath(new URL("killed-repair.mjs", import.meta.url));
const built = resolve(process.env["ACLOG_DIST"] ?? fileURLToPath(new URL("../../dist", import.meta.url)));

/** How many moments there are at which the repair is killed: a divisor of all calls that change a file. */
const moments = Number(process.env["ACLOG_REPAIR_KILLS"] ?? 12);

/** Repairs in another process, which is killed before call `at`; gives the number of calls if it came to its end. */
async function repairElsewhere(data: string, at: number): Promise<number | undefined> {
  const child = fork(program, [data, `${at}`], { env: { ...process.env, ACLOG_DIST: built }, execArgv: [] });
  let calls: number | undefined;
  child.on("message", (message: { calls: number }) => (calls = message.calls));
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  if (calls === undefined && signal !== "SIGKILL") throw new Error(`the repair ended with ${code}`);
  return calls;
}

async function servedFrom(data: string): Promise<unknown> {
  await using open = await openStore(data);
  const served: Record<string, unknown> = {};
  for (const name of ["orders", "small"]) {
    const log = open.store.find("acme", name)!;
    served[name] = [log.range(), [...(await readable(log))]];
  }
  return served;
}

test("a repair that is killed at any moment is finished by the next, with the same outcome", async () => {
  await using place = await makePlace("killed");
  // Something of every kind: a sealed segment, an active one, the journal, a topic.json.
  const segments = await directoryIn(place.data, "orders");
  await flip(join(segments, "00000000000000000000.log"), 7000);
  const small = await directoryIn(place.data, "small");
  await truncate(join(small, "00000000000000000000.log"), 3000);
  await flip(join(small, "topic.json"), 0);
  await rm(join(place.data, "clock.json"));
  await writeFile(join(place.data, "clock.json"), "{");

  const clean = await place.copy();
  const calls = (await repairElsewhere(clean, 0))!;
  expect(calls).toBeGreaterThan(30);
  const outcome = await servedFrom(clean);
  const step = Math.max(1, Math.floor(calls / moments));
  for (let at = 1; at <= calls; at += step) {
    const data = await place.copy();
    expect(await repairElsewhere(data, at), `killed at ${at}`).toBeUndefined();
    await repair(data, { yes: true });
    const { findings } = await verify(data);
    expect(
      findings.filter(({ severity }) => severity === "damage"),
      `killed at ${at}`,
    ).toEqual([]);
    expect(await servedFrom(data), `killed at ${at}`).toEqual(outcome);
  }
  expect((await readFile(join(place.data, "clock.json"), "utf8")).length).toBe(1);
});

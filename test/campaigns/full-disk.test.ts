import { test } from "vitest";

interface Scenario {
  readonly name: string;
  readonly run: () => Promise<void>;
}
const module = (name: string): Promise<unknown> => import(new URL(name, import.meta.url).href);
const { scenarios } = (await module("full-disk.mjs")) as { scenarios: readonly Scenario[] };
const { whyNoExt4 } = (await module("ext4.mjs")) as { whyNoExt4: () => Promise<string | undefined> };
const problem = await whyNoExt4();

for (const { name, run } of scenarios) {
  test(name, { timeout: 180_000 }, async ({ skip }) => {
    if (problem !== undefined) skip(`not possible here: ${problem}`);
    await run();
  });
}

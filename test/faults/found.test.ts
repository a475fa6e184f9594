/** What the campaign has found, each by its own name. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Campaign, type Outcome, parseCase } from "./campaign.js";

let campaign: Campaign;
beforeAll(async () => {
  campaign = await Campaign.open();
});
afterAll(() => campaign[Symbol.asyncDispose]());

/** Runs one case, which has to meet the call that it is about, and find nothing. */
async function tried(text: string, hit: RegExp): Promise<Outcome> {
  const outcome = await campaign.run(parseCase(text));
  expect(outcome.state.hit).toMatch(hit);
  expect(outcome.findings).toEqual([]);
  return outcome;
}

test("on a full disk, the first topic of a tenant is refused for want of space, and not as a defect", async () => {
  const outcome = await tried("mkdir any 4 ENOSPC once", /^mkdir of directory .*\/tenants\/acme/);
  expect(outcome.reasons).toContain("create: STORAGE_FULL");
});

test("on a full disk, the first start says that there is no space, and not that something is missing", async () => {
  const outcome = await tried("mkdir any 2 ENOSPC once", /^mkdir of directory .*\/journal$/);
  expect(outcome.reasons).toEqual(["open: ENOSPC"]);
});

test("a topic.json that cannot be closed does not end the process by an assertion", async () => {
  await tried("close manifest 1 EIO once recovery", /^close of manifest .*\/topic\.json$/);
});

test("a quota that is used up only pauses writing, as a full disk does, although Node has no name for it", async () => {
  const outcome = await tried("write manifest 3 EDQUOT once", /^write of manifest /);
  expect(outcome.reasons).toEqual(["create: STORAGE_FULL"]);
  const segment = await tried("write segment 2 EDQUOT once", /^write of segment /);
  expect(segment.ended).toBe(false);
});

test("a start that a failing disk refuses lets go of everything, although no file is closed without an error", async () => {
  await tried("close any 2 EIO on", /^close of directory .*\/journal$/);
  await tried("any any 41 EIO on", /^\w+ of /);
});

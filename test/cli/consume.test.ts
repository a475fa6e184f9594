import assert from "node:assert/strict";
import { beforeAll, test } from "vitest";
import type { Outcome } from "./command.js";
import { sharedServer } from "./served.js";

const shared = sharedServer();
/** What the topic orders holds, each record in a commit of its own. */
let records: readonly { readonly offset: string; readonly timestamp: string; readonly value: string }[];

beforeAll(async () => {
  for (const value of ["aaaa", "bb", "c", "dddddddd"]) {
    assert.equal(
      (await shared.server.aclog("acme/billing", ["produce", "--topic", "orders", "--value", value])).code,
      0,
    );
  }
  records = objects((await consume("--json")).stdout);
});

function consume(...more: string[]): Promise<Outcome> {
  return shared.server.aclog("acme/reports", ["consume", "--topic", "orders", ...more]);
}

function objects(lines: string): typeof records {
  return lines
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as (typeof records)[number]);
}

test("--from a time begins at the first record of that time or later", async () => {
  for (const { timestamp } of records) {
    const expected = records.filter((record) => record.timestamp >= timestamp);
    assert.deepEqual(objects((await consume("--from", timestamp, "--json")).stdout), expected);
  }
});

test("--from so long ago counts back from now", async () => {
  assert.deepEqual(objects((await consume("--from", "-1h", "--json")).stdout), records);
  assert.deepEqual(await consume("--from", "-1ms"), { code: 0, stdout: "", stderr: "" });
});

test("--from a time that is still to come prints nothing", async () => {
  assert.deepEqual(await consume("--from", "2999-01-01"), { code: 0, stdout: "", stderr: "" });
});

const portions = [
  // flags                                        values
  [
    ["--max-bytes", "6"],
    ["aaaa", "bb"],
  ],
  [
    ["--max-bytes", "7"],
    ["aaaa", "bb", "c"],
  ],
  [
    ["--max-bytes", "8"],
    ["aaaa", "bb", "c"],
  ],
  [
    ["--max-bytes", "1MiB"],
    ["aaaa", "bb", "c", "dddddddd"],
  ],
  [["--max-bytes", "1", "--from", "3"], ["dddddddd"]],
  [
    ["--max-bytes", "7", "--max", "2"],
    ["aaaa", "bb"],
  ],
  [
    ["--max-bytes", "7", "--follow"],
    ["aaaa", "bb", "c"],
  ],
  [
    ["--max-bytes", "3", "--from", "1", "--follow"],
    ["bb", "c"],
  ],
] as const;
for (const [flags, values] of portions) {
  test(`consume ${flags.join(" ")} prints ${values.join(", ")}`, async () => {
    const stdout = values.map((value) => `${value}\n`).join("");
    assert.deepEqual(await consume(...flags), { code: 0, stdout, stderr: "" });
  });
}

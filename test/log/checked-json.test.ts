import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { RecordCorrupt } from "../../src/errors.js";
import { readCheckedJson, writeCheckedJson } from "../../src/log/checked-json.js";
import { readManifest } from "../../src/log/manifest.js";
import { appendDescribed } from "../support/described-records.js";
import { fingerprint, openStore, pathsEndingWith, temporaryDirectory } from "../support/log-harness.js";

const state = {
  version: 1,
  name: "orders",
  startOffset: 18446744073709551615n,
  segments: [{ base: 0n }, { base: 7n }],
};

test("what was written is read, large numbers as text", () => {
  expect(readCheckedJson(writeCheckedJson(state))).toEqual({
    version: 1,
    name: "orders",
    startOffset: "18446744073709551615",
    segments: [{ base: "0" }, { base: "7" }],
  });
});

test("a file from before there were checksums is taken as it is", () => {
  expect(readCheckedJson('{"version":1,"startOffset":"7"}\n')).toEqual({ version: 1, startOffset: "7" });
});

test("any bit that is wrong, anywhere in topic.json or clock.json, is noticed, and the start changes nothing", async () => {
  await using directory = await temporaryDirectory();
  {
    await using open = await openStore(directory.path);
    const log = await open.store.open("acme", "orders");
    await appendDescribed(log, 10);
    await log.trimBefore(4n);
  }
  const [manifest] = await pathsEndingWith(directory.path, "topic.json");
  const topic = join(manifest!, "..");
  const clock = join(directory.path, "clock.json");
  for (const path of [manifest!, clock]) {
    const whole = await readFile(path);
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const wrong = Buffer.from(whole);
      wrong[bit >> 3]! ^= 1 << (bit & 7);
      await writeFile(path, wrong);
      // Of a start, which takes longer, one in fifty sees it.
      if (path === manifest)
        await expect(readManifest(topic), `bit ${bit}`).rejects.toMatchObject({ name: "OperatorError" });
      if (bit % 50 !== 0) continue;
      if (path === manifest) {
        await using open = await openStore(directory.path);
        expect(() => open.store.find("acme", "orders"), `bit ${bit} of ${path}`).toThrow(RecordCorrupt);
        expect(await readFile(path)).toEqual(wrong);
        continue;
      }
      const before = await fingerprint(directory.path);
      await expect(openStore(directory.path), `bit ${bit} of ${path}`).rejects.toMatchObject({ name: "OperatorError" });
      expect(await fingerprint(directory.path)).toBe(before);
    }
    await writeFile(path, whole);
  }
});

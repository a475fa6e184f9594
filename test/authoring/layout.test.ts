import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, test } from "vitest";
import { formatPolicy } from "../../src/authoring/index.js";
import { formatted } from "../../src/authoring/layout.js";
import { readRows } from "../../src/authz/index.js";
import { PolicyFolder } from "../authz/policy-folder.js";

const long = "x".repeat(41);
const forms: [what: string, before: string, after: string][] = [
  [
    "columns stand below each other",
    "p,a/b,acme,x,produce,allow\np, role:writer , acme ,orders.*, create,  deny\n",
    "p, a/b,         acme, x,        produce, allow\np, role:writer, acme, orders.*, create,  deny\n",
  ],
  [
    "p and g lines have columns of their own",
    "p, a/bb, acme, x, produce, allow\ng, a/b, role:x, acme\n",
    "p, a/bb, acme, x, produce, allow\ng, a/b, role:x, acme\n",
  ],
  [
    "a blank line ends the columns, a comment does not",
    "p, a/b, acme, x, produce, allow\n# why\np, a/bcd, acme, x, produce, allow\n\np, a/b, acme, x, produce, allow\n",
    "p, a/b,   acme, x, produce, allow\n# why\np, a/bcd, acme, x, produce, allow\n\np, a/b, acme, x, produce, allow\n",
  ],
  [
    "comments and blank lines stay, without what nobody sees",
    "  # one  # two \n   \n\n#three",
    "# one  # two\n\n\n#three\n",
  ],
  [
    "a very long name stands out alone",
    `p, a/b, acme, ${long}, produce, allow\np, a/b, acme, xy, produce, allow\n`,
    `p, a/b, acme, ${long}, produce, allow\np, a/b, acme, xy, produce, allow\n`,
  ],
  ["nothing stays nothing", "", ""],
];
describe("in the usual form", () => {
  for (const [what, before, after] of forms) {
    test(what, () => assert.equal(formatted(before), after));
  }
});

const space = fc.constantFrom("", " ", "  ");
const cell = fc.constantFrom("a", "orders.*", "role:writer", "", "*", long);
const line = fc.oneof(
  fc
    .tuple(space, fc.array(fc.tuple(space, cell, space), { minLength: 2, maxLength: 6 }))
    .map(([indent, cells]) => `${indent}p${cells.map((parts) => `,${parts.join("")}`).join("")}`),
  fc.constantFrom("", "  ", "# p, a, b", " # x "),
);

test("whatever the text, its rows and comments stay in their lines, and a second time nothing changes", () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), fc.boolean(), (lines, ends) => {
      const text = lines.join("\n") + (ends ? "\n" : "");
      const once = formatted(text);
      const said = (of: string) => [...readRows(of)].map(({ line: at, fields }) => [at, ...fields.map((field) => field.text)]); // prettier-ignore
      assert.deepEqual(said(once), said(text));
      const comments = (of: string) => of.split("\n").map((each) => (each.trim().startsWith("#") ? each.trim() : "")); // prettier-ignore
      assert.deepEqual(comments(once).join("\n").trimEnd(), comments(text).join("\n").trimEnd());
      assert.equal(formatted(once), once);
    }),
    { numRuns: 500 },
  );
});

test("both files of rows are told of with a diff that patch(1) takes, and nothing is written", async () => {
  const policy = "p, acme/billing, acme, orders, produce, allow\np, acme/x, acme, orders, produce, allow";
  await using folder = await PolicyFolder.create({ "policy.csv": policy });
  const [change, ...others] = await formatPolicy(folder.path);
  assert.deepEqual(others, []);
  assert.equal(
    change!.diff.replaceAll(folder.path, ""),
    "--- /policy.csv\n+++ /policy.csv\n@@ -1,2 +1,2 @@\n p, acme/billing, acme, orders, produce, allow\n" +
      "-p, acme/x, acme, orders, produce, allow\n\\ No newline at end of file\n+p, acme/x,       acme, orders, produce, allow\n",
  );
  assert.equal(await readFile(join(folder.path, "policy.csv"), "utf8"), policy);
});

test("files with mistakes are left alone, and a matrix that does not hold is no mistake of form", async () => {
  await using folder = await PolicyFolder.create({ "policy.csv": "p, acme/billing, acme, orders, prodcue, allow\n" });
  await assert.rejects(formatPolicy(folder.path), /did you mean "produce"\?/);
  await folder.write({ "policy.csv": "p,acme/billing, acme, other, produce, allow\n" });
  assert.equal((await formatPolicy(folder.path)).length, 1);
});

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const page = readFileSync(join(root, "docs/guarantees.md"), "utf8");

/** A promise as the page has it: its heading, and the tests that it names, as `- file: name`. */
interface Promised {
  readonly heading: string;
  readonly tests: readonly { readonly file: string; readonly name: string }[];
}

const promises: readonly Promised[] = page
  .split(/^## /m)
  .filter((section) => /^\d+\. /.test(section))
  .map((section) => ({
    heading: section.slice(0, section.indexOf("\n")),
    tests: [...section.matchAll(/^- `(test\/[^`]+)`: (.+)$/gm)].map(([, file, name]) => ({ file: file!, name: name! })),
  }));

test("there are nine promises", () => {
  expect(promises.map(({ heading }) => Number.parseInt(heading, 10))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

describe.each(promises)("$heading", ({ tests }) => {
  test("names tests", () => {
    expect(tests).not.toEqual([]);
  });

  test.each(tests)("$file: $name", ({ file, name }) => {
    // As it is written there; a name may be put together from parts, of which the page has one.
    expect(readFileSync(join(root, file), "utf8").includes(name)).toBe(true);
  });
});

test("the make targets that the page names are there", () => {
  const makefile = readFileSync(join(root, "Makefile"), "utf8");
  const targets = new Set([...page.matchAll(/`make ([a-z-]+)/g)].map(([, target]) => target!));
  expect(targets.size).toBeGreaterThan(0);
  for (const target of targets) expect(makefile).toMatch(new RegExp(`^${target}:`, "m"));
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, test } from "vitest";
import { Rule } from "../../src/authz/policy-csv.js";
import { RoleIndex } from "../../src/authz/role-index.js";
import { RuleIndex } from "../../src/authz/rule-index.js";
import { topicMatch } from "../../src/authz/topic-pattern.js";

const subjects = Array.from({ length: 12 }, (_, number) => `role:${number}`);
const topics = ["a", "ab", "abc", "abd", "b", "_a"];
const rules = fc.uniqueArray(
  fc.tuple(
    fc.constantFrom(...subjects),
    fc.constantFrom("acme", "globex", "*", "_system"),
    fc.constantFrom(...topics, "*", "a*", "ab*", "abc*", "abcd*", "b*"),
    fc.constantFrom("produce", "consume", "*"),
    fc.constantFrom("allow", "deny"),
  ),
  { maxLength: 60, selector: (cells) => cells.join() },
);

test("it finds exactly the rules that fit, and knows who may be allowed something", () => {
  fc.assert(
    fc.property(rules, fc.subarray(subjects), (rows, asking) => {
      const all = rows.map((cells, line) => new Rule("", line, cells));
      const index = new RuleIndex();
      for (const rule of all) index.add(rule);
      for (const tenant of ["acme", "_system"]) {
        const asked = { subjects: new Set(asking), tenant, action: "produce" } as const;
        const inReach = all.filter(
          (rule) =>
            asked.subjects.has(rule.subject) &&
            ["produce", "*"].includes(rule.action) &&
            (rule.tenant === tenant || (rule.tenant === "*" && tenant === "acme")),
        );
        for (const topic of topics) {
          const expected = inReach.filter((rule) => topicMatch(topic, rule.pattern));
          assert.deepEqual(new Set(index.fitting(asked, topic)), new Set(expected));
        }
        assert.equal(
          index.mayAllow(asked),
          inReach.some(({ effect }) => effect === "allow"),
        );
      }
    }),
    { numRuns: 500 },
  );
});

/** A rule that counts how often one of them is looked at. */
let looks = 0;
class CountedRule extends Rule {
  override get subject(): string {
    looks += 1;
    return super.subject;
  }
  override get action(): string {
    looks += 1;
    return super.action;
  }
}

/** Rules beside those that decide: of others, about other topics, and by the thousand about the same topic. */
const crowds: [what: string, ruleOf: (number: number) => string[]][] = [
  ["topics", (number) => ["role:writer", "acme", `topic-${number}`, "produce", "allow"]],
  ["prefixes", (number) => ["role:writer", "acme", `topic-${number}.*`, "produce", "allow"]],
  ["subjects with the same topic", (number) => [`role:r${number}`, "acme", "orders", "produce", "deny"]],
  ["subjects with every topic", (number) => [`role:r${number}`, "*", "*", "*", "deny"]],
  ["tenants", (number) => ["role:writer", `tenant-${number}`, "orders", "*", "allow"]],
];

describe("as many rules are looked at with 10 as with 100,000 others of as many", () => {
  for (const [what, ruleOf] of crowds) {
    test(what, () => {
      const counts = [10, 100_000].map((others) => {
        const index = new RuleIndex();
        const deciding = new CountedRule("", 0, ["role:writer", "acme", "orders", "produce", "allow"]);
        index.add(deciding);
        for (let number = 1; number <= others; number++) index.add(new CountedRule("", number, ruleOf(number)));
        const asked = { subjects: new Set(["acme/x", "role:writer"]), tenant: "acme", action: "produce" } as const;
        looks = 0;
        assert.deepEqual(index.fitting(asked, "orders"), [deciding]);
        const fitting = looks;
        assert.equal(index.mayAllow(asked), true);
        assert.equal(looks, fitting, "what each subject is allowed is known without a look at its rules");
        return fitting;
      });
      assert.ok(counts[0]! >= 1);
      assert.ok(counts[1]! <= counts[0]!, counts.join(", "));
    });
  }
});

test("roles are followed as deep as Casbin does, in circles too, and no way twice", () => {
  const index = new RoleIndex();
  const give = (member: string, role: string): void => index.add({ line: 1, member, role, tenant: "acme" });
  give("acme/x", "role:0-0");
  // Each role of a step has each of the next: ten thousand million ways lead from the first to the last.
  for (let step = 0; step < 12; step++) {
    for (let from = 0; from < 10; from++)
      for (let to = 0; to < 10; to++) give(`role:${step}-${from}`, `role:${step + 1}-${to}`);
  }
  give("role:3-0", "role:1-0");
  assert.equal(index.has("acme/x", "role:9-9", "acme"), true);
  assert.equal(index.has("acme/x", "role:10-0", "acme"), false);
  assert.equal(index.has("role:1-0", "role:1-0", "globex"), true, "whoever it is, it is itself");
  assert.equal(index.of("acme/x", "acme").size, 2 + 9 * 10);
  assert.deepEqual(index.of("acme/x", "globex"), new Set(["acme/x"]));
});

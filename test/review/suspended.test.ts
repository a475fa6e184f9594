/** What a review says of a tenant that is suspended: nobody may what rules allow its principals. */
import { beforeAll, expect, test } from "vitest";
import { type LoadedPolicy, loadPolicy } from "../../src/authz/index.js";
import { formatReview } from "../../src/cli/review-text.js";
import {
  formatCsv,
  formatHtml,
  formatWhy,
  reviewPermissions,
  testAsText,
  testMatrix,
  why,
} from "../../src/review/index.js";
import { policyOf } from "./policies.js";

let policy: LoadedPolicy;
beforeAll(async () => {
  policy = await policyOf("", {
    "tenants.yaml": "tenants:\n  acme: { suspended: true }\n  globex: {}\n",
    "policy.csv": [
      "p, role:producer, acme, orders, produce, allow",
      "p, acme/clerk, acme, orders, *, allow",
      "g, acme/clerk, role:producer, acme",
      "p, globex/audit, acme, orders, consume, allow",
      "p, acme/shut, acme, orders, produce, deny",
    ].join("\n"),
    "matrix.csv": "acme/clerk, acme, orders, produce, allow\nglobex/audit, acme, orders, consume, allow\n",
  });
});

const question = { principal: "acme/clerk", action: "produce", tenant: "acme", topic: "orders" } as const;
const note = "acme is suspended: none of its clients gets in";

test("why: what the policy allows is denied, with the rule that would allow it", async () => {
  for (const options of [{}, { withinTenant: true }]) {
    const answer = await why(policy, question, options);
    expect(answer).toMatchObject({ decision: "deny", rule: { effect: "allow" }, misses: [] });
    expect(formatWhy(answer)).toMatch(
      `acme/clerk may not produce to acme/orders: allowed by the policy, but tenant ${note}.\n\n  policy.csv:2: p, acme/clerk`,
    );
    expect(formatWhy(answer)).toContain("\nAlso allowed by:\n  policy.csv:1: p, role:producer");
  }
});

test.each([
  ["acme/shut", "a rule denies it"],
  ["acme/nobody", "no rule allows it"],
])("why: of %s both is told, that %s and the suspension", async (principal, reason) => {
  const answer = await why(policy, { ...question, principal });
  expect([answer.decision, answer.reason]).toEqual(["deny", `${reason}; besides, tenant ${note}`]);
  const within = await why(policy, { ...question, principal, tenant: "globex" }, { withinTenant: true });
  expect(within.reason).toBe("no rule allows it");
});

test("who and what: its principals are left out, which is said beside what others may", async () => {
  const who = await reviewPermissions(policy, { tenant: "acme", topic: "orders" });
  expect(who.suspended).toEqual(["acme"]);
  expect(who.permissions.map(({ principal }) => principal)).toEqual(["globex/audit"]);
  for (const told of [await formatReview(who), formatHtml(who, { source: "x", madeMs: 0 })]) {
    expect(told).toContain(`${note}, and what rules allow them is left out.`);
    expect(told).not.toContain("acme/clerk");
  }
  expect(formatCsv(who)).not.toContain("acme/clerk");
  const what = await reviewPermissions(policy, { principal: "acme/clerk" });
  expect(await formatReview(what)).toContain(`\nNothing.\n\n${note}`);
  expect((await reviewPermissions(policy, { principal: "globex/audit" })).suspended).toBeUndefined();
});

test("test: the matrix is asked of the rules, and the suspension is said", async () => {
  const report = await testMatrix(policy);
  expect(report).toMatchObject({ ok: true, suspended: ["acme"] });
  expect(testAsText(report, (_kind, text) => text)).toContain(`\n${note}; about them the rules alone were asked\n`);
});

test("check: the suspension is told, and is no warning", async () => {
  const { report } = await loadPolicy(policy.files);
  expect(report).toMatchObject({ findings: [], warnings: [], suspended: ["acme"] });
});

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, test } from "vitest";
import { planGrant, planRevoke } from "../../src/authoring/index.js";
import { type LoadedPolicy, loadPolicy, PolicyFiles, topicMatch } from "../../src/authz/index.js";
import { exampleModel } from "../authz/policy-folder.js";

const tenants = ["acme", "globex", "_system"];
const principals = ["acme/a", "acme/b", "globex/a"];
const roles = ["role:0", "role:1", "role:2"];
const topics = ["orders", "orders.eu", "o", "other"];
const patterns = [...topics, "*", "o*", "orders*", "orders.*"];
const verbs = ["produce", "consume"] as const;
const scope = fc.constantFrom(...tenants, "*");

const about = [scope, fc.constantFrom(...patterns), fc.constantFrom(...verbs, "*")] as const;
const rule = fc
  .tuple(fc.constantFrom(...principals, ...roles), ...about, fc.constantFrom("allow", "allow", "deny"))
  .map((cells) => ["p", ...cells].join(", "));
/** From a lower to a higher number alone: a file with a circle of roles is refused. */
const assignment = fc
  .tuple(fc.constantFrom(...principals, "role:0", "role:0", "role:1"), fc.constantFrom(1, 2), scope)
  .filter(([member, above]) => member !== `role:${above}` && member !== "role:2")
  .map(([member, above, tenant]) => `g, ${member}, role:${above}, ${tenant}`);
const policies = fc
  .tuple(fc.uniqueArray(rule, { minLength: 2, maxLength: 8 }), fc.uniqueArray(assignment, { maxLength: 4 }))
  .map(([rules, given]) => [...rules, ...given]);
const anything: fc.Arbitrary<[string, string, string, string]> = fc.tuple(
  fc.constantFrom(...principals, ...principals, ...roles),
  ...about,
);
/** Of a policy, and what is asked of it: half of the time just what one of its lines allows. */
const cases = policies.chain((lines) => {
  const said = lines
    .filter((line) => line.endsWith("allow"))
    .map((line) => line.split(", ").slice(1, 5) as [string, string, string, string]);
  const wanted = said.length === 0 ? anything : fc.oneof(anything, fc.constantFrom(...said));
  return fc.tuple(fc.constant(lines), wanted);
});

/** Every decision that there can be a difference in, as Casbin makes it. */
function decisions(policy: LoadedPolicy["compiled"]): Map<string, boolean> {
  const answers = new Map<string, boolean>();
  for (const principal of principals) {
    for (const tenant of tenants) {
      for (const topic of topics) {
        for (const action of verbs) {
          answers.set(
            [principal, tenant, topic, action].join(" "),
            policy.evaluate(principal, action, tenant, topic).allowed,
          );
        }
      }
    }
  }
  return answers;
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "aclog-effects-"));
  await writeFile(join(folder, "model.conf"), exampleModel);
  await writeFile(join(folder, "tenants.yaml"), "tenants:\n  acme: {}\n  globex: {}\n");
  await writeFile(join(folder, "matrix.csv"), "");
});
afterAll(() => rm(folder, { recursive: true }));

async function load(text: string): Promise<LoadedPolicy["compiled"]> {
  const bytes = { ...(await PolicyFiles.read(folder)).bytes, "policy.csv": Buffer.from(text) };
  const { policy, report } = await loadPolicy(await PolicyFiles.of(folder, bytes));
  assert.ok(policy !== undefined, JSON.stringify(report.findings));
  return policy.compiled;
}

const edits = { grant: planGrant, revoke: planRevoke, "revoke --deny": planRevoke } as const;
for (const [verb, planEdit] of Object.entries(edits)) {
  test(`${verb} does to everybody what it says, and nothing else`, async () => {
    const seen = { change: 0, nothing: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(cases, async ([lines, [subject, tenant, pattern, action]]) => {
        const text = lines.map((line) => `${line}\n`).join("");
        await writeFile(join(folder, "policy.csv"), text);
        const asked = { subject, what: [action], where: `${tenant}/${pattern}` };
        const plan = await planEdit(folder, asked, { deny: verb.endsWith("--deny") });
        seen[plan.outcome] += 1;
        const told = `${verb} ${subject} ${action} ${tenant}/${pattern}: ${plan.says.join("; ")} under\n${text}${plan.diff}`;
        const policy = await load(text);
        const before = decisions(policy);
        const after = decisions(await load(plan.change?.after ?? text));
        let held = false;
        for (const [request, allowed] of after) {
          const [principal, owner, topic, act] = request.split(" ") as [string, string, string, string];
          const isAsked =
            (tenant === owner || (tenant === "*" && owner !== "_system")) &&
            topicMatch(topic, pattern) &&
            (action === act || action === "*");
          const isConcerned = isAsked && policy.rolesOf(principal, owner).has(subject);
          held ||= isConcerned && principal === subject && before.get(request) === true;
          if (!isConcerned) assert.equal(allowed, before.get(request), `${request} changed by ${told}`);
          else if (verb === "grant") {
            const isException = plan.says.some((sentence) => sentence.startsWith("except for"));
            if (plan.outcome !== "refused" && principal === subject && !isException)
              assert.ok(allowed, `${request} by ${told}`);
            if (before.get(request)) assert.ok(allowed, `${request} taken by ${told}`);
            if (plan.outcome === "refused" && principal === subject)
              assert.ok(!allowed, `${request} allowed although ${told}`);
          } else {
            if (plan.outcome !== "refused" && principal === subject)
              assert.ok(!allowed, `${request} held after ${told}`);
            if (!before.get(request)) assert.ok(!allowed, `${request} given by ${told}`);
          }
        }
        // A principal that is told that it still holds does hold it; of a role, nobody need have it.
        if (plan.outcome === "refused" && verb === "revoke" && !subject.startsWith("role:")) assert.ok(held, told);
      }),
      { numRuns: Number(process.env["ACLOG_POLICY_RUNS"] ?? 40) },
    );
    assert.ok(seen.change > 3, JSON.stringify(seen));
    if (verb !== "revoke --deny") assert.ok(seen.nothing + seen.refused > 3, JSON.stringify(seen));
  });
}

test("whoever has very many lines, half of them denied, is shut out in seconds", { timeout: 10_000 }, async () => {
  const lines = Array.from({ length: 20_000 }, (_, number) => [
    `p, acme/a, acme, t${number}, produce, allow`,
    `p, acme/a, acme, t${number}, produce, deny`,
    `p, acme/a, acme, u${number}, produce, allow`,
  ]).flat();
  await writeFile(join(folder, "policy.csv"), `${lines.join("\n")}\n`);
  const wanted = { subject: "acme/a", what: ["*"], where: "acme/*" };
  const { outcome, says } = await planRevoke(folder, wanted, { deny: false });
  assert.equal(outcome, "refused");
  assert.match(says[0]!, /policy\.csv:3: p, acme\/a, acme, u0, produce, allow$/);
  assert.equal(says[10], "and 19990 more");
  assert.equal((await planRevoke(folder, wanted, { deny: true })).outcome, "change");
});

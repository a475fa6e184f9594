import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, test } from "vitest";
import { type Action, actions, CasbinAuthorizer, type LoadedPolicy } from "../../src/authz/index.js";
import { isSystemName } from "../../src/names.js";
import { type NearMiss, type Question, reviewPermissions, why } from "../../src/review/index.js";
import { ask, exampleModel, outcome, PolicyFolder } from "../authz/policy-folder.js";
import { load } from "./load.js";

/** More of them for a longer search. */
const runs = Number(process.env["ACLOG_POLICY_RUNS"] ?? 45);

const tenants = ["acme", "globex", "_system"];
const principals = ["acme/a", "acme/ab", "globex/a"];
const roles = ["role:0", "role:1", "role:2"];
const topics = ["orders", "orders.eu", "ordres", "default", "_audit"];
const patterns = [...topics, "*", "orders.*", "o*"];

const scope = fc.constantFrom(...tenants, "*");
const rule = fc
  .tuple(
    fc.constantFrom(...principals, ...roles, ...roles),
    scope,
    fc.constantFrom(...patterns),
    fc.constantFrom("produce", "consume", "*"),
    fc.constantFrom("allow", "allow", "allow", "deny"),
  )
  .map((columns) => ["p", ...columns].join(", "));
const membership = fc
  .tuple(fc.constantFrom(...principals.slice(0, 2)), fc.constantFrom(...roles), scope)
  .map((columns) => ["g", ...columns].join(", "));
/** In one direction, so that nothing goes in a circle. */
const nesting = fc
  .tuple(fc.constantFrom("role:0, role:1", "role:1, role:2"), scope)
  .map((columns) => ["g", ...columns].join(", "));
const policies = fc
  .tuple(
    fc.uniqueArray(rule, { minLength: 2, maxLength: 9, size: "max" }),
    fc.uniqueArray(membership, { minLength: 1, maxLength: 4 }),
    fc.uniqueArray(nesting, { maxLength: 2 }),
  )
  .map((lines) => lines.flat());

const models = {
  "the example's": exampleModel,
  "one that asks more": exampleModel.replace(/^m = .*$/m, (line) => `${line} && (p.dom != "*" || r.act != "consume")`),
  "one that no index serves": exampleModel.replace("g(r.sub, p.sub, r.dom)", "!(!g(r.sub, p.sub, r.dom))"),
};

const filesOf = (model: string, lines: readonly string[]) => ({
  "model.conf": model,
  "policy.csv": `${lines.join("\n")}\n`,
  "matrix.csv": "acme/nobody, acme, nothing, admin, deny\n",
});

async function authorizerOf(model: string, lines: readonly string[]): Promise<CasbinAuthorizer> {
  await using folder = await PolicyFolder.create(filesOf(model, lines));
  return await CasbinAuthorizer.open(folder.path, { onDenied: () => undefined });
}

/** As a line of a review tells it. */
const told = (principal: string, action: string, tenant: string, topic: string): string =>
  `${principal} ${action} ${tenant}/${topic}`;

describe("of random policies, a review lists what authorize allows and nothing else, with a matcher that is", () => {
  test.each(Object.entries(models))("%s", async (_, model) => {
    let allowed = 0;
    await fc.assert(
      fc.asyncProperty(policies, async (lines) => {
        const policy = await load(filesOf(model, lines));
        const authorizer = await authorizerOf(model, lines);
        const existing = tenants.flatMap((tenant) => topics.map((topic) => ({ tenant, topic })));
        const asked = principals.flatMap((principal) =>
          existing.flatMap(({ tenant, topic }) => actions.map((action) => ({ principal, action, tenant, topic }))),
        );
        const expected = asked
          .filter(({ topic, action }) => !isSystemName(topic) || ["consume", "describe"].includes(action))
          .filter((each) => outcome(authorizer, ask(each.principal, each.action, each.tenant, each.topic)) === "allow")
          .map((each) => told(each.principal, each.action, each.tenant, each.topic));
        allowed += expected.length;
        const context = lines.join("\n");
        const everything = await reviewPermissions(policy, {}, { existing });
        assert.equal(everything.cutOff, undefined);
        const listed = allowedIn(everything.permissions).filter(({ topic }) => topics.includes(topic));
        assert.deepEqual(listed.map(inWords).sort(), expected.toSorted(), context);
        for (const principal of principals) {
          const what = await reviewPermissions(policy, { principal }, { existing });
          assert.deepEqual(
            what.permissions,
            everything.permissions.filter((each) => each.principal === principal),
          );
        }
        for (const { tenant, topic } of existing) {
          const who = await reviewPermissions(policy, { action: "produce", tenant, topic });
          const same = everything.permissions.filter(
            (each) => each.tenant === tenant && each.topic === topic && each.action === "produce",
          );
          assert.deepEqual(who.permissions, same, context);
        }
      }),
      { numRuns: Math.ceil(runs / 3) },
    );
    assert.ok(allowed > 50, "policies that allow nothing would prove nothing");
  });
});

const allowedIn = <Each extends { decision: string }>(permissions: readonly Each[]): Each[] =>
  permissions.filter(({ decision }) => decision === "allow");
const inWords = (each: Question): string => told(each.principal, each.action, each.tenant, each.topic);

test("what a pattern's row says holds for a name that no file knows", async () => {
  await fc.assert(
    fc.asyncProperty(policies, async (lines) => {
      const policy = await load(filesOf(exampleModel, lines));
      const authorizer = await authorizerOf(exampleModel, lines);
      const { permissions } = await reviewPermissions(policy, {});
      const named = new Set(lines.map((line) => line.split(", ")[3]));
      for (const [pattern, name] of [
        ["*", "zebra"],
        ["o*", "ox"],
        ["orders.*", "orders.us"],
      ] as const) {
        if (!named.has(pattern)) continue;
        for (const principal of principals) {
          for (const tenant of tenants) {
            const listed = allowedIn(permissions).filter(
              (each) => each.principal === principal && each.tenant === tenant && each.topic === pattern,
            );
            // A pattern that no rule for the tenant has gets no row there.
            if (![...policy.compiled.patternsOf(tenant)].includes(pattern)) continue;
            const expected = actions.filter(
              (action) => outcome(authorizer, ask(principal, action, tenant, name)) === "allow",
            );
            assert.deepEqual(
              listed.map(({ action }) => action),
              expected,
              `${principal} ${tenant} ${pattern}\n${lines.join("\n")}`,
            );
          }
        }
      }
    }),
    { numRuns: Math.ceil(runs / 3) },
  );
});

describe("of random policies, every near miss would be allowed if it were so, with a matcher that is", () => {
  test.each(Object.entries(models))("%s", async (_, model) => {
    let tried = 0;
    await fc.assert(
      fc.asyncProperty(
        policies,
        fc.constantFrom(...principals, "acme/b"),
        fc.constantFrom("produce" as const, "consume" as const),
        async (lines, principal, action) => {
          const policy = await load(filesOf(model, lines));
          for (const tenant of [...tenants, "acmee"]) {
            for (const topic of ["order", "ordersx", "orders.eu", "_audit"]) {
              const question: Question = { principal, action, tenant, topic };
              const { decision, misses } = await why(policy, question);
              if (misses.length > 0) assert.equal(decision, "deny");
              assert.ok(misses.length <= 5);
              for (const miss of misses) {
                tried += 1;
                const wouldBe = await decisionIf(miss, question, policy, model, lines);
                assert.equal(wouldBe, true, `${inWords(question)} if ${miss.condition}\n${lines.join("\n")}`);
              }
            }
          }
        },
      ),
      { numRuns: Math.ceil(runs / 3) },
    );
    assert.ok(tried > 30, "policies that nothing is near to would prove nothing");
  });
});

/** Does what the condition says: to the question, or to the file. */
async function decisionIf(
  { condition, rule }: NearMiss,
  question: Question,
  policy: LoadedPolicy,
  model: string,
  lines: readonly string[],
): Promise<boolean> {
  const word = (pattern: RegExp): string | undefined => pattern.exec(condition)?.[1];
  const cells = lines[rule.line - 1]!.split(", ");
  const decide = ({ principal, action, tenant, topic }: Question, by: LoadedPolicy = policy): boolean =>
    by.compiled.decide(ask(principal, action, tenant, topic)).allowed;
  const altered = async (all: readonly string[]): Promise<boolean> => decide(question, await load(filesOf(model, all)));
  const role = /^(\S+) had (\S+) in (\S+)/.exec(condition);
  if (role !== null) return altered([...lines, ["g", ...role.slice(1)].join(", ")]);
  const forTenant = word(/^line \d+ were for (\S+),/);
  if (forTenant !== undefined) return altered(lines.with(rule.line - 1, cells.with(2, forTenant).join(", ")));
  const named = word(/^line \d+ named (\S+):/);
  if (named !== undefined) return altered(lines.with(rule.line - 1, cells.with(3, named).join(", ")));
  const principal = word(/^the principal were (\S+)/) ?? question.principal;
  const action = (word(/^the action were (\S+)$/) ?? question.action) as Action;
  const tenant = word(/^the tenant were (\S+)$/) ?? question.tenant;
  const start = word(/^the topic's name began with (\S+)$/);
  const topic = start === undefined ? (word(/^the topic were (\S+)$/) ?? question.topic) : `${start}us-and-them`;
  const other = { principal, action, tenant, topic };
  assert.notDeepEqual(other, question, condition);
  return decide(other);
}

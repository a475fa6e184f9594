import assert from "node:assert/strict";
import { type Enforcer, newEnforcer, newModelFromString, StringAdapter } from "casbin";
import fc from "fast-check";
import { describe, test } from "vitest";
import { actions, CasbinAuthorizer, checkPolicy } from "../../src/authz/index.js";
import { ask, mistakesIn, outcome, PolicyFolder, type PolicyFiles, warningsIn } from "./policy-folder.js";

/** As Casbin's examples have it. */
function modelWith(matcher: string, { hasRoles = matcher.includes("g(") } = {}): string {
  return [
    "[request_definition]\nr = sub, obj, act",
    "[policy_definition]\np = sub, obj, act",
    ...(hasRoles ? ["[role_definition]\ng = _, _"] : []),
    "[policy_effect]\ne = some(where (p.eft == allow))",
    `[matchers]\nm = ${matcher}\n`,
  ].join("\n\n");
}

const classic = "r.sub == p.sub && r.obj == p.obj && r.act == p.act";
const withRoles = `g(r.sub, p.sub) && (p.obj == "*" || r.obj == p.obj) && (r.act == p.act || p.act == "*")`;
const withPatterns = "topicMatch(r.obj, p.obj) && g(r.sub, p.sub) && r.act == p.act";

/** Without a matrix, as such policies come. */
function simple(matcher: string, policy: string): PolicyFiles {
  return { "model.conf": modelWith(matcher), "policy.csv": policy, "matrix.csv": undefined };
}

async function authorizerOf(files: PolicyFiles): Promise<CasbinAuthorizer> {
  await using folder = await PolicyFolder.create(files);
  return await CasbinAuthorizer.open(folder.path, { onDenied: () => undefined });
}

test("the classic policy: root produces and consumes everywhere at home, nobody else anything, and nobody abroad", async () => {
  const files = simple(classic, "p, root, *, produce\np, root, *, consume\n");
  assert.deepEqual(await warningsIn(files), []);
  const authorizer = await authorizerOf(files);
  for (const tenant of ["acme", "globex", "_system"]) {
    for (const principal of ["acme/root", "globex/root", "acme/nobody", "ops/root", "acme/role:root", "/root"]) {
      for (const topic of ["default", "orders", "*", "_offsets"]) {
        for (const action of actions) {
          const isAllowed =
            principal === `${tenant}/root` && /^[a-z]/.test(topic) && ["produce", "consume"].includes(action);
          assert.equal(
            outcome(authorizer, ask(principal, action, tenant, topic)),
            isAllowed ? "allow" : "deny",
            `${principal} ${action} ${tenant}/${topic}`,
          );
        }
      }
    }
  }
});

const names = ["alice", "bob", "root", "constructor"];
const topics = ["orders", "orders.eu", "constructor", "_audit"];
const scopes = ["acme", "globex", "_system"];
const rule = (patterns: readonly string[], verbs: readonly string[]) =>
  fc.tuple(fc.constantFrom(...names), fc.constantFrom(...patterns), fc.constantFrom(...verbs));
/** Towards the end of the alphabet alone: a file with a circle is refused. */
const membership = fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names)).filter(([name, role]) => name < role);
const matchers: [what: string, matcher: string, patterns: string[], verbs: string[]][] = [
  ["compares names", classic, [...topics, "*"], ["produce", "consume"]],
  ["has roles and *", withRoles, [...topics, "*"], ["produce", "consume", "*"]],
  ["has roles and patterns", withPatterns, [...topics, "*", "orders.*", "o*"], ["produce", "consume"]],
];

/** With the administrator's own model and lines, and Casbin's own reader. */
async function plainCasbin(matcher: string, policy: string): Promise<Enforcer> {
  const adapter = new StringAdapter(`# Casbin refuses an empty text.\n${policy}`);
  const casbin = await newEnforcer(newModelFromString(modelWith(matcher)), adapter);
  await casbin.addFunction("topicMatch", (name: string, pattern: string) =>
    pattern.endsWith("*") ? !name.startsWith("_") && name.startsWith(pattern.slice(0, -1)) : name === pattern,
  );
  return casbin;
}

describe("random policies decide at home as plain Casbin does with the administrator's own model, when it", () => {
  for (const [what, matcher, patterns, verbs] of matchers) {
    test(what, async () => {
      const seen = { allow: 0, deny: 0 };
      const rules = fc.uniqueArray(rule(patterns, verbs), { minLength: 1, maxLength: 8, selector: String });
      const given = matcher.includes("g(")
        ? fc.uniqueArray(membership, { maxLength: 5, selector: String })
        : fc.constant([]);
      await fc.assert(
        fc.asyncProperty(rules, given, async (ps, gs) => {
          const lines = [...ps.map((cells) => ["p", ...cells]), ...gs.map((cells) => ["g", ...cells])];
          const policy = lines.map((cells) => `${cells.join(", ")}\n`).join("");
          const casbin = await plainCasbin(matcher, policy);
          // aclog alone knows names that no pattern covers: for these, lines about everything are taken out.
          const literal = await plainCasbin(matcher, policy.replace(/^p, \w+, \*,.*\n/gm, ""));
          const authorizer = await authorizerOf(simple(matcher, policy));
          for (const name of [...names, "nobody"]) {
            for (const topic of topics) {
              for (const action of ["produce", "consume", "admin"]) {
                // A request of the classic model is about "*" where it is about a topic here.
                const asked = topic.startsWith("_") ? [topic] : [topic, "*"];
                const judge = topic.startsWith("_") ? literal : casbin;
                const expected = asked.some((object) => judge.enforceSync(name, object, action)) ? "allow" : "deny";
                for (const home of ["acme", "globex"]) {
                  for (const tenant of scopes) {
                    assert.equal(
                      outcome(authorizer, ask(`${home}/${name}`, action, tenant, topic)),
                      home === tenant ? expected : "deny",
                      `${home}/${name} ${action} ${tenant}/${topic} under\n${policy}`,
                    );
                  }
                }
                seen[expected] += 1;
              }
            }
          }
        }),
        { numRuns: 25 },
      );
      assert.ok(seen.allow > 50 && seen.deny > 50, JSON.stringify(seen));
    });
  }
});

test("refusals and reports name its lines as they stand in the file, and a matrix of five columns is tried on it", async () => {
  const policy = "p, clerk, orders.*, produce\ng, alice, clerk\n";
  const model = modelWith(withPatterns);
  const good = "acme/alice, acme, orders.eu, produce, allow\nacme/alice, globex, *, *, deny\nacme/bob, *, *, *, deny\n";
  await using folder = await PolicyFolder.create({ "model.conf": model, "policy.csv": policy, "matrix.csv": good });
  const report = await checkPolicy(folder.path);
  assert.deepEqual([report.findings, report.warnings, report.model], [[], [], "simple"]);
  assert.deepEqual(
    await mistakesIn({
      "model.conf": model,
      "policy.csv": policy,
      "matrix.csv": "acme/alice, acme, orders.eu, *, deny\n",
    }),
    ["matrix.csv:1:33: acme/alice produce acme/orders.eu: expected deny, got allow by policy.csv:1"],
  );
  assert.deepEqual(await warningsIn(simple(withRoles, "p, a, *, *\np, b, x, produce\ng, b, a\ng, a, ghost\n")), [
    "policy.csv:2:1: this rule decides nothing: line 1 allows all of it already: p, a, *, *",
    "policy.csv:4:7: no rule speaks of ghost",
  ]);
});

const mistakes: [matcher: string, line: string, finding: string][] = [
  [
    classic,
    "p, acme/root, *, produce",
    `1:4: "acme/root" is not a name: expected a name alone, as in root, which is that principal in its own tenant or a role`,
  ],
  [
    classic,
    "p, Root, *, produce",
    `1:4: "Root" is not a name: expected a name alone, as in root, which is that principal in its own tenant or a role; names are lower-case`,
  ],
  [classic, "p, root, *, prodcue", `1:13: unknown action "prodcue"; did you mean "produce"?`],
  [classic, "p, root, *, *", `1:13: unknown action "*"; expected produce, consume, describe, create, delete or admin`],
  [
    classic,
    "p, root, orders.*, produce",
    `1:10: "orders.*" covers nothing under this model, which compares names: its matcher does not ask topicMatch(r.obj, p.obj)`,
  ],
  [
    classic,
    "p, root, acme, *, produce, allow",
    "1:19: a p line of the simple model has 4 columns (p, subject, topic, action), this one has 6",
  ],
  [
    classic,
    "p, root, *",
    "1:10: a p line of the simple model has 4 columns (p, subject, topic, action), this one has 3",
  ],
  [classic, "g, alice, root", "1:1: a g line means nothing to this model: its matcher does not ask g(r.sub, p.sub)"],
  [
    withRoles,
    "g, alice, root, acme",
    "1:17: a g line of the simple model has 3 columns (g, name, role), this one has 4",
  ],
  [
    withRoles,
    "p, root, _a*, produce",
    `1:10: "_a*" covers nothing under this model, which compares names: its matcher does not ask topicMatch(r.obj, p.obj)`,
  ],
  [withRoles, "g, alice, bob\ng, bob, alice", "2:9: these roles go in a circle: bob → alice → bob (lines 1, 2)"],
  [withRoles, "p, root, *, produce\np, root,*,produce", "2:1: the same as line 1"],
];
describe("a policy under the simple model is refused for", () => {
  for (const [matcher, line, finding] of mistakes) {
    test(JSON.stringify(line), async () => {
      assert.deepEqual(await mistakesIn(simple(matcher, `${line}\n`)), [`policy.csv:${finding}`]);
    });
  }
  const models: [what: string, text: string, finding: RegExp][] = [
    [
      "an effect that denies",
      modelWith(classic).replace("some(where (p.eft == allow))", "!some(where (p.eft == deny))"),
      /:8:5: found .*, expected e = some\(where \(p\.eft == allow\)\) in the simple model$/,
    ],
    [
      "a request of two columns",
      modelWith(classic).replace("r = sub, obj, act", "r = sub, act"),
      /:2:5: found "sub, act", expected r = sub, obj, act in the simple model$/,
    ],
    [
      "a policy of four columns",
      modelWith(classic).replace("p = sub, obj, act", "p = sub, obj, act, eft"),
      /:5:5: found "sub, obj, act, eft", expected p = sub, obj, act in the simple model$/,
    ],
    [
      "roles of the other model",
      modelWith(withRoles).replace("_, _", "_, _, _"),
      /:8:5: found "_, _, _", expected g = _, _ in the simple model$/,
    ],
    [
      "roles that are not defined",
      modelWith(withRoles, { hasRoles: false }),
      /the section \[role_definition\] with g = _, _ is missing$/,
    ],
    [
      "no regard to the subject",
      modelWith("r.obj == p.obj && r.act == p.act"),
      /:11:5: this must ask about the subject in one of these ways: r\.sub == p\.sub or g\(r\.sub, p\.sub\)$/,
    ],
    [
      "no regard to the topic",
      modelWith("r.sub == p.sub && r.act == p.act"),
      /:11:5: this must ask about the topic in one of these ways: /,
    ],
    [
      "no regard to the action",
      modelWith("r.sub == p.sub && r.obj == p.obj"),
      /:11:5: this must ask about the action in one of these ways: /,
    ],
    ["anybody's way past it", modelWith(`${classic} || r.sub == "root"`), /"root" is not allowed in a matcher/],
    ["another way past it", modelWith(`${classic} || r.act == r.act`), /this must ask about the subject/],
    [
      "more than three conditions",
      modelWith(`${classic} && r.sub != r.obj`),
      /:11:5: this asks for more than subject, topic and action; /,
    ],
    ["the other model's tenant", modelWith(`${classic} && r.dom == p.dom`), /unknown name "r\.dom"/],
    ["eval", modelWith("eval(p.sub) && r.obj == p.obj && r.act == p.act"), /unknown function "eval"/],
    [
      "keyMatch",
      modelWith("r.sub == p.sub && keyMatch(r.obj, p.obj) && r.act == p.act"),
      /unknown function "keyMatch"/,
    ],
    ["an unclosed bracket", modelWith(`(${classic}`), /:11:5: this /],
    ["no matcher", modelWith(classic).split("[matchers]")[0]!, /the section \[matchers\] with m = … is missing/],
  ];
  for (const [what, text, finding] of models) {
    test(what, async () => {
      const found = await mistakesIn({ ...simple(classic, "p, root, *, produce\n"), "model.conf": text });
      assert.ok(found.some((line) => finding.test(line)), found.join("\n")); // prettier-ignore
      assert.ok(found.every((line) => line.startsWith("model.conf")), found.join("\n")); // prettier-ignore
    });
  }
});

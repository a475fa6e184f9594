import { describe, expect, test } from "vitest";
import { type AccessChange, diffPolicies, diffAsMarkdown, diffAsText } from "../../src/review/index.js";
import { exampleModel, modelWith, policyOf, type Texts } from "./policies.js";

/** `+ acme/a: produce on acme/orders <- rule added new/policy.csv:1` */
function inWords({ change, principals, actions, tenants, topics, inOwnTenant, causes }: AccessChange): string {
  const ranges = topics.map(({ pattern, except }) => [pattern, ...except.map((each) => `-${each}`)].join(" "));
  const where = `${tenants.join("+")}${inOwnTenant ? " (own)" : ""}`;
  const why = causes.map(({ kind, place, text }) => `${kind} ${place ?? text ?? ""}`.trim());
  return `${change === "gain" ? "+" : "-"} ${principals.join("+")}: ${actions.join("+")} on ${where}/${ranges.join(" | ")} <- ${why.join(", ")}`;
}

async function changesBetween(older: Texts, newer: Texts): Promise<string[]> {
  const diff = await diffPolicies(await policyOf("old", older), await policyOf("new", newer));
  expect(diff.incomplete).toBeUndefined();
  expect(diff.widens).toBe(diff.changes.some(({ change }) => change === "gain"));
  return diff.changes.map(inWords);
}

const lines = (...text: readonly string[]): string => text.join("\n");
const producer = "p, role:producer, acme, orders.*, produce, allow";
const isProducer = "g, acme/a, role:producer, acme";
const everything = "p, role:root, *, *, consume, allow";

/** What changes from the first policy.csv to the second. */
const cases: readonly (readonly [what: string, older: string, newer: string, expected: readonly string[]])[] = [
  [
    "an added rule",
    "",
    "p, acme/a, acme, orders, produce, allow",
    ["+ acme/a: produce on acme/orders <- rule added new/policy.csv:1"],
  ],
  [
    "a removed deny",
    lines(producer, isProducer, "p, role:producer, acme, orders.cards, *, deny"),
    lines(producer, isProducer),
    ["+ acme/a: produce on acme/orders.cards <- rule removed old/policy.csv:3"],
  ],
  [
    "an added deny",
    lines(producer, isProducer),
    lines(producer, isProducer, "p, acme/a, *, *, *, deny"),
    ["- acme/a: produce on acme/orders.* <- rule added new/policy.csv:3"],
  ],
  [
    "an exception that stays",
    lines("p, role:producer, acme, orders.cards, *, deny", isProducer),
    lines("p, role:producer, acme, orders.cards, *, deny", isProducer, producer),
    ["+ acme/a: produce on acme/orders.* -orders.cards <- rule added new/policy.csv:3"],
  ],
  [
    "a role that is given",
    lines(producer, isProducer),
    lines(producer, isProducer, "g, acme/b, role:producer, acme"),
    ["+ acme/b: produce on acme/orders.* <- role given new/policy.csv:3, rule new/policy.csv:1"],
  ],
  [
    "a role that gets a role, for all who have it",
    lines(
      producer,
      isProducer,
      "g, acme/b, role:clerk, acme",
      "g, acme/c, role:clerk, acme",
      "p, role:clerk, acme, x, consume, allow",
    ),
    lines(
      producer,
      isProducer,
      "g, acme/b, role:clerk, acme",
      "g, acme/c, role:clerk, acme",
      "p, role:clerk, acme, x, consume, allow",
      "g, role:clerk, role:producer, acme",
    ),
    ["+ acme/b+acme/c: produce on acme/orders.* <- role given new/policy.csv:6, rule new/policy.csv:1"],
  ],
  [
    "a role withdrawn that a deny was tied to",
    lines(
      "p, acme/a, acme, orders, consume, allow",
      "p, role:blocked, acme, *, *, deny",
      "g, acme/a, role:blocked, acme",
    ),
    lines(
      "p, acme/a, acme, orders, consume, allow",
      "p, role:blocked, acme, *, *, deny",
      "g, acme/b, role:blocked, acme",
    ),
    ["+ acme/a: consume on acme/orders <- role withdrawn old/policy.csv:3, rule old/policy.csv:2"],
  ],
  [
    "a rule for every tenant, for each administrator at home",
    lines(everything, "g, acme/root, role:root, acme", "g, globex/root, role:root, globex"),
    lines(
      everything,
      "g, acme/root, role:root, acme",
      "g, globex/root, role:root, globex",
      "p, role:root, *, *, delete, allow",
    ),
    ["+ acme/root+globex/root: delete on acme+globex (own)/* <- rule added new/policy.csv:4"],
  ],
  [
    "another pattern for the same topics and more",
    "p, acme/a, acme, orders.eu, produce, allow",
    "p, acme/a, acme, orders.*, produce, allow",
    ["+ acme/a: produce on acme/orders.* -orders.eu <- rule added new/policy.csv:1"],
  ],
  [
    "a role in the wrong tenant",
    lines(producer, isProducer),
    lines(producer, "g, acme/a, role:producer, globex", "g, globex/b, role:producer, acme"),
    [
      "+ globex/b: produce on acme/orders.* <- role given new/policy.csv:3, rule new/policy.csv:1",
      "- acme/a: produce on acme/orders.* <- role withdrawn old/policy.csv:2, rule old/policy.csv:1",
    ],
  ],
  [
    "a right in _system",
    "",
    "p, acme/a, _system, policy, admin, allow",
    ["+ acme/a: admin on _system/policy <- rule added new/policy.csv:1"],
  ],
  ["the same lines in another order", lines(producer, isProducer), lines("# A comment.", isProducer, producer), []],
  [
    "a rule that another one has in it",
    lines(producer, isProducer),
    lines(producer, isProducer, "p, acme/a, acme, orders.eu, produce, allow"),
    [],
  ],
  ["a rule for a role that nobody has", producer, lines(producer, "p, role:idle, acme, *, *, allow"), []],
];

describe("from one policy.csv to another, the change is", () => {
  test.each(cases)("%s", async (_, older, newer, expected) => {
    expect(await changesBetween({ "policy.csv": older }, { "policy.csv": newer })).toEqual(expected);
  });
});

test("a tenant that is declared anew opens what rules for every tenant open", async () => {
  const policy = lines(everything, "g, acme/root, role:root, *");
  const declared = { "policy.csv": policy, tenants: ["acme", "globex", "initech"] };
  expect(await changesBetween({ "policy.csv": policy }, declared)).toEqual([
    "+ acme/root: consume on initech/* <- rule new/policy.csv:1, tenant declared initech",
  ]);
  expect(await changesBetween(declared, { "policy.csv": policy })).toEqual([
    "- acme/root: consume on initech/* <- rule old/policy.csv:1, tenant no longer declared initech",
  ]);
});

test("a matcher that lets a rule speak for others is told as theirs", async () => {
  const matcher = exampleModel
    .split("m = ")[1]!
    .trim()
    .replace("g(r.sub, p.sub, r.dom)", "(g(r.sub, p.sub, r.dom) || topicMatch(r.sub, p.obj))");
  const texts = { "policy.csv": "p, acme/a, acme, acme*, produce, allow" };
  expect(await changesBetween(texts, { ...texts, "model.conf": modelWith(matcher) })).toEqual([
    "+ acme/*: produce on acme/acme* <- rule new/policy.csv:1, matcher changed",
  ]);
});

test("what changes beside access is told under its own heading, and what makes no difference too", async () => {
  const policy = lines(producer, isProducer);
  const older = await policyOf("old", {
    "policy.csv": policy,
    "matrix.csv": "acme/a, acme, orders.eu, produce, allow",
    "tenants.yaml": "tenants:\n  acme: {}\n  gone: {}\n",
  });
  const newer = await policyOf("new", {
    "policy.csv": lines(policy, "p, acme/a, acme, orders.eu, produce, allow"),
    "matrix.csv": "acme/a, acme, orders.eu, consume, deny",
    "tenants.yaml": "tenants:\n  acme: { limits: { topics: 5 } }\n  come: {}\n",
    "model.conf": `# A comment.\n${(await policyOf("", {})).model.text}`,
  });
  const diff = await diffPolicies(older, newer);
  expect(diff).toMatchObject({
    widens: false,
    changes: [],
    tenants: { declared: ["come"], undeclared: ["gone"] },
    limits: [{ tenant: "acme", limit: "topics", old: 1000, new: 5 }],
    matrix: [{ place: "old/matrix.csv:1" }, { place: "new/matrix.csv:1" }],
    withoutEffect: [{ side: "new", place: "new/policy.csv:3", text: "p, acme/a, acme, orders.eu, produce, allow" }],
    textOnly: ["model.conf"],
  });
  expect(diffAsText(diff)).toBe(
    lines(
      "Tenants",
      "  + come is declared",
      "  - gone is no longer declared",
      "",
      "Limits",
      "  acme: topics 1000 → 5",
      "",
      "Matrix",
      "  - old/matrix.csv:1: acme/a, acme, orders.eu, produce, allow",
      "  + new/matrix.csv:1: acme/a, acme, orders.eu, consume, deny",
      "",
      "Without effect",
      "  + new/policy.csv:3: p, acme/a, acme, orders.eu, produce, allow",
      "  model.conf: other comments, order or spaces",
      "",
      `version ${diff.oldVersion} → ${diff.newVersion}: no change in effect: nobody gains or loses access`,
      "",
    ),
  );
});

test("a reader is told who, what, where, and by which line", async () => {
  const crowd = ["a", "b", "c", "d", "e", "f"].map((name) => `g, acme/${name}, role:producer, acme`);
  const rule = "p, role:producer, acme, orders.*, *, allow";
  const deny = "p, role:producer, acme, orders.cards, *, deny";
  const older = await policyOf("old", { "policy.csv": lines(...crowd, deny, "p, acme/z, acme, x, consume, allow") });
  const newer = await policyOf("new", { "policy.csv": lines(...crowd, deny, rule) });
  const diff = await diffPolicies(older, newer);
  const gain =
    "acme/a, acme/b, acme/c, acme/d and 2 others: produce, consume, describe, create, delete, admin on acme/orders.* (except orders.cards)";
  expect(diffAsText(diff)).toBe(
    lines(
      "Who gains access",
      `  + ${gain}`,
      `        rule added: new/policy.csv:8: ${rule}`,
      "",
      "Who loses access",
      "  - acme/z: consume on acme/x",
      "        rule removed: old/policy.csv:8: p, acme/z, acme, x, consume, allow",
      "",
      `version ${diff.oldVersion} → ${diff.newVersion}: access widens: 6 principals gain, 1 loses`,
      "",
    ),
  );
  expect(diffAsMarkdown(diff)).toContain(lines("### Who gains access", "", "```diff", `+ ${gain}`));
  expect(JSON.parse(JSON.stringify(diff))).toEqual(diff);
});

test("topics that are known are named beside a pattern", async () => {
  const policy = lines(
    isProducer,
    "p, acme/z, acme, orders.eu, consume, allow",
    "p, role:producer, acme, orders.cards, *, deny",
  );
  const older = await policyOf("old", { "policy.csv": policy, "matrix.csv": "acme/a, acme, orders.us, delete, deny" });
  const newer = await policyOf("new", { "policy.csv": lines(policy, producer) });
  const topics = [
    { tenant: "acme", topic: "orders.asia" },
    { tenant: "globex", topic: "orders.mars" },
  ];
  const diff = await diffPolicies(older, newer, { topics });
  expect(diff.changes[0]?.known.map(({ topic }) => topic)).toEqual(["orders.eu", "orders.us", "orders.asia"]);
  expect(diffAsText(diff)).toContain("\n        known topics: acme/orders.eu, acme/orders.us, acme/orders.asia\n");
});

const oneTenant = (settings: string) => policyOf("", { "tenants.yaml": `tenants:\n  acme: ${settings}\n` });
test.each([
  ["{}", "{ suspended: true }", "acme: suspended false → true", "narrows: acme is suspended"],
  ["{ suspended: true }", "{}", "acme: suspended true → false", "widens: acme is no longer suspended"],
  ["{}", "{ ca: a.crt }", "acme: ca any → a.crt", "narrows: acme is bound to fewer authorities"],
  ["{ ca: a.crt }", "{}", "acme: ca a.crt → any", "widens: acme is bound to no authority any more"],
  [
    "{ ca: [b.crt, a.crt] }",
    "{ ca: b.crt }",
    "acme: ca a.crt, b.crt → b.crt",
    "narrows: acme is bound to fewer authorities",
  ],
  [
    "{ ca: a.crt }",
    "{ ca: [b.crt, a.crt] }",
    "acme: ca a.crt → a.crt, b.crt",
    "widens: acme is bound to other authorities",
  ],
  ["{ ca: a.crt }", "{ ca: b.crt }", "acme: ca a.crt → b.crt", "widens: acme is bound to other authorities"],
])("from %s to %s is told as a change of who is let in: %s", async (before, after, words, verdict) => {
  const diff = await diffPolicies(await oneTenant(before), await oneTenant(after));
  expect(diff).toMatchObject({ widens: verdict.startsWith("widens"), textOnly: [], changes: [] });
  expect(diffAsText(diff)).toMatch(`Tenants\n  ${words}\n`);
  expect(diffAsText(diff)).toContain(`: access ${verdict}\n`);
});

test("a suspension takes from every principal of its tenant, beside what the rules take and give", async () => {
  const allowed = lines("p, acme/a, acme, orders, produce, allow", "p, globex/b, acme, orders, consume, allow");
  const older = await policyOf("old", { "policy.csv": allowed });
  const suspended = "tenants:\n  acme: { suspended: true }\n  globex: {}\n";
  const newer = await policyOf("new", { "policy.csv": "", "tenants.yaml": suspended });
  const [narrower, wider] = [
    diffAsText(await diffPolicies(older, newer)),
    diffAsText(await diffPolicies(newer, older)),
  ];
  expect(narrower).toContain("Who loses access\n  - every principal of acme: all that rules allow it\n  - ");
  expect(narrower).toContain(": access narrows: acme is suspended; 2 principals lose access, nobody gains\n");
  expect(wider).toContain("Who gains access\n  + every principal of acme: all that rules allow it\n  + ");
  expect(wider).toContain(": access widens: acme is no longer suspended; 2 principals gain, nobody loses\n");
});

test("a tenant that is declared anew takes nothing from anybody, however it is declared", async () => {
  const older = await policyOf("old", {});
  const newer = await policyOf("new", {
    "tenants.yaml": "tenants:\n  acme: {}\n  globex: {}\n  initech: { suspended: true, ca: a.crt }\n",
  });
  const diff = await diffPolicies(older, newer);
  expect(diff.widens).toBe(false);
  expect(diffAsText(diff)).toContain(": no change in effect: nobody gains or loses access\n");
});

test("the order of a tenant's authorities is no change", async () => {
  const diff = await diffPolicies(await oneTenant("{ ca: [a.crt, b.crt] }"), await oneTenant("{ ca: [b.crt, a.crt] }"));
  expect(diff).toMatchObject({ standings: [], textOnly: ["tenants.yaml"] });
});

test("asked about one tenant, it says nothing of another", async () => {
  const older = await policyOf("old", { "policy.csv": everything, "matrix.csv": "acme/a, globex, x, consume, deny" });
  const secrets = ["g, globex/secret, role:root, globex", "p, globex/secret, globex, hidden, produce, allow"];
  const newer = await policyOf("new", {
    "policy.csv": lines(
      everything,
      ...secrets,
      "p, acme/a, acme, orders, produce, allow",
      "p, role:idle, globex, y, produce, allow",
    ),
    "tenants.yaml": "tenants:\n  acme: {}\n  globex: { limits: { topics: 7 } }\n  other: {}\n",
  });
  const diff = await diffPolicies(older, newer, { tenant: "acme" });
  expect(diff.changes.map(inWords)).toEqual(["+ acme/a: produce on acme/orders <- rule added new/policy.csv:4"]);
  expect(JSON.stringify(diff)).not.toMatch(/globex|secret|hidden|other/);
});

test.each([{ maxDecisions: 3 }, { maxPairs: 1 }])("a look that is cut short counts as widening: %o", async (bounds) => {
  const allowed = lines("p, acme/a, acme, orders, produce, allow", "p, acme/b, acme, orders, produce, allow");
  const diff = await diffPolicies(await policyOf("old", { "policy.csv": allowed }), await policyOf("new", {}), bounds);
  expect(diff).toMatchObject({ widens: true, withoutEffect: [], counts: { gaining: 0, losing: 1 } });
  expect(diffAsText(diff)).toMatch(/not complete, so take it that access widens: .* more than \d/);
});

test("it stops when it is told to", async () => {
  const newer = await policyOf("new", { "policy.csv": "p, acme/a, acme, orders, produce, allow" });
  const signal = AbortSignal.abort(new Error("enough"));
  await expect(diffPolicies(await policyOf("old", {}), newer, { signal })).rejects.toThrow("enough");
});

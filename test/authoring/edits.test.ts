import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "vitest";
import { type EditPlan, planGrant, planRevoke } from "../../src/authoring/index.js";
import { loadPolicy, PolicyFiles as Files } from "../../src/authz/index.js";
import { PolicyFolder, type PolicyFiles } from "../authz/policy-folder.js";

const policy = `# Orders.
p, role:producer, acme, orders.*, produce, allow
# Card numbers are not for producers.
p, role:producer, acme, orders.cards, *, deny
g, acme/billing, role:producer, acme
g, acme/shop, role:clerk, acme
g, role:clerk, role:producer, acme

# Globex.
p, globex/audit, acme, orders.eu, consume, allow
p, globex/root, globex, *, *, allow
`;

/** `grant acme/x produce acme/orders`, without a shell. */
async function plan(command: string, files: PolicyFiles = {}): Promise<{ plan: EditPlan; change: string }> {
  await using folder = await PolicyFolder.create({ "policy.csv": policy, "matrix.csv": "", ...files });
  const [verb, subject, what, where, deny] = command.split(" ");
  const wanted = { subject: subject!, what: what!.split(","), where: where === "-" ? undefined : where };
  const before = await readFile(join(folder.path, "policy.csv"), "utf8");
  const planned =
    verb === "grant"
      ? await planGrant(folder.path, wanted)
      : await planRevoke(folder.path, wanted, { deny: deny === "--deny" });
  const bare = JSON.parse(JSON.stringify(planned).replaceAll(`${folder.path}/`, "")) as EditPlan;
  if (planned.change !== undefined) {
    // What is planned is a policy that can be used, and nothing was written yet.
    const bytes = { ...(await Files.read(folder.path)).bytes, "policy.csv": Buffer.from(planned.change.after) };
    assert.notEqual((await loadPolicy(await Files.of(folder.path, bytes))).policy, undefined);
  }
  assert.equal(await readFile(join(folder.path, "policy.csv"), "utf8"), before);
  const changed = bare.diff.split("\n").filter((line) => /^[-+@]/.test(line) && !/^(---|\+\+\+)/.test(line));
  return { plan: bare, change: changed.join("\n") };
}

const changes: [command: string, change: string, ...says: string[]][] = [
  [
    "grant globex/audit describe acme/orders.eu",
    "@@ -8,4 +8,5 @@\n+p, globex/audit, acme, orders.eu, describe, allow",
    "globex/audit could then describe acme/orders.eu",
  ],
  [
    "grant role:producer create acme/orders.*",
    "@@ -1,5 +1,6 @@\n+p, role:producer, acme, orders.*, create, allow",
    "role:producer could then create acme/orders.*: which acme/billing, acme/shop have",
    "except for what policy.csv:5: p, role:producer, acme, orders.cards, *, deny denies",
  ],
  [
    "grant role:clerk produce,consume acme/till",
    "@@ -5,6 +5,8 @@\n+p, role:clerk, acme, till, produce, allow\n+p, role:clerk, acme, till, consume, allow",
    "role:clerk could then produce to acme/till: which acme/shop has",
    "role:clerk could then consume from acme/till: which acme/shop has",
  ],
  [
    "grant role:idle produce acme/fresh",
    "@@ -5,6 +5,7 @@\n+p, role:idle, acme, fresh, produce, allow",
    "role:idle could then produce to acme/fresh, but nobody has that role in acme yet",
  ],
  [
    "grant acme/new produce acme/fresh",
    "@@ -5,6 +5,7 @@\n+p, acme/new, acme, fresh, produce, allow",
    "acme/new could then produce to acme/fresh",
  ],
  [
    "grant globex/x produce globex/y",
    "@@ -9,3 +9,4 @@\n+p, globex/x, globex, y, produce, allow",
    "globex/x could then produce to globex/y",
  ],
  [
    "grant acme/new role:producer acme",
    "@@ -5,6 +5,7 @@\n+g, acme/new, role:producer, acme",
    "acme/new would then have role:producer in acme, and with it what these lines say:",
    "  policy.csv:2: p, role:producer, acme, orders.*, produce, allow",
    "  policy.csv:4: p, role:producer, acme, orders.cards, *, deny",
  ],
  [
    "revoke globex/audit consume acme/orders.eu",
    "@@ -7,5 +7,4 @@\n-p, globex/audit, acme, orders.eu, consume, allow",
    "globex/audit could no longer consume from acme/orders.eu",
  ],
  [
    "revoke acme/billing produce acme/orders.eu --deny",
    "@@ -5,6 +5,7 @@\n+p, acme/billing, acme, orders.eu, produce, deny",
    "acme/billing could no longer produce to acme/orders.eu",
  ],
  [
    "revoke acme/new consume,produce acme/orders.cards --deny",
    "@@ -5,6 +5,8 @@\n+p, acme/new, acme, orders.cards, consume, deny\n+p, acme/new, acme, orders.cards, produce, deny",
    "acme/new could not consume from acme/orders.cards, whatever else is granted",
    "acme/new could not produce to acme/orders.cards, whatever else is granted",
  ],
  [
    "revoke globex/root * globex/* --deny",
    "@@ -8,4 +8,4 @@\n-p, globex/root, globex, *, *, allow\n+p, globex/root, globex, *, *, deny",
    "globex/root could no longer do anything with globex/*",
  ],
  [
    "revoke acme/shop role:clerk acme",
    "@@ -3,7 +3,6 @@\n-g, acme/shop, role:clerk, acme",
    "acme/shop would no longer have role:clerk in acme",
  ],
];
describe("a line is put beside those that it belongs to, or taken out:", () => {
  for (const [command, change, ...says] of changes) {
    test(command, async () => {
      const planned = await plan(command);
      assert.deepEqual([planned.plan.outcome, planned.change, planned.plan.says], ["change", change, says]);
    });
  }
});

const idle: [command: string, outcome: "nothing" | "refused", ...says: string[]][] = [
  [
    "grant acme/billing produce acme/orders.eu",
    "nothing",
    "acme/billing may produce to acme/orders.eu already: policy.csv:2: p, role:producer, acme, orders.*, produce, allow",
  ],
  [
    "grant acme/shop produce acme/orders.*",
    "nothing",
    "acme/shop may produce to acme/orders.* already: policy.csv:2: p, role:producer, acme, orders.*, produce, allow",
    "except for what policy.csv:4: p, role:producer, acme, orders.cards, *, deny denies",
  ],
  ["grant acme/shop role:producer acme", "nothing", "acme/shop has role:producer in acme already"],
  [
    "grant acme/billing consume acme/orders.cards",
    "refused",
    "acme/billing could not consume from acme/orders.cards after that either: deny wins, and policy.csv:4: p, role:producer, acme, orders.cards, *, deny",
  ],
  [
    "revoke acme/billing consume acme/orders.eu",
    "nothing",
    "acme/billing may not consume from acme/orders.eu as it is",
  ],
  [
    "revoke acme/billing produce acme/orders.cards",
    "nothing",
    "acme/billing may not produce to acme/orders.cards as it is",
  ],
  [
    "revoke acme/shop produce acme/orders.eu",
    "refused",
    "acme/shop may still produce to acme/orders.eu, as role:producer, through policy.csv:2: p, role:producer, acme, orders.*, produce, allow",
    "Take those lines out, or the role away, if nobody else needs them; --deny puts in a line that denies it, and deny wins.",
  ],
  [
    "revoke globex/audit * acme/*",
    "refused",
    "globex/audit may still consume from acme/orders.eu through policy.csv:10: p, globex/audit, acme, orders.eu, consume, allow",
    "Take those lines out, or the role away, if nobody else needs them; --deny puts in a line that denies it, and deny wins.",
  ],
  [
    "revoke acme/shop role:producer acme",
    "refused",
    "acme/shop would still have role:producer in acme through policy.csv:7: g, role:clerk, role:producer, acme",
    "Take that line out if nobody else needs it.",
  ],
  ["revoke acme/new * acme/*", "nothing", "acme/new may do nothing with acme/* as it is"],
  [
    "revoke acme/billing produce acme/orders.cards --deny",
    "nothing",
    "acme/billing may not produce to acme/orders.cards as it is",
  ],
  [
    "revoke acme/billing * acme/*",
    "refused",
    "acme/billing may still produce to acme/orders.*, as role:producer, through policy.csv:2: p, role:producer, acme, orders.*, produce, allow",
    "Take those lines out, or the role away, if nobody else needs them; --deny puts in a line that denies it, and deny wins.",
  ],
  ["revoke acme/new role:producer acme", "nothing", "acme/new does not have role:producer in acme"],
];
describe("nothing is changed, and why is said:", () => {
  for (const [command, outcome, ...says] of idle) {
    test(command, async () => {
      const planned = await plan(command);
      assert.deepEqual([planned.plan.outcome, planned.plan.diff, planned.plan.says], [outcome, "", says]);
    });
  }
});

const wrong: [command: string, problem: RegExp][] = [
  ["grant acme/x prodcue acme/orders", /unknown action "prodcue"; did you mean "produce"\?/],
  ["grant acme/x produce acne/orders", /tenant "acne" is not declared in tenants\.yaml; did you mean "acme"\?/],
  ["grant Acme/X produce acme/orders", /is no principal and no role.*names are lower-case/],
  ["grant acme/x produce acme/or*rs", /"or\*rs" is not a topic pattern/],
  ["grant acme/x produce orders", /expected TENANT\/TOPIC, as in acme\/orders/],
  ["grant acme/x producer acme", /"producer": is no action; did you mean role:producer\?/],
  ["grant acme/x role:y -", /expected a tenant/],
  ["grant acme/x role:y,role:z acme", /a role is given or taken alone/],
  ["grant acme/x,acme/y produce acme/orders", /no name has a comma/],
  ["revoke acme/x produce acme/orders\np", /no name has a comma, a #, a space or a line end in it/],
];
describe("what no line can say is refused before anything is looked for:", () => {
  for (const [command, problem] of wrong) test(JSON.stringify(command), () => assert.rejects(plan(command), problem)); // prettier-ignore
});

const refused: [what: string, command: string, files: PolicyFiles, problem: RegExp][] = [
  [
    "the files have mistakes",
    "grant acme/x produce acme/y",
    { "policy.csv": "x\n" },
    /has mistakes: nothing was changed\n.*unknown rule type "x"/,
  ],
  [
    "its matrix would not hold",
    "grant acme/x produce acme/y",
    { "matrix.csv": "acme/x, acme, *, *, deny\n" },
    /could not be used with this change: nothing was changed. If that is what is wanted, change .*matrix\.csv:1 first:\n.*acme\/x produce acme\/y: expected deny, got allow by the new line: p, acme\/x, acme, y, produce, allow$/,
  ],
  [
    "its matrix would not hold without it",
    "revoke globex/root * globex/*",
    { "matrix.csv": "globex/root, globex, x, admin, allow\n" },
    /expected allow, got deny: no rule allows it/,
  ],
  [
    "its matrix would not hold by a line that there is",
    "grant acme/x role:producer acme",
    { "matrix.csv": "acme/x, acme, orders.eu, produce, deny\nacme/x, acme, orders.cards, *, deny\n" },
    /expected deny, got allow by [^\n]*\/policy\.csv:2$/,
  ],
  [
    "its matrix would not hold by a line behind the new one",
    "revoke acme/shop produce acme/* --deny",
    { "matrix.csv": "globex/audit, acme, orders.eu, consume, deny\n" },
    /expected deny, got allow by [^\n]*\/policy\.csv:10$/,
  ],
  [
    "a role would be given to itself",
    "grant role:clerk role:clerk acme",
    {},
    /role:clerk: a role is not given to itself/,
  ],
  ["roles would go in a circle", "grant role:producer role:clerk acme", {}, /these roles go in a circle/],
];
describe("what check refuses is not written: when", () => {
  for (const [what, command, files, problem] of refused) test(what, () => assert.rejects(plan(command, files), problem)); // prettier-ignore
});

test("a matrix that states first what is to become so is no obstacle, but its reason", async () => {
  const { plan: planned } = await plan("grant acme/x produce acme/y", {
    "matrix.csv": "acme/x, acme, y, produce, allow\n",
  });
  assert.equal(planned.outcome, "change");
});

test("what the policy would be warned of afterwards, and is not now, is said", async () => {
  const { plan: planned } = await plan("grant role:ghost produce acme/y");
  assert.deepEqual(planned.warnings.map(({ problem }) => problem), ["nobody has role:ghost in acme"]); // prettier-ignore
  const { plan: narrower } = await plan("grant globex/audit * acme/*");
  assert.match(
    narrower.warnings.map(({ problem }) => problem).join(),
    /^this rule decides nothing: line 11 allows all of it already/,
  );
});

const styles: [what: string, before: string, after: string][] = [
  [
    "a file in its usual form stays in it",
    "p, acme/a,   acme, x,  produce, allow\np, acme/bbb, acme, yy, consume, allow\n",
    "p, acme/a,   acme, x,      produce,  allow\np, acme/a,   acme, orders, describe, allow\np, acme/bbb, acme, yy,     consume,  allow\n",
  ],
  [
    "a file without columns gets none",
    "p, acme/a, acme, x, produce, allow\np, acme/bbb, acme, yy, consume, allow\n",
    "p, acme/a, acme, x, produce, allow\np, acme/a, acme, orders, describe, allow\np, acme/bbb, acme, yy, consume, allow\n",
  ],
  [
    "one without spaces neither",
    "p,acme/a,acme,x,produce,allow\n",
    "p,acme/a,acme,x,produce,allow\np,acme/a,acme,orders,describe,allow\n",
  ],
  [
    "columns of a neighbour are kept where the file has others elsewhere",
    "  p, acme/a,    acme,  x,        produce,  allow\n\ng,acme/b,role:x,acme\n",
    "  p, acme/a,    acme,  x,        produce,  allow\n  p, acme/a,    acme,  orders,   describe, allow\n\ng,acme/b,role:x,acme\n",
  ],
  [
    "a last line without its end gets it",
    "p, acme/a, acme, x, produce, allow",
    "p, acme/a, acme, x, produce, allow\np, acme/a, acme, orders, describe, allow\n",
  ],
  ["an empty file gets its first line", "", "p, acme/a, acme, orders, describe, allow\n"],
];
describe("the line looks as its neighbours do:", () => {
  for (const [what, before, after] of styles) {
    test(what, async () => {
      const { plan: planned } = await plan("grant acme/a describe acme/orders", { "policy.csv": before });
      assert.equal(planned.change!.after, after);
    });
  }
});

const suspended = "tenants:\n  acme:\n    suspended: true\n  globex: {}\n";
const ofSuspended: [command: string, last: RegExp][] = [
  ["grant acme/new produce acme/fresh", /^acme is suspended: none of .* rights have no effect until that is over$/],
  ["grant acme/new role:producer acme", /^acme is suspended/],
  ["grant acme/billing produce acme/orders.eu", /^acme is suspended/],
  ["grant role:clerk produce acme/till", /^acme is suspended/],
  ["revoke acme/new consume acme/orders.eu", /^acme is suspended/],
  ["revoke acme/shop role:clerk acme", /^acme is suspended/],
  // A suspended tenant's topics stay, and others reach them.
  ["grant globex/audit describe acme/orders.eu", /^globex\/audit could then/],
  ["grant role:idle produce acme/fresh", /^role:idle could then/],
];
describe("what a suspended tenant's principals have for nothing is said:", () => {
  for (const [command, last] of ofSuspended) {
    test(command, async () => {
      const planned = await plan(command, { "tenants.yaml": suspended });
      assert.match(planned.plan.says.at(-1)!, last);
    });
  }
});

describe("under the simple model", () => {
  const files: PolicyFiles = {
    "model.conf":
      "[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub, obj, act\n[role_definition]\ng = _, _\n" +
      "[policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\nm = g(r.sub, p.sub) && topicMatch(r.obj, p.obj) && r.act == p.act\n",
    "policy.csv": "p, root, *, produce\np, root, *, consume\ng, alice, root\n",
    "matrix.csv": undefined,
  };
  const cases: [command: string, outcome: string, change: string, says: RegExp][] = [
    ["grant bob consume orders", "change", "+p, bob, orders, consume", /^bob could then consume from orders at home$/],
    [
      "grant alice produce orders",
      "nothing",
      "",
      /^alice may produce to orders at home already: policy\.csv:1: p, root, \*, produce$/,
    ],
    ["grant bob role:root -", "change", "+g, bob, root", /^bob would then have root, and with it/],
    [
      "revoke alice produce * --deny",
      "refused",
      "",
      /^alice may still produce to \* at home, as root, through policy\.csv:1: .*the simple model cannot deny\.$/s,
    ],
    ["revoke alice role:root -", "change", "-g, alice, root", /^alice would no longer have root$/],
  ];
  for (const [command, outcome, change, says] of cases) {
    test(command, async () => {
      const planned = await plan(command, files);
      assert.equal(planned.plan.outcome, outcome);
      assert.equal(planned.change.replace(/^@@.*\n/, ""), change);
      assert.match(planned.plan.says.join("\n"), says);
    });
  }
  test("a tenant is no part of what is asked for", () => assert.rejects(plan("grant bob consume acme/orders", files), /TOPIC alone/)); // prettier-ignore
});

test("a role that is taken away with what it denied is told of with these lines", async () => {
  const files = {
    "policy.csv": `${policy}p, acme/billing, acme, orders.cards, consume, allow\np, role:producer, acme, x, create, deny\n`,
  };
  const { says } = (await plan("revoke acme/billing role:producer acme", files)).plan;
  assert.deepEqual(says, [
    "acme/billing would no longer have role:producer in acme; what these lines denied for that could be open then:",
    "  policy.csv:4: p, role:producer, acme, orders.cards, *, deny",
  ]);
});

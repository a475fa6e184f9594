import { expect, test } from "vitest";
import { Places, told } from "./places.js";

const tenants = "tenants:\n  acme: {}\n  globex: {}\n";
const principals = ["acme/billing", "acme/reports", "globex/auditor"];

test("a row that is wrong is reported at its line, whichever way it is wrong", async () => {
  await using places = await Places.make(principals);
  await places.policy("rules", {
    "tenants.yaml": tenants,
    "policy.csv": "p, acme/billing, acme, orders, produce, allow\np, globex/auditor, acme, orders, consume, allow\n",
    "matrix.csv": [
      "acme/billing, acme, orders, produce, allow",
      "acme/billing, acme, orders, produce, deny",
      "acme/billing, acme, orders, create, allow",
      "globex/auditor, acme, orders, consume, deny",
      "acme/reports, acme, orders, consume, allow",
      "acme/reports, acme, orders, describe, allow",
      "acme/reports, acme, *, delete, deny",
    ].join("\n"),
  });
  const report = await places.run("rules");
  expect(report.ok).toBe(false);
  expect(told(places, report)).toEqual([
    "rules/matrix.csv:2: acme/billing produce acme/orders: expected deny, got allow",
    "rules/matrix.csv:3: acme/billing create acme/orders: expected allow, got deny",
    "rules/matrix.csv:4: globex/auditor consume acme/orders: expected deny, got allow",
    "rules/matrix.csv:5: acme/reports consume acme/orders: expected allow, got deny",
    "rules/matrix.csv:6: acme/reports describe acme/orders: expected allow, got deny",
  ]);
  expect(report.differences[0]!.problem).toContain(
    `the policy says allow (${places.path}/rules/policy.csv:1: p, acme/billing, acme, orders, produce, allow)`,
  );
  expect(report.differences[1]!.problem).toContain("the policy says deny (no rule allows it)");
});

const everyAction = ["produce", "consume", "describe", "create", "delete", "admin"];
const strict = {
  "tenants.yaml": tenants,
  "policy.csv": "p, acme/billing, acme, orders, *, allow\n",
  "matrix.csv": [
    ...everyAction.map((action) => `acme/billing, acme, orders, ${action}, allow`),
    ...everyAction.map((action) => `globex/auditor, acme, orders, ${action}, deny`),
  ].join("\n"),
};

test("a server that allows more than the policy says is found out on the wire, for every action", async () => {
  await using places = await Places.make(principals);
  await places.policy("rules", strict);
  const rules = `${strict["policy.csv"]}p, globex/auditor, acme, *, *, allow\n`;
  const servedPolicyDir = await places.policy("served", {
    ...strict,
    "policy.csv": rules,
    "matrix.csv": "# states nothing\n",
  });
  expect(told(places, await places.run("rules"))).toEqual([]);
  expect(told(places, await places.run("rules", { servedPolicyDir }))).toEqual(
    everyAction.map(
      (action, at) => `rules/matrix.csv:${at + 7}: globex/auditor ${action} acme/orders: expected deny, got allow`,
    ),
  );
});

test("a server that allows less is found out too", async () => {
  await using places = await Places.make(principals);
  await places.policy("rules", strict);
  const served = {
    ...strict,
    "policy.csv": "p, acme/billing, acme, orders, produce, allow\n",
    "matrix.csv": "# states nothing\n",
  };
  const servedPolicyDir = await places.policy("served", served);
  expect(told(places, await places.run("rules", { servedPolicyDir }))).toEqual(
    everyAction
      .slice(1)
      .map((action, at) => `rules/matrix.csv:${at + 2}: acme/billing ${action} acme/orders: expected allow, got deny`),
  );
});

test("a server on which only some methods of an action are open is found out", async () => {
  await using places = await Places.make(principals);
  const texts = {
    "tenants.yaml": tenants,
    "policy.csv": "p, acme/billing, acme, orders, produce, allow\np, acme/billing, acme, orders, create, allow\n",
    "matrix.csv": "acme/billing, acme, orders, create, allow\n",
  };
  await places.policy("rules", texts);
  const served = {
    ...texts,
    "policy.csv": "p, acme/billing, acme, orders, create, allow\n",
    "matrix.csv": "# states nothing\n",
  };
  const servedPolicyDir = await places.policy("served", served);
  expect(told(places, await places.run("rules", { servedPolicyDir }))).toEqual([
    "rules/matrix.csv:1: acme/billing create acme/orders: expected allow, " +
      "got Topics.Create: allow; Produce to a missing topic: deny",
  ]);
});

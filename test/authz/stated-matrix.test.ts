import { expect, test } from "vitest";
import { type StatedCase, readMatrix } from "../../src/authz/index.js";
import { PolicyFolder } from "./policy-folder.js";

function inWords({ principal, action, tenant, topic, rows, decision }: StatedCase): string {
  const stated = rows.map(({ line, expected }) => `${line} ${expected}`).join(", ");
  return `${principal} ${action} ${tenant}/${topic}: ${decision} (${stated})`;
}

test("every case is there once, with all rows that state it, whatever the policy says", async () => {
  const matrix = [
    "acme/billing, acme, orders, produce, deny",
    "acme/billing, *, orders, produce, allow",
    "acme/billing, globex, orders, produce, deny",
  ].join("\n");
  await using folder = await PolicyFolder.create({ "matrix.csv": matrix });
  const stated = await readMatrix(folder.path);
  expect(stated.cases.map(inWords)).toEqual([
    "acme/billing produce acme/orders: allow (1 deny, 2 allow)",
    "acme/billing produce globex/orders: deny (2 allow, 3 deny)",
  ]);
  expect(stated.cases.map(({ why }) => why.replace(`${folder.path}/`, ""))).toEqual([
    "policy.csv:1: p, acme/billing, acme, orders, produce, allow",
    "no rule allows it",
  ]);
  expect(stated).toMatchObject({ source: `${folder.path}/matrix.csv`, tenants: ["acme", "globex"] });
});

test("it can be asked what the matrix does not state", async () => {
  await using folder = await PolicyFolder.create({ "matrix.csv": "" });
  const stated = await readMatrix(folder.path);
  expect(stated.cases).toEqual([]);
  const asked = { principal: "acme/billing", tenant: "acme", topic: "orders" } as const;
  expect(stated.decide({ ...asked, action: "produce" })).toBe("allow");
  expect(stated.decide({ ...asked, action: "consume" })).toBe("deny");
});

test("a mistake in a file is told, at its line", async () => {
  await using folder = await PolicyFolder.create({ "matrix.csv": "acme/billing, acme, orders, prodcue, allow\n" });
  await expect(readMatrix(folder.path)).rejects.toThrow(/matrix\.csv:1:29: unknown action "prodcue"/);
});

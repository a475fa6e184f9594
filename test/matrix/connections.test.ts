import { expect, test } from "vitest";
import { Places, told } from "./places.js";

test("who may ask who is connected is tried on the wire where it is stated", async () => {
  await using places = await Places.make(["ops/root", "acme/root"]);
  await places.policy("rules", {
    "tenants.yaml": "tenants:\n  acme: {}\n  ops: {}\n",
    "policy.csv": "p, ops/root, _system, connections, admin, allow\np, acme/root, acme, *, *, allow\n",
    "matrix.csv": "ops/root, _system, connections, admin, allow\nacme/root, _system, connections, admin, deny\n",
  });
  const report = await places.run("rules");
  expect(told(places, report)).toEqual([]);
  const tried = report.cells.map(({ cell, attempts }) => [cell.principal, attempts]);
  expect(Object.fromEntries(tried)).toEqual({
    "ops/root": [{ method: "Connections.List", got: "allow" }],
    "acme/root": [
      {
        method: "Connections.List",
        got: "deny",
        refusal: { layer: "policy", status: "PERMISSION_DENIED", said: "no rule allows it" },
      },
    ],
  });
});

import { join } from "node:path";
import { expect, test } from "vitest";
import { TestAuthority } from "../support/certificates.js";
import { MintedAuthority, listPem } from "../support/minted.js";
import { Places, told } from "./places.js";

const rules = {
  "policy.csv": "p, acme/x, acme, orders, produce, allow\np, globex/x, globex, orders, produce, allow\n",
  "matrix.csv": "acme/x, acme, orders, produce, allow\nglobex/x, globex, orders, produce, allow\n",
};
const tenantsWith = (globex: string): string => `tenants:\n  acme: {}\n  globex: {${globex}}\n`;

test("the server of the matrix lets in whom tenants.yaml lets in, and no others", async () => {
  await using places = await Places.make(["acme/x", "globex/x"]);
  const own = await TestAuthority.create({ commonName: "Globex" });
  await places.write("pki/globex.pem", own.caPem);
  await places.policy("suspended", { ...rules, "tenants.yaml": tenantsWith(" suspended: true ") });
  await places.policy("bound", { ...rules, "tenants.yaml": tenantsWith(" ca: globex.pem ") });
  const refused = (said: RegExp): object => ({
    findings: [{ source: "globex/x", problem: expect.stringMatching(said) as string }],
  });
  await expect(places.run("suspended")).rejects.toMatchObject(refused(/globex is suspended/));
  await expect(places.run("bound")).rejects.toMatchObject(refused(/^is refused: .*authority/));
  await places.client("globex/x", own.issue({ principal: "globex/x" }));
  const report = await places.run("bound");
  expect(told(places, report)).toEqual([]);
  expect(report.cells.map(({ cell }) => cell.principal)).toEqual(["acme/x", "globex/x"]);
});

test("the server of the matrix reads names and revocation lists as it is told", async () => {
  await using places = await Places.make([]);
  await places.policy("rules", {
    "tenants.yaml": "tenants:\n  acme: {}\n",
    "policy.csv": "p, acme/x, acme, orders, produce, allow\n",
    "matrix.csv": "acme/x, acme, orders, produce, allow\n",
  });
  const company = new MintedAuthority();
  const issued = company.client("Initech Inc./x");
  await places.client("acme/x", issued);
  await places.write("company.pem", company.certPem);
  await places.write(
    "identity.yaml",
    "rules:\n  - tenant: { from: O, map: { Initech Inc.: acme } }\n    name: { from: CN }\n",
  );
  await places.write("lists/company.crl", listPem(company.list({ revoked: [issued.serial] })));
  const [ca, identity, crl] = ["company.pem", "identity.yaml", "lists"].map((name) => join(places.path, name));
  const server = { ...places.options("rules").server, ca: ca!, identity };
  expect(told(places, await places.run("rules", { server }))).toEqual([]);
  await expect(places.run("rules", { server: { ...server, crl } })).rejects.toMatchObject({
    findings: [{ source: "acme/x", problem: expect.stringMatching(/revoked/) as string }],
  });
});

import { expect, test } from "vitest";
import { Places, told } from "./places.js";

/** Two firms that are not in the example, none of which has an administrator. */
const policy = {
  "tenants.yaml": "tenants:\n  hooli: { limits: { topics: 0, connections: 1 } }\n  initech: {}\n  '007': {}\n",
  "policy.csv": [
    "p, role:writer, *, tps.*, produce, allow",
    "p, role:writer, initech, tps.*, create, allow",
    "g, initech/peter, role:writer, initech",
    "g, initech/milton, role:writer, initech",
    "p, initech/milton, initech, *, *, deny",
    "p, hooli/gavin, initech, tps.reports, consume, allow",
    "p, hooli/gavin, hooli, nucleus, produce, allow",
    "p, initech/bill, initech, default, *, allow",
    "p, initech/bill, *, *, describe, allow",
    "p, initech/bill, initech, *, delete, allow",
    "p, initech/bill, initech, *, admin, allow",
    "p, initech/bill, initech, *, create, allow",
    "p, initech/bill, initech, _audit, consume, allow",
  ].join("\n"),
  "matrix.csv": [
    "# Neither here nor there.",
    "initech/peter, initech, tps.reports, produce, allow",
    "initech/peter, initech, tps.reports, create, allow",
    "initech/peter, initech, tps.reports, consume, deny",
    "initech/peter, hooli, *, *, deny",
    "initech/milton, *, *, *, deny",
    "hooli/gavin, initech, tps.reports, consume, allow",
    "hooli/gavin, initech, tps.reports, produce, deny",
    "hooli/gavin, initech, tps.reports, describe, deny",
    "# Who may write, but not to what is not there.",
    "hooli/gavin, hooli, nucleus, produce, allow",
    "hooli/gavin, hooli, nucleus, create, deny",
    "hooli/gavin, 007, *, *, deny",
    "initech/bill, initech, *, describe, allow",
    "initech/bill, initech, *, delete, allow",
    "initech/bill, initech, *, admin, allow",
    "initech/bill, initech, *, create, allow",
    "initech/bill, initech, default, *, allow",
    "initech/bill, hooli, tps.reports, describe, allow",
    "initech/bill, initech, _audit, consume, allow",
    "initech/bill, initech, _audit, produce, deny",
    "initech/bill, _system, *, *, deny",
  ].join("\n"),
};
const principals = ["initech/peter", "initech/milton", "initech/bill", "hooli/gavin"];

test("a foreign policy is tried with foreign certificates, for another server name and without the authority's key", async () => {
  await using places = await Places.make(principals);
  await places.policy("rules", policy);
  const report = await places.run("rules");
  expect(told(places, report)).toEqual([]);
  expect(report.ok).toBe(true);
  expect(report.hasAuthority).toBe(false);
  expect(report.outsiders).toHaveLength(7);
  const { attempts } = report.cells.find(({ cell }) => cell.principal === "hooli/gavin" && cell.action === "create")!;
  expect(attempts).toContainEqual(
    expect.objectContaining({
      method: "Produce to a missing topic",
      got: "deny",
      refusal: { layer: "policy", status: "PERMISSION_DENIED", said: "no rule allows it" },
    }),
  );
  const onPaper = report.cells.filter(({ attempts }) => attempts.length === 0).map(({ cell }) => cell);
  expect(onPaper.map(({ action, tenant, topic }) => `${action} ${tenant}/${topic}`)).toEqual([
    "consume initech/_audit",
  ]);
});

test("whoever has no certificate gets one for the run if the authority's key is there, of whatever kind it is", async () => {
  await using places = await Places.make(["initech/peter"]);
  await places.policy("rules", policy);
  await places.write("pki/root.key", places.authority.caKeyPem);
  const report = await places.run("rules");
  expect(told(places, report)).toEqual([]);
  expect(report.issued).toEqual(["initech/milton", "hooli/gavin", "initech/bill"]);
  expect(report.outsiders.map(({ who }) => who)).toContain("a certificate that has expired");
});

test("without the authority's key, nobody takes those for kept out whom it would have to sign for", async () => {
  await using places = await Places.make(principals);
  await places.policy("rules", policy);
  const { certificates } = places.options("rules");
  const caKey = `${places.path}/pki/root.key`;
  const report = await places.run("rules", { certificates: { ...certificates, caKey } });
  expect(report.ok).toBe(false);
  expect(told(places, report)).toEqual([
    `a certificate that the authority signed, with a fault must not get in: not tried: the authority's key is not in ${caKey}; ` +
      "--no-ca-key leaves out who needs it",
  ]);
});

test("without that key, every file that is missing is named", async () => {
  await using places = await Places.make(["initech/peter", "initech/bill"]);
  await places.policy("rules", policy);
  await places.write("people/initech/milton.crt", "half a pair");
  await expect(places.run("rules")).rejects.toMatchObject({
    findings: [
      { source: `${places.path}/people/initech/milton.key`, problem: "there is no such file" },
      { source: `${places.path}/people/hooli/gavin.crt`, problem: "there is no such file" },
      { source: `${places.path}/people/hooli/gavin.key`, problem: "there is no such file" },
    ],
  });
});

test("a certificate that makes its bearer somebody else, or nobody, is told before anything is tried", async () => {
  await using places = await Places.make(principals);
  await places.policy("rules", policy);
  await places.client("initech/peter", places.authority.issue({ principal: "initech/bill" }));
  const aDayAgo = new Date(Date.now() - 86_400_000);
  const expired = places.authority.issue({ principal: "hooli/gavin", notBefore: aDayAgo, notAfter: new Date() });
  await places.client("hooli/gavin", expired);
  await expect(places.run("rules")).rejects.toMatchObject({
    message: expect.stringContaining("not every principal of the matrix gets in:") as string,
    findings: expect.arrayContaining([
      { source: "initech/peter", problem: "his certificate is that of initech/bill" },
      { source: "hooli/gavin", problem: "is refused: the certificate has expired" },
    ]) as object,
  });
});

test("a matrix that states nothing proves nothing", async () => {
  await using places = await Places.make([]);
  await places.policy("rules", { ...policy, "matrix.csv": "# later\n" });
  await expect(places.run("rules")).rejects.toThrow("states nothing");
});

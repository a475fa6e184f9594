import { expect, test } from "vitest";
import type { MatrixReport } from "../../src/matrix/index.js";
import { TrialAuthority, type TrialContent } from "../../src/pki/index.js";
import { TestAuthority } from "../support/certificates.js";
import { Places, told } from "./places.js";

const policy = {
  "tenants.yaml": "tenants:\n  acme: {}\n",
  "policy.csv": "p, acme/billing, acme, orders, produce, allow\n",
  "matrix.csv": "acme/billing, acme, orders, produce, allow\n",
};
const ofMap = '- { id: subject, tenant: { from: O, map: { "Acme Inc.": acme } }, name: { from: CN } }';
const company: TrialContent["subject"] = [
  ["O", "Acme Inc."],
  ["CN", "billing"],
];

/** Where names are read by these rules, and the only principal shows this. */
async function runWith(places: Places, rules: string, content: TrialContent | undefined): Promise<MatrixReport> {
  await places.policy("rules", policy);
  await places.write("pki/root.key", places.authority.caKeyPem);
  await places.write("pki/identity.yaml", `rules:\n  ${rules}\n`);
  if (content !== undefined) {
    const authority = TrialAuthority.of(places.authority.caPem, places.authority.caKeyPem);
    const { certificatePem, keyPem } = authority.issue(content);
    await places.write("people/acme/billing.crt", certificatePem);
    await places.write("people/acme/billing.key", keyPem);
  }
  const { server } = places.options("rules");
  return places.run("rules", { server: { ...server, identity: `${places.path}/pki/identity.yaml` } });
}

test.each([
  {
    form: "a map",
    rules: ofMap,
    content: { subject: company },
    refusals: {
      "a certificate: empty CN": 'rule subject: CN is not a valid principal name: ""',
      "a certificate: two CNs": "rule subject: the subject has two CN values",
      "a certificate: NUL in the CN": String.raw`rule subject: CN is not a valid principal name: "billing\u0000.globex"`,
      "a certificate of an organization that is not in the map":
        'rule subject: O is not in the map of the rule: "undeclared, Inc."',
    },
  },
  {
    form: "a map of names",
    rules: '- { id: both, tenant: { from: O }, name: { from: CN, map: { "Billing Dept.": billing } } }',
    content: {
      subject: [
        ["O", "acme"],
        ["CN", "Billing Dept."],
      ],
    },
    refusals: {
      "a certificate: two CNs": "rule both: the subject has two CN values",
      "a certificate: a wildcard as the CN": 'rule both: CN is not in the map of the rule: "*"',
    },
  },
  {
    form: "a SPIFFE ID",
    rules:
      '- { tenant: { spiffe: "spiffe://a.example/{tenant}/{name}" }, name: { spiffe: "spiffe://a.example/{tenant}/{name}" } }',
    content: { subject: [["CN", "some machine"]], uris: ["spiffe://a.example/acme/billing"] },
    refusals: {
      "a certificate: two SPIFFE IDs": "rule 1: the certificate has two URIs",
      "a certificate: a wildcard as the SPIFFE ID": expect.stringContaining("spiffe://a.example/acme/*") as string,
    },
  },
] as const)(
  "outsiders are like who gets in but for one fault, where names come from $form",
  async ({ rules, content, refusals }) => {
    await using places = await Places.make([]);
    const report = await runWith(places, rules, content);
    expect(told(places, report)).toEqual([]);
    expect(Object.fromEntries(report.outsiders.map(({ who, refusal }) => [who, refusal]))).toMatchObject(refusals);
    expect(report.outsiders).toHaveLength(22);
  },
);

test("a certificate that the matrix made and the rules refuse is told as such, with what to do", async () => {
  await using places = await Places.make([]);
  const problem =
    'is refused: rule subject: O is not in the map of the rule: "acme"; the matrix made this certificate, as there is none: ' +
    `put his own into ${places.path}/people/acme/billing.crt and ${places.path}/people/acme/billing.key`;
  await expect(runWith(places, ofMap, undefined)).rejects.toMatchObject({
    findings: [{ source: "acme/billing", problem }],
  });
});

test("faults are tried in the place of somebody whom the authority may sign for, and authorities across their tenants", async () => {
  await using places = await Places.make(["initech/peter"]);
  const bound = await TestAuthority.create({ commonName: "Acme CA" });
  await places.policy("rules", {
    "tenants.yaml": "tenants:\n  acme: { ca: acme.pem }\n  initech: {}\n",
    "policy.csv": `${policy["policy.csv"]}p, initech/peter, initech, tps, produce, allow\n`,
    "matrix.csv": `${policy["matrix.csv"]}initech/peter, initech, tps, produce, allow\n`,
  });
  await places.write("pki/acme.pem", bound.caPem);
  await places.write("pki/root.key", places.authority.caKeyPem);
  await places.client("acme/billing", bound.issue({ principal: "acme/billing" }));
  await places.write("pki/acme.key", bound.caKeyPem);
  const report = await places.run("rules");
  expect(told(places, report)).toEqual([]);
  expect(Object.fromEntries(report.outsiders.map(({ who, refusal }) => [who, refusal]))).toMatchObject({
    "a certificate of acme, which is bound to another authority":
      'tenant "acme" is bound to an authority that is not in the certificate\'s chain',
    "a certificate of another tenant, signed by acme's own authority (acme.pem)": expect.stringContaining(
      "vouches for other tenants alone",
    ) as string,
  });
  expect(report.outsiders).toHaveLength(24);
});

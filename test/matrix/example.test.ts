import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { beforeAll, afterAll, describe, expect, test } from "vitest";
import { type MatrixReport, runMatrix } from "../../src/matrix/index.js";
import { examplePrincipals, initCertificates } from "../../src/pki/index.js";
import { Workplace } from "../cli/command.js";

const policyDir = fileURLToPath(new URL("../../policy", import.meta.url));

describe("the example policy, with certificates as `make certs` makes them", () => {
  let place: Workplace;
  let report: MatrixReport;

  beforeAll(async () => {
    place = await Workplace.make();
    await initCertificates(place.path, { principals: examplePrincipals, force: false });
    const at = (name: string): string => join(place.path, name);
    report = await runMatrix({
      policyDir,
      server: { ca: at("ca.crt"), cert: at("server.crt"), key: at("server.key") },
      certificates: { clients: at("clients"), ca: at("ca.crt"), caKey: at("ca.key") },
    });
  });

  afterAll(() => place[Symbol.asyncDispose]());

  test("everything comes out on the wire as its matrix states", () => {
    expect(report.differences).toEqual([]);
    expect(report.ok).toBe(true);
    expect(report.issued).toEqual([]);
    for (const { cell, got } of report.cells) {
      expect(cell.rows.map(({ expected }) => expected)).toContain(got);
    }
  });

  test("each action is tried by every method that needs it, unary and stream", () => {
    const methods = (action: string, got: string): string[] => {
      const cells = report.cells.filter(({ cell, ...tried }) => cell.action === action && tried.got === got);
      return [...new Set(cells.flatMap(({ attempts }) => attempts.map(({ method }) => method)))].sort();
    };
    const expected = {
      produce: ["Import", "Produce", "ProduceStream", "ProduceStream with request ids"],
      consume: ["Consume", "ConsumeStream", "Offsets.Commit", "Offsets.Delete", "Offsets.Fetch", "Offsets.List"],
      describe: ["Topics.Describe", "Topics.List"],
      create: ["Produce to a missing topic", "Topics.Create", "Topics.Create of the topic that always exists"],
      delete: ["Topics.Delete", "Topics.Truncate"],
      admin: ["Connections.List", "Policy.Rollback", "Policy.Status", "Topics.Update"],
    };
    for (const [action, all] of Object.entries(expected)) {
      expect(methods(action, "allow"), `${action} allowed`).toEqual(all);
      const refused = all.filter((method) => method !== "Produce to a missing topic");
      expect(methods(action, "deny"), `${action} refused`).toEqual(refused);
    }
  });

  test("only the platform's own actions have no call, and are asked of the policy alone", () => {
    const onPaper = report.cells.filter(({ attempts }) => attempts.length === 0);
    expect(onPaper.map(({ cell }) => `${cell.principal} ${cell.action} ${cell.tenant}/${cell.topic}`)).toEqual([
      "ops/root admin _system/server",
      "ops/root describe _system/server",
    ]);
  });

  test("the server answered as many calls as were made, and none of an outsider", () => {
    const calls = report.cells.flatMap(({ attempts }) => attempts);
    expect(report.calls).toBe(calls.length);
  });

  test("whoever must not get in is kept out, each for a reason of his own", () => {
    const kinds = Object.fromEntries(report.outsiders.map(({ who, kind }) => [who, kind]));
    expect(kinds).toEqual({
      "plain text, HTTP/1.1": "protocol",
      "plain text, HTTP/2": "protocol",
      "TLS without a certificate": "no_certificate",
      "TLS 1.2, with the right certificate": "protocol",
      "a certificate signed by itself": "untrusted",
      "a certificate of another authority": "untrusted",
      "a certificate of a same-named authority": "untrusted",
      "a certificate that has expired": "expired",
      "a certificate for servers": "wrong_usage",
      "a certificate of a tenant that is not declared": "tenant_undeclared",
      "a certificate: not yet valid": "not_yet_valid",
      "a certificate: no usage": "wrong_usage",
      "a certificate: an authority's, as a client's": "authority_as_client",
      "a certificate: weak key, RSA with 1,024 bits": "weak",
      "a certificate: empty CN": "no_name",
      "a certificate: two CNs": "no_name",
      "a certificate: separators in the CN": "no_name",
      "a certificate: a path in the CN": "no_name",
      "a certificate: NUL in the CN": "no_name",
      "a certificate: newline in the CN": "no_name",
      "a certificate: non-ASCII in the CN": "no_name",
      "a certificate: a wildcard as the CN": "no_name",
    });
  });
});

import { describe, expect, test } from "vitest";
import { CasbinAuthorizer } from "../../src/authz/index.js";
import { PolicyFolder, mistakesIn } from "./policy-folder.js";

const acme = (settings: string): string => `tenants:\n  acme: ${settings}\n  globex: {}\n`;
const fingerprint = Array.from({ length: 32 }, (_, at) => (at + 160).toString(16).toUpperCase()).join(":");

async function opened(yaml: string): Promise<CasbinAuthorizer> {
  await using folder = await PolicyFolder.create({ "tenants.yaml": yaml });
  return await CasbinAuthorizer.open(folder.path, { onDenied: () => undefined });
}

describe("what tenants.yaml says of who a tenant's principals are", () => {
  const stated: readonly (readonly [
    settings: string,
    isSuspended: boolean,
    authorities: readonly string[] | undefined,
  ])[] = [
    ["{}", false, undefined],
    ["", false, undefined],
    ["{ suspended: true }", true, undefined],
    ["{ suspended: false, limits: { topics: 3 } }", false, undefined],
    [`{ ca: "${fingerprint}" }`, false, [fingerprint]],
    [`{ ca: "${fingerprint.toLowerCase()}" }`, false, [fingerprint]],
    [`{ ca: ${fingerprint.replaceAll(":", "")} }`, false, [fingerprint]],
    [`{ ca: "${"1".repeat(64)}" }`, false, [new Array(32).fill("11").join(":")]],
    [`{ ca: ${"1".repeat(64)} }`, false, [new Array(32).fill("11").join(":")]],
    ["{ ca: acme.crt, suspended: true }", true, ["acme.crt"]],
    [`{ ca: [ acme.crt, ..pem, "${fingerprint}" ] }`, false, ["acme.crt", "..pem", fingerprint]],
  ];
  test.each(stated)("%s", async (settings, isSuspended, authorities) => {
    const authorizer = await opened(acme(settings));
    expect(authorizer.standingOf("acme")).toEqual({ isSuspended, authorities });
    expect(authorizer.standingOf("globex")).toEqual({ isSuspended: false, authorities: undefined });
    for (const other of ["initech", "_system", "__proto__", ""]) expect(authorizer.standingOf(other)).toBeUndefined();
    expect([...authorizer.boundAuthorities]).toEqual((authorities ?? []).map((each) => [each, ["acme"]]));
  });

  test("each authority is told with all the tenants that are bound to it", async () => {
    const authorizer = await opened("tenants:\n  globex: { ca: [a.crt, b.crt] }\n  acme: { ca: b.crt }\n");
    expect(Object.fromEntries(authorizer.boundAuthorities)).toEqual({
      "a.crt": ["globex"],
      "b.crt": ["acme", "globex"],
    });
  });

  const authority =
    "the SHA-256 fingerprint of an authority, as in AB:CD:…, or the plain name of a file, as in acme.crt";
  const ca = `"tenants.acme.ca" must be ${authority}`;
  const mistakes: readonly (readonly [settings: string, finding: string])[] = [
    ["{ suspend: true }", `2:11: unknown key "suspend"; did you mean "suspended"?`],
    ["{ suspended: yes }", `2:22: "tenants.acme.suspended" must be true or false, found "yes"`],
    [`{ suspended: "true" }`, `2:22: "tenants.acme.suspended" must be true or false, found "true"`],
    ["{ suspended: 1 }", `2:22: "tenants.acme.suspended" must be true or false, found "1"`],
    ["{ suspended: }", `2:22: "tenants.acme.suspended" must be true or false`],
    ["{ suspended: [true] }", `2:22: "tenants.acme.suspended" must be true or false`],
    ["{ ca: }", `2:15: ${ca}`],
    ["{ ca: {} }", `2:15: ${ca}`],
    ["{ ca: [] }", `2:15: "tenants.acme.ca" must name at least one authority`],
    ["{ ca: [[acme.crt]] }", `2:16: ${ca}`],
    ["{ ca: ../acme.crt }", `2:15: ${ca}, found "../acme.crt"`],
    ["{ ca: certs/acme.crt }", `2:15: ${ca}, found "certs/acme.crt"`],
    [String.raw`{ ca: 'certs\acme.crt' }`, String.raw`2:15: ${ca}, found "certs\\acme.crt"`],
    ["{ ca: . }", `2:15: ${ca}, found "."`],
    ["{ ca: .. }", `2:15: ${ca}, found ".."`],
    [`{ ca: "" }`, `2:15: ${ca}`],
    // Of SHA-1, and cut short.
    [`{ ca: "${fingerprint.slice(0, 59)}" }`, `2:15: ${ca}, found "${fingerprint.slice(0, 59)}"`],
    [`{ ca: "${"a1".repeat(20)}" }`, `2:15: ${ca}, found "${"a1".repeat(20)}"`],
    [`{ ca: [acme.crt, acme.crt] }`, `2:26: "acme.crt" stands in "tenants.acme.ca" twice`],
    [
      `{ ca: ["${fingerprint}", "${fingerprint.toLowerCase()}"] }`,
      `2:115: "${fingerprint.slice(0, 80)}…" stands in "tenants.acme.ca" twice`,
    ],
  ];
  test.each(mistakes)("%s is a mistake", async (settings, finding) => {
    expect(await mistakesIn({ "tenants.yaml": acme(settings) })).toEqual([`tenants.yaml:${finding}`]);
  });
});

import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import type { AlternativeKind } from "../../src/identity/alternative-name.js";
import { certificateFacts, readCertificate } from "../../src/identity/certificate.js";
import { IdentityRefused, type IdentityRule, IdentityRules } from "../../src/identity/index.js";
import type { NameSource } from "../../src/identity/rules.js";
import { Template } from "../../src/identity/template.js";
import { formatPrincipal, isTenantName } from "../../src/names.js";
import { extension, type IssueOptions, TestAuthority, type TestAttribute } from "../support/certificates.js";
import { der, derSequence, derTag } from "../support/der.js";

let authority: TestAuthority;
beforeAll(async () => {
  authority = await TestAuthority.create({ commonName: "Acme Issuing 3" });
});

const sanTags = { email: 0x81, dns: 0x82, spiffe: 0x86 } as const;
type San = readonly [kind: keyof typeof sanTags, value: string | Buffer];

/** A certificate with these alternative names and, beside them, a subject that is somebody else's. */
function certificate(sans: readonly San[], subject: NonNullable<IssueOptions["subject"]> = []): Buffer {
  const names = sans.map(([kind, value]) => der(sanTags[kind], Buffer.from(value)));
  const extensions = sans.length === 0 ? [] : [extension("2.5.29.17", derSequence(...names))];
  return authority.issue({ subject, extensions }).der;
}

/** The principal and its rule, or the reason against it. */
function judge(rules: readonly IdentityRule[], bytes: Buffer, authorities: readonly string[] = []): string {
  try {
    const { principal, rule } = new IdentityRules(rules).evaluate(readCertificate(bytes), authorities);
    return `${formatPrincipal(principal)} by ${rule}`;
  } catch (error) {
    if (!(error instanceof IdentityRefused)) throw error;
    expect(error.problem).toBe("no_name");
    return error.message;
  }
}

function from(kind: AlternativeKind, text: string): NameSource {
  const template = Template.parse(kind, text);
  if (!(template instanceof Template)) throw new TypeError(template.problem);
  return { template };
}

/** Of one rule whose tenant and name come from one template. */
const ruleOf = (kind: AlternativeKind, text: string): IdentityRule => ({
  id: kind,
  tenant: from(kind, text),
  name: from(kind, text),
});

const mesh = ruleOf("spiffe", "spiffe://prod.example/ns/{tenant}/sa/{name}");
const hosts = ruleOf("dns", "{name}.{tenant}.svc.example");
const mail = ruleOf("email", "{name}@{tenant}.example");
const company: IdentityRule = {
  id: "company",
  tenant: {
    from: "O",
    map: new Map([
      ["Acme Inc.", "acme"],
      ["Société Générale", "sg"],
      ["", "empty"],
      ["__proto__", "proto"],
    ]),
  },
  name: { from: "CN" },
};
const units: IdentityRule = { id: "units", tenant: { from: "OU" }, name: { from: "CN" } };

const O = (value: string | Buffer, tag?: number): TestAttribute => ({
  type: "O",
  value,
  ...(tag === undefined ? {} : { tag }),
});
const OU = (value: string): TestAttribute => ({ type: "OU", value });
const CN = (value: string): TestAttribute => ({ type: "CN", value });

describe("a SPIFFE ID", () => {
  const id = (text: string) => [["spiffe", text] as const];
  const long = `spiffe://prod.example/ns/acme/sa/${"a".repeat(2048)}`;
  const ids: readonly (readonly [what: string, sans: readonly San[], expected: string])[] = [
    ["as the template has it", id("spiffe://prod.example/ns/acme/sa/billing"), "acme/billing by spiffe"],
    ["of another trust domain", id("spiffe://test.example/ns/acme/sa/billing"), "is not as in"],
    [
      "of a trust domain that only begins so",
      id("spiffe://prod.example.evil.example/ns/acme/sa/billing"),
      "is not as in",
    ],
    ["with another path", id("spiffe://prod.example/ns/acme/pod/billing"), "is not as in"],
    ["with a path in other case", id("spiffe://prod.example/NS/acme/sa/billing"), "is not as in"],
    ["with a shorter path", id("spiffe://prod.example/ns/acme/sa"), "is not as in"],
    ["with a longer path", id("spiffe://prod.example/ns/acme/sa/billing/x"), "is not as in"],
    ["with its scheme in capitals", id("SPIFFE://prod.example/ns/acme/sa/billing"), "does not begin with spiffe://"],
    [
      "with its trust domain in capitals",
      id("spiffe://Prod.example/ns/acme/sa/billing"),
      "has a malformed trust domain",
    ],
    ["without a trust domain", id("spiffe:///ns/acme/sa/billing"), "has a malformed trust domain"],
    ["with a port", id("spiffe://prod.example:443/ns/acme/sa/billing"), "has a malformed trust domain"],
    ["with a user", id("spiffe://root@prod.example/ns/acme/sa/billing"), "has a malformed trust domain"],
    [
      "with a trust domain too long",
      id(`spiffe://${"a".repeat(256)}/ns/acme/sa/billing`),
      "has a malformed trust domain",
    ],
    ["with a slash behind it", id("spiffe://prod.example/ns/acme/sa/billing/"), "has an empty path segment"],
    ["with two slashes", id("spiffe://prod.example/ns//acme/sa/billing"), "has an empty path segment"],
    ["with an empty tenant", id("spiffe://prod.example/ns//sa/billing"), "has an empty path segment"],
    ["without a path", id("spiffe://prod.example"), "has no path"],
    ["with nothing but a slash for a path", id("spiffe://prod.example/"), "has an empty path segment"],
    ["that goes back", id("spiffe://prod.example/ns/globex/../acme/sa/billing"), "has a path segment that is .."],
    ["that stays", id("spiffe://prod.example/ns/./sa/billing"), "has a path segment that is ."],
    [
      "with a query",
      id("spiffe://prod.example/ns/acme/sa/billing?x"),
      "has a character in its path that no SPIFFE ID has",
    ],
    [
      "with a fragment",
      id("spiffe://prod.example/ns/acme/sa/billing#x"),
      "has a character in its path that no SPIFFE ID has",
    ],
    [
      "with something escaped",
      id("spiffe://prod.example/ns/acme/sa/b%69lling"),
      "has a character in its path that no SPIFFE ID has",
    ],
    ["with a tenant in capitals", id("spiffe://prod.example/ns/Acme/sa/billing"), "holds no valid tenant name"],
    ["with a name in capitals", id("spiffe://prod.example/ns/acme/sa/Billing"), "holds no valid principal name"],
    ["with a name too long", id(`spiffe://prod.example/ns/acme/sa/${"a".repeat(64)}`), "holds no valid principal name"],
    ["longer than one may be", id(long), "is longer than 2048 bytes"],
    ["that is empty", id(""), "is empty"],
    ["that is another URI", id("https://prod.example/ns/acme/sa/billing"), "does not begin with spiffe://"],
    [
      "beside another one",
      [...id("spiffe://prod.example/ns/acme/sa/billing"), ...id("spiffe://prod.example/ns/globex/sa/billing")],
      "two URIs",
    ],
    [
      "that is there twice",
      [...id("spiffe://prod.example/ns/acme/sa/billing"), ...id("spiffe://prod.example/ns/acme/sa/billing")],
      "two URIs",
    ],
    [
      "beside two URIs of other kinds",
      [...id("spiffe://prod.example/ns/acme/sa/billing"), ...id("urn:a"), ...id("urn:b")],
      "3 URIs",
    ],
    [
      "beside a DNS name",
      [...id("spiffe://prod.example/ns/acme/sa/billing"), ["dns", "globex.example"]],
      "acme/billing by spiffe",
    ],
  ];
  test.each(ids)("%s", (_, sans, expected) => {
    expect(judge([mesh], certificate(sans, [O("globex"), CN("root")]))).toContain(expected);
  });
});

describe("a DNS name", () => {
  const name = (text: string) => [["dns", text] as const];
  const dnsNames: readonly (readonly [what: string, sans: readonly San[], expected: string])[] = [
    ["as the template has it", name("billing.acme.svc.example"), "acme/billing by dns"],
    ["of another domain", name("billing.acme.svc.evil"), "is not as in"],
    ["with a label more", name("a.billing.acme.svc.example"), "is not as in"],
    ["with a label less", name("acme.svc.example"), "is not as in"],
    ["in capitals", name("billing.ACME.svc.example"), "has a capital letter"],
    ["of a domain in capitals", name("billing.acme.svc.Example"), "has a capital letter"],
    ["that is a wildcard", name("*.acme.svc.example"), "has a wildcard"],
    ["with a dot behind it", name("billing.acme.svc.example."), "has an empty label"],
    ["with an empty label", name("billing..svc.example"), "has an empty label"],
    ["with a label that begins with a hyphen", name("-billing.acme.svc.example"), "has a malformed label"],
    ["with a label too long", name(`${"a".repeat(64)}.acme.svc.example`), "has a malformed label"],
    ["with a port", name("billing.acme.svc.example:80"), "has a malformed label"],
    ["of the platform", name("billing._system.svc.example"), "holds no valid tenant name"],
    ["longer than one may be", name(`${"a.".repeat(120)}billing.acme.svc.example`), "is longer than 253 bytes"],
    ["that is empty", name(""), "is empty"],
    [
      "beside another one",
      [...name("billing.acme.svc.example"), ...name("billing.globex.svc.example")],
      "two DNS names",
    ],
    ["beside one that does not fit", [...name("billing.acme.svc.example"), ...name("other.example")], "two DNS names"],
  ];
  test.each(dnsNames)("%s", (_, sans, expected) => {
    expect(judge([hosts], certificate(sans, [O("globex"), CN("root")]))).toContain(expected);
  });
});

describe("an e-mail address", () => {
  const address = (text: string) => [["email", text] as const];
  const addresses: readonly (readonly [what: string, sans: readonly San[], expected: string])[] = [
    ["as the template has it", address("billing@acme.example"), "acme/billing by email"],
    ["with a dot before its @", address("first.last@acme.example"), "acme/first.last by email"],
    ["of another domain", address("billing@acme.evil"), "is not as in"],
    ["of a domain below", address("billing@x.acme.example"), "is not as in"],
    ["without an @", address("billing.acme.example"), "has not exactly one @"],
    ["with two", address("billing@globex.example@acme.example"), "has not exactly one @"],
    ["in quotes", address('"billing"@acme.example'), "has a malformed part before its @"],
    ["with a comment", address("billing(x)@acme.example"), "has a malformed part before its @"],
    ["with nothing before its @", address("@acme.example"), "has a malformed part before its @"],
    ["with a tag", address("billing+x@acme.example"), "holds no valid principal name"],
    ["in capitals before its @", address("Billing@acme.example"), "holds no valid principal name"],
    ["in capitals behind it", address("billing@Acme.example"), "has a capital letter"],
    ["in angle brackets", address("<billing@acme.example>"), "has a malformed part before its @"],
    ["of a number address", address("billing@[127.0.0.1]"), "has a malformed label"],
    ["longer than one may be", address(`${"a".repeat(250)}@acme.example`), "is longer than 254 bytes"],
    ["too long before its @", address(`${"a".repeat(65)}@acme.example`), "has a malformed part before its @"],
    ["that is empty", address(""), "is empty"],
    [
      "beside another one",
      [...address("billing@acme.example"), ...address("root@acme.example")],
      "two e-mail addresses",
    ],
  ];
  test.each(addresses)("%s", (_, sans, expected) => {
    expect(judge([mail], certificate(sans, [O("globex"), CN("root")]))).toContain(expected);
  });

  test("in the subject is none", () => {
    const subject = [{ type: "emailAddress", value: "billing@acme.example", tag: derTag.ia5String } as const];
    expect(judge([mail], certificate([], subject))).toBe("rule email: the certificate has no e-mail address");
  });
});

describe("a subject by a map", () => {
  const subjects: readonly (readonly [
    what: string,
    subject: NonNullable<IssueOptions["subject"]>,
    expected: string,
  ])[] = [
    ["that the map has", [O("Acme Inc."), CN("billing")], "acme/billing by company"],
    [
      "that the map has, as PrintableString",
      [O("Acme Inc.", derTag.printableString), CN("billing")],
      "acme/billing by company",
    ],
    ["that the map has, beyond ASCII", [O("Société Générale"), CN("billing")], "sg/billing by company"],
    [
      "composed of other characters",
      [O("Socie\u0301te\u0301 Ge\u0301ne\u0301rale"), CN("billing")],
      "O is not in the map",
    ],
    [
      "in another encoding",
      [O(Buffer.from("Société Générale", "latin1"), derTag.teletexString), CN("billing")],
      "O is encoded as TeletexString",
    ],
    ["with a blank behind it", [O("Acme Inc. "), CN("billing")], 'O is not in the map of the rule: "Acme Inc. "'],
    ["with a blank before it", [O(" Acme Inc."), CN("billing")], "O is not in the map"],
    ["with two blanks", [O("Acme  Inc."), CN("billing")], "O is not in the map"],
    ["in other case", [O("ACME INC."), CN("billing")], "O is not in the map"],
    ["with a NUL behind it", [O("Acme Inc.\0"), CN("billing")], "O is not in the map"],
    ["with a look-alike", [O("Аcme Inc."), CN("billing")], 'O is not in the map of the rule: "\\u0410cme Inc."'],
    ["that is already a name, and not in the map", [O("acme"), CN("billing")], "O is not in the map"],
    ["called after what every object has", [O("constructor"), CN("billing")], "O is not in the map"],
    ["called __proto__, which the map has", [O("__proto__"), CN("billing")], "proto/billing by company"],
    ["twice", [O("Acme Inc."), O("Acme Inc."), CN("billing")], "the subject has two O values"],
    ["in a multi-valued RDN", [[O("Acme Inc."), OU("x")], CN("billing")], "O is in a multi-valued RDN"],
  ];
  test.each(subjects)("%s", (_, subject, expected) => {
    expect(judge([company], certificate([], subject))).toContain(expected);
  });
});

describe("what is written oddly is nobody, wherever a name is taken from", () => {
  const oddities: readonly (readonly [what: string, value: string])[] = [
    ["nothing", ""],
    ["a blank before", " billing"],
    ["a blank behind", "billing "],
    ["a blank within", "bil ling"],
    ["a blank that does not break", "billing\u00a0"],
    ["a NUL", "billing\0"],
    ["a NUL and more", "billing\0.evil"],
    ["a newline", "billing\n"],
    ["a carriage return", "billing\r"],
    ["a tab", "\tbilling"],
    ["a slash", "acme/billing"],
    ["a backslash", "acme\\billing"],
    ["a star", "*"],
    ["a star behind", "bill*"],
    ["a comma", "billing,O=globex"],
    ["a plus", "billing+O=globex"],
    ["an equals sign", "CN=billing"],
    ["a semicolon", "billing;root"],
    ["quotes", '"billing"'],
    ["a role", "role:producer"],
    ["a placeholder", "{name}"],
    ["what every object has", "__proto__"],
    ["a name that only the server makes", "_system"],
    ["a dot", "."],
    ["two dots", ".."],
    ["a hyphen before", "-billing"],
    ["a capital", "Billing"],
    ["a Cyrillic letter", "bіlling"],
    ["a fullwidth letter", "ｂilling"],
    ["a dotless i", "bılling"],
    ["an accent", "bílling"],
    ["a letter without width", "bil\u200bling"],
    ["a change of direction", "\u202egnillib"],
    ["a byte order mark", "\ufeffbilling"],
    ["something escaped", "b%69lling"],
    ["64 characters", "a".repeat(64)],
    ["10000 characters", "a".repeat(10_000)],
  ];
  const sources: Readonly<
    Record<string, { rule: IdentityRule; tenant: (text: string) => Buffer; name: (text: string) => Buffer }>
  > = {
    "O and CN": {
      rule: { id: "subject", tenant: { from: "O" }, name: { from: "CN" } },
      tenant: (text) => certificate([], [O(text), CN("billing")]),
      name: (text) => certificate([], [O("acme"), CN(text)]),
    },
    "OU and CN": {
      rule: units,
      tenant: (text) => certificate([], [O("globex"), OU(text), CN("billing")]),
      name: (text) => certificate([], [O("globex"), OU("acme"), CN(text)]),
    },
    "a map": {
      rule: {
        id: "maps",
        tenant: { from: "O", map: new Map([["acme", "acme"]]) },
        name: { from: "CN", map: new Map([["billing", "billing"]]) },
      },
      tenant: (text) => certificate([], [O(text), CN("billing")]),
      name: (text) => certificate([], [O("acme"), CN(text)]),
    },
    "a SPIFFE ID": {
      rule: mesh,
      tenant: (text) => certificate([["spiffe", `spiffe://prod.example/ns/${text}/sa/billing`]]),
      name: (text) => certificate([["spiffe", `spiffe://prod.example/ns/acme/sa/${text}`]]),
    },
    "a DNS name": {
      rule: hosts,
      tenant: (text) => certificate([["dns", `billing.${text}.svc.example`]]),
      name: (text) => certificate([["dns", `${text}.acme.svc.example`]]),
    },
    "an e-mail address": {
      rule: mail,
      tenant: (text) => certificate([["email", `billing@${text}.example`]]),
      name: (text) => certificate([["email", `${text}@acme.example`]]),
    },
  };
  for (const [source, { rule, tenant, name }] of Object.entries(sources)) {
    test(`${source}: is somebody when it is written as it should be`, () => {
      expect(judge([rule], tenant("acme"))).toBe(`acme/billing by ${rule.id}`);
      expect(judge([rule], name("billing"))).toBe(`acme/billing by ${rule.id}`);
    });

    test.each(oddities)(`${source}: %s`, (_, odd) => {
      for (const answer of [judge([rule], tenant(odd)), judge([rule], name(odd))]) {
        expect(answer).toMatch(/^rule [a-z]+: (?:O|OU|CN|the [A-Za-z -]+) (?:is|has|does|holds) [\x20-\x7e]{1,500}$/);
      }
    });

    test(`${source}: is the ASCII name that is written there, or nobody`, () => {
      const text = fc.oneof(
        fc.string({ unit: fc.constantFrom(...Array.from("acme09-._ A/*+=,@%\0\né\u0430")), maxLength: 8 }),
        fc.string({ unit: "binary", maxLength: 12 }),
        fc.constantFrom("acme", "billing", "a.b"),
      );
      fc.assert(
        fc.property(text, fc.boolean(), (written, isTenant) => {
          const answer = judge([rule], isTenant ? tenant(written) : name(written));
          const expected = isTenant ? `${written}/billing by ${rule.id}` : `acme/${written} by ${rule.id}`;
          if (!answer.startsWith("rule ")) expect(answer).toBe(expected);
          if (!isTenantName(written)) expect(answer).toMatch(/^rule [\x20-\x7e]+$/);
        }),
        { numRuns: 200 },
      );
    });
  }
});

test("a certificate that is changed in any one byte is nobody's, or his whom its SPIFFE ID then spells", () => {
  const written = "spiffe://prod.example/ns/acme/sa/billing";
  const bytes = certificate([["spiffe", written]]);
  const at = bytes.indexOf(written);
  for (let place = 0; place < bytes.length; place++) {
    for (const flip of [0x01, 0x02, 0x08, 0x20, 0x80, 0xff]) {
      const changed = Buffer.from(bytes);
      changed[place]! ^= flip;
      const spelled = changed.toString("latin1", at, at + written.length);
      try {
        const { tenant, name } = new IdentityRules([mesh]).evaluate(certificateFacts(changed), []).principal;
        expect(`spiffe://prod.example/ns/${tenant}/sa/${name}`, `byte ${place} ^ ${flip}`).toBe(spelled);
      } catch (error) {
        expect(error, `byte ${place} ^ ${flip}`).toBeInstanceOf(IdentityRefused);
      }
    }
  }
});

describe("of several rules", () => {
  const rules = [mesh, company, units];
  const choices: readonly (readonly [what: string, bytes: () => Buffer, expected: string])[] = [
    [
      "the first that applies decides",
      () => certificate([["spiffe", "spiffe://prod.example/ns/acme/sa/a"]], [O("Acme Inc."), CN("b")]),
      "acme/a by spiffe",
    ],
    [
      "one that finds no value is passed over",
      () => certificate([["dns", "x.example"]], [O("Acme Inc."), CN("b")]),
      "acme/b by company",
    ],
    [
      "one that finds but one of its values is passed over",
      () => certificate([], [OU("acme"), CN("b")]),
      "acme/b by units",
    ],
    [
      "none is asked behind one that refuses",
      () => certificate([["spiffe", "https://x"]], [O("Acme Inc."), CN("b")]),
      'rule spiffe: the SPIFFE ID does not begin with spiffe://: "https://x"',
    ],
    [
      "none is asked behind a map that has no such value",
      () => certificate([], [O("acme"), OU("acme"), CN("b")]),
      'rule company: O is not in the map of the rule: "acme"',
    ],
    [
      "an empty value is a value",
      () => certificate([], [O("acme"), OU(""), CN("b")]),
      "rule company: O is not in the map",
    ],
    [
      "the reasons are given when none applies",
      () => certificate([], [CN("b")]),
      "no rule applies: rule spiffe: the certificate has no SPIFFE ID; rule company: the subject has no O value; rule units: the subject has no OU value",
    ],
  ];
  test.each(choices)("%s", (_, bytes, expected) => {
    expect(judge(rules, bytes())).toContain(expected);
  });

  test("each says what it makes of a certificate", () => {
    const rule = new IdentityRules([mesh, company, units]);
    const facts = readCertificate(certificate([], [O("Acme Inc."), OU("acme"), CN("billing")]));
    expect(rule.explain(facts, [])).toEqual([
      { rule: "spiffe", outcome: "does not apply", detail: "the certificate has no SPIFFE ID" },
      { rule: "company", outcome: "ok", detail: "tenant acme from O by the map, name billing from CN" },
      { rule: "units", outcome: "not asked", detail: "an earlier rule decides" },
    ]);
  });

  test("not more than a few reasons are given", () => {
    const many = Array.from({ length: 100 }, (_, at) => ({ ...mesh, id: `r${at}` }));
    const message = judge(many, certificate([]));
    expect(message).toMatch(/; 92 more$/);
    expect(message.length).toBeLessThan(600);
  });
});

describe("a rule's conditions", () => {
  const mine = "AB:CD";
  const byAuthority: IdentityRule = {
    id: "ca",
    when: { authorities: ["00:11", mine] },
    tenant: { fixed: "acme" },
    name: { from: "CN" },
  };
  const byIssuer = (...issuer: readonly (readonly ["O" | "CN", string])[]): IdentityRule => ({
    id: "issuer",
    when: { issuer: new Map(issuer) },
    tenant: { fixed: "acme" },
    name: { from: "CN" },
  });
  test.each([
    ["an authority in the chain", byAuthority, ["EE:FF", mine], "acme/billing by ca"],
    ["an authority that is not in it", byAuthority, ["EE:FF"], "rule ca: none of its authorities is in the chain"],
    ["an authority, and no chain", byAuthority, [], "rule ca: none of its authorities is in the chain"],
    ["the issuer's CN", byIssuer(["CN", "Acme Issuing 3"]), [], "acme/billing by issuer"],
    [
      "another issuer's CN",
      byIssuer(["CN", "Acme Issuing 4"]),
      [],
      `rule issuer: the issuer's CN is not "Acme Issuing 4"`,
    ],
    ["the issuer's CN in other case", byIssuer(["CN", "acme issuing 3"]), [], "rule issuer: the issuer's CN is not"],
    [
      "what the issuer does not have",
      byIssuer(["CN", "Acme Issuing 3"], ["O", "Acme"]),
      [],
      "rule issuer: the issuer's O is not",
    ],
    [
      "both, of which one holds",
      { ...byAuthority, when: { authorities: [mine], issuer: new Map([["CN", "x"]]) } } satisfies IdentityRule,
      [mine],
      "rule ca: the issuer's CN is not",
    ],
  ] as const)("on %s", (_, rule, authorities, expected) => {
    expect(judge([rule], certificate([], [O("globex"), CN("billing")]), authorities)).toContain(expected);
  });
});

describe("a template", () => {
  const text = (kind: AlternativeKind, written: string): string => {
    const template = Template.parse(kind, written);
    return template instanceof Template ? "good" : template.problem;
  };
  test.each([
    ["spiffe", "spiffe://prod.example/{tenant}/{name}", "good"],
    ["spiffe", "spiffe://prod.example/*/{tenant}/*/{name}", "good"],
    ["spiffe", "spiffe://{tenant}/{name}", "must name its trust domain"],
    ["spiffe", "spiffe://*/{tenant}/{name}", "must name its trust domain"],
    ["spiffe", "spiffe://Prod.example/{tenant}", "has a malformed trust domain"],
    ["spiffe", "SPIFFE://prod.example/{tenant}", "does not begin with spiffe://"],
    ["spiffe", "spiffe://prod.example/{tenant}/", "has an empty path segment"],
    ["spiffe", "spiffe://prod.example/{tenant}/../{name}", "has a path segment that is .."],
    ["spiffe", "spiffe://prod.example/{tenant}-{name}", "for a whole one"],
    ["spiffe", "spiffe://prod.example/{Tenant}", "for a whole one"],
    ["spiffe", "spiffe://prod.example/ns-*", "for a whole one"],
    ["spiffe", "spiffe://prod.example/{tenant}/{tenant}", "has {tenant} twice"],
    ["dns", "{name}.{tenant}.example", "good"],
    ["dns", "{name}.{tenant}.Example", "has a capital letter"],
    ["dns", "{name}.x{tenant}.example", "for a whole one"],
    ["dns", "{name}.{tenant}.example.", "has an empty label"],
    ["email", "{name}@{tenant}.example", "good"],
    ["email", "{name}@x@{tenant}.example", "has not exactly one @"],
    ["email", "{name}+x@{tenant}.example", "for a whole one"],
    ["email", "*@{tenant}.example", "good"],
    ["dns", "", "is empty"],
  ] as const)("for %s, %j: %s", (kind, written, expected) => {
    expect(text(kind, written)).toContain(expected);
  });
});

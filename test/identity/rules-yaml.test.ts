import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OperatorError } from "../../src/errors.js";
import { parseIdentityRules } from "../../src/identity/index.js";

const mine = Array.from({ length: 32 }, (_, at) => at.toString(16).padStart(2, "0")).join(":");

const files: Readonly<Record<string, readonly string[]>> = { "acme-ca.crt": ["11:22", "33:44"] };

const parse = (text: string | Buffer) =>
  parseIdentityRules("identity.yaml", Buffer.from(text), (name) => {
    const found = files[name];
    return found === undefined ? Promise.reject(new Error("there is no such file")) : Promise.resolve(found);
  });

/** The mistakes, one on each line as `line:column: problem`. */
async function mistakesIn(text: string | Buffer): Promise<string[]> {
  const { findings } = await parse(text).then(
    () => {
      throw new Error("nothing was refused");
    },
    (error: unknown) => {
      if (error instanceof OperatorError) return error;
      throw error;
    },
  );
  return findings.map(({ line, column, problem }) => `${[line, column].join(":")}: ${problem}`);
}

const oneRule = "rules:\n  - tenant: { from: O }\n    name: { from: CN }\n";

test("every kind of rule reads as it is written", async () => {
  const { rules } = await parse(`# Who is who.
rules:
  - id: mesh
    when:
      ca: "${mine}"
      issuer: { O: Acme Inc., CN: Acme Issuing 3 }
    tenant: { spiffe: "spiffe://prod.example/ns/{tenant}/sa/{name}" }
    name:   { spiffe: "spiffe://prod.example/ns/{tenant}/sa/{name}" }
  - when: { ca: [acme-ca.crt, "${mine}"] }
    tenant: { fixed: acme }
    name: { email: "{name}@acme.example" }
  - tenant: { dns: "*.{tenant}.svc.example" }
    name: { dns: "{name}.*.svc.example" }
  - tenant:
      from: O
      map:
        Acme Inc.: acme
        "Société Générale": sg
        007: bond
        __proto__: proto
    name: { from: OU }
`);
  expect(rules).toMatchObject([
    {
      id: "mesh",
      when: {
        authorities: [mine.toUpperCase()],
        issuer: new Map([
          ["O", "Acme Inc."],
          ["CN", "Acme Issuing 3"],
        ]),
      },
      tenant: { template: { kind: "spiffe" } },
      name: { template: { kind: "spiffe", text: "spiffe://prod.example/ns/{tenant}/sa/{name}" } },
    },
    { id: "2", when: { authorities: ["11:22", "33:44", mine.toUpperCase()] }, tenant: { fixed: "acme" } },
    { id: "3", tenant: { template: { kind: "dns" } } },
    { id: "4", tenant: { from: "O" }, name: { from: "OU" } },
  ]);
  expect(rules[3]!.tenant).toHaveProperty(
    "map",
    new Map([
      ["Acme Inc.", "acme"],
      ["Société Générale", "sg"],
      ["007", "bond"],
      ["__proto__", "proto"],
    ]),
  );
});

describe("a file of rules is refused, with the place of the mistake", () => {
  const rule = (tenant: string, name = "{ from: CN }") => `rules:\n  - tenant: ${tenant}\n    name: ${name}\n`;
  const when = (condition: string) =>
    `rules:\n  - when: ${condition}\n    tenant: { from: O }\n    name: { from: CN }\n`;
  const refused: readonly (readonly [what: string, text: string | Buffer, mistake: string])[] = [
    ["that is empty", "", '1:1: the file must begin with "rules:"'],
    ["of comments alone", "# nothing\n", 'the file must begin with "rules:"'],
    ["that is a list", "- a\n", '1:1: the file must begin with "rules:"'],
    ["without rules", "rules:\n", 'the file must have a list "rules:"'],
    ["with an empty list", "rules: []\n", '1:8: the file must have a list "rules:"'],
    ["with a map of rules", "rules: { a: b }\n", '1:8: the file must have a list "rules:"'],
    ["with an unknown key", `${oneRule}rule: []\n`, '4:1: unknown key "rule"; did you mean "rules"?'],
    ["with a rule that is text", "rules:\n  - acme\n", "2:5: a rule must be a map with tenant and name"],
    [
      "with an unknown key of a rule",
      `${oneRule}    tennant: x\n`,
      '4:5: unknown key "tennant"; did you mean "tenant"?',
    ],
    ["with a mistyped condition", `${oneRule}    wehn: { ca: x }\n`, '4:5: unknown key "wehn"; did you mean "when"?'],
    ["without a tenant", "rules:\n  - name: { from: CN }\n", "2:5: the rule does not say where the tenant comes from"],
    ["without a name", "rules:\n  - tenant: { from: O }\n", "2:5: the rule does not say where the name comes from"],
    ["with a tenant that is text", rule("acme"), "2:13: tenant must be a map, as in tenant: { from: O }"],
    ["with a tenant from nowhere", rule("{}"), "2:13: tenant must have exactly one of from, spiffe, dns, email, fixed"],
    ["with a tenant from two places", rule('{ from: O, dns: "{tenant}" }'), "2:13: tenant must have exactly one of"],
    ["with a tenant from elsewhere", rule("{ form: O }"), '2:15: unknown key "form"; did you mean "from"?'],
    ["with an attribute that nobody is called by", rule("{ from: L }"), "2:21: from must be O, OU, CN"],
    ["with an attribute in small letters", rule("{ from: o }"), "2:21: from must be O, OU, CN"],
    ["with a map alone", rule("{ map: { a: b } }"), "2:13: tenant must have exactly one of"],
    ["with a map beside a template", rule('{ dns: "{tenant}.a", map: { a: b } }'), "2:39: a map goes with from alone"],
    ["with an empty map", rule("{ from: O, map: {} }"), "2:29: map must say what each value stands for"],
    ["with a map of a list", rule("{ from: O, map: [a] }"), "2:29: map must say what each value stands for"],
    ["with a map to no name", rule("{ from: O, map: { a: Acme } }"), '2:34: "Acme" is not a tenant name'],
    ["with a map to nothing", rule("{ from: O, map: { a: } }"), '"" is not a tenant name'],
    [
      "with a map without a name",
      rule("{ from: O, map: { acme } }"),
      '2:31: the map does not say what "acme" stands for',
    ],
    ["with a map to the platform", rule("{ from: O, map: { a: _system } }"), '2:34: "_system" is not a tenant name'],
    [
      "with a map of the same value",
      rule("{ from: O, map: { a: b, a: c } }"),
      '2:37: the key "a" is already on line 2',
    ],
    ["with a map of nothing", rule('{ from: O, map: { "": b } }'), "2:31: a value in a map must be text"],
    [
      "with a map of a NUL",
      rule('{ from: O, map: { "a\\0": b } }'),
      "2:31: a value in a map: the invisible character U+0000",
    ],
    ["with a map of a line break", rule('{ from: O, map: { "a\\nb": b } }'), "2:31: a value in a map has a line break"],
    [
      "with a map of two lists",
      rule("{ from: O, map: { [a]: b } }"),
      "2:31: With stringKeys, all keys must be strings",
    ],
    ["with a fixed name", rule("{ from: O }", "{ fixed: billing }"), '3:13: unknown key "fixed"'],
    ["with a fixed tenant that is none", rule("{ fixed: Acme }"), '2:22: "Acme" is not a tenant name'],
    [
      "with a template that is no template",
      rule("{ dns: acme.example }"),
      '2:20: the template "acme.example" lacks {tenant}',
    ],
    ["with a template in capitals", rule('{ dns: "{tenant}.Example" }'), "2:20: the template"],
    [
      "with a template for a part of a part",
      rule('{ dns: "x{tenant}.example" }'),
      "only {tenant}, {name} and * stand for a part",
    ],
    [
      "with a template of a name that is not read",
      rule('{ dns: "{name}.{tenant}.example" }'),
      "2:13: the name is not read from this template: write * in place of {name}",
    ],
    [
      "with a template of a name that is read from another",
      rule('{ dns: "{name}.{tenant}.example" }', '{ dns: "{name}.*.example" }'),
      "2:13: the name is not read from this template",
    ],
    ["with an id that is none", `${oneRule}    id: A b\n`, "4:9: id must be 1 to 63 of"],
    [
      "with an id twice",
      `rules:\n  - { id: a, tenant: { from: O }, name: { from: OU } }\n  - { id: a, tenant: { from: O }, name: { from: CN } }\n`,
      '3:5: an earlier rule has the id "a" too',
    ],
    [
      "with a rule that is never asked",
      `${oneRule}  - tenant: { from: O }\n    name: { from: CN }\n`,
      "4:5: never asked: rule 1 applies wherever this one does",
    ],
    ["with a condition that says nothing", when("{}"), "2:11: when must have ca, issuer or both"],
    ["with an empty condition", when(""), "when must be a map with ca, issuer or both"],
    ["with an unknown condition", when("{ cas: x }"), '2:13: unknown key "cas"; did you mean "ca"?'],
    ["with no authority", when("{ ca: [] }"), "2:17: ca must name at least one authority"],
    ["with a short fingerprint", when('{ ca: "AB:CD" }'), '2:17: "AB:CD" is not how a SHA-256 fingerprint is written'],
    [
      "with a fingerprint without colons",
      when(`{ ca: ${"ab".repeat(32)} }`),
      "is not how a SHA-256 fingerprint is written",
    ],
    [
      "with a file elsewhere",
      when("{ ca: ../ca.crt }"),
      '2:17: "../ca.crt" is not the plain name of a file beside this one',
    ],
    [
      "with a file that is not there",
      when("{ ca: [acme-ca.crt, none.crt] }"),
      '2:31: "none.crt": there is no such file',
    ],
    ["with an issuer of nothing", when("{ issuer: {} }"), "2:21: issuer must be a map"],
    ["with an issuer's unknown attribute", when("{ issuer: { cn: x } }"), '2:23: unknown key "cn"'],
    ["with an issuer's empty attribute", when('{ issuer: { CN: "" } }'), "2:27: issuer.CN must be text"],
    ["with a tab", "rules:\n\t- a\n", "2:1: a tab is not allowed here"],
    ["with ends of lines from elsewhere", "rules:\r\n", "1:7: a carriage return"],
    [
      "with something invisible",
      oneRule.replace("CN", "C\u200bN"),
      "3:20: the invisible character U+200B is not allowed here",
    ],
    ["with a second document", `${oneRule}---\n`, "a second YAML document is not allowed here"],
    ["with an anchor", oneRule.replace("{ from: O }", "&a { from: O }"), "YAML anchors are not allowed here"],
    ["with a tag", oneRule.replace("CN", "!!str CN"), "YAML tags are not allowed here"],
    ["with a directive", `%YAML 1.2\n---\n${oneRule}`, "YAML directives are not allowed here"],
    ["with a key of many parts", "? ? ? a\n", "1:1: keys that begin with ? are not allowed here"],
    ["with a bracket that is never closed", "rules: [", "1:9:"],
    ["that is not UTF-8", Buffer.from([0x72, 0xff]), ":: is no text: its bytes are not valid UTF-8"],
    ["that is too large", Buffer.alloc(64 * 1024 + 1, "#"), "is larger than 64 KiB"],
    ["with too many lines", `${oneRule}${"#\n".repeat(1998)}`, "2001:: more than 2000 lines"],
    ["with too many rules", `rules:\n${"  - a\n".repeat(101)}`, "102:5: more than 100 rules"],
  ];
  test.each(refused)("%s", async (_, text, mistake) => {
    expect((await mistakesIn(text)).join("\n")).toContain(mistake.replace(/^::/, ":"));
  });

  test("every one at once, from top to bottom", async () => {
    const text = "rules:\n  - tenant: { from: X }\n    name: { dns: a }\n    id: A\n    wen: x\n  - 7\n";
    expect((await mistakesIn(text)).map((mistake) => mistake.replace(/: .*/, ""))).toEqual([
      "2:21",
      "3:18",
      "4:9",
      "5:5",
      "6:5",
    ]);
  });
});

test("whatever stands in it, a file of rules is refused with findings, or read", async () => {
  const word = fc.constantFrom(
    "rules:",
    "\n",
    "  ",
    "- ",
    "tenant: ",
    "name: ",
    "{",
    "}",
    "from: ",
    "O",
    "map: ",
    "[",
    "]",
    '"',
    "a",
    ": ",
    "when: ",
    "ca: ",
    "&x ",
    "*x",
    "|",
    "?",
    "#",
    ",",
  );
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 40 }), async (words) => {
      const error: unknown = await parse(words.join("")).catch((reason: unknown) => reason);
      if (error instanceof Error) expect(error).toBeInstanceOf(OperatorError);
    }),
    { numRuns: 500 },
  );
});

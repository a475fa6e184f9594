import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, truncate } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "vitest";
import { checkPolicy } from "../../src/authz/index.js";
import { exampleModel, mistakesIn, PolicyFolder, type PolicyFile, warningsIn } from "./policy-folder.js";

const good = "p, acme/billing, acme, orders, produce, allow\n";
const names = "1 to 200 of a-z 0-9 . _ -, beginning with a letter or digit";
const noSubject =
  "no principal and no role: expected TENANT/NAME, as in acme/billing, or role:NAME, as in role:producer";
const noQuotes = "there is no quoting here: names stand between commas as they are";
const actions = "produce, consume, describe, create, delete, admin or *";
const sixColumns = "a p line has 6 columns (p, subject, tenant, topic, action, effect)";

/** The line is the second of its file, so a finding without a true line shows. */
const policyMistakes: [line: string, ...findings: string[]][] = [
  ["p, acme/billing, acme, x, prodcue, allow", `2:27: unknown action "prodcue"; did you mean "produce"?`],
  ["p, acme/billing, acme, x, PRODUCE, allow", `2:27: unknown action "PRODUCE"; did you mean "produce"?`],
  ["p, acme/billing, acme, x, , allow", "2:27: the column action is empty"],
  [
    "p, , acne, x, prodcue,",
    "2:4: the column subject is empty",
    `2:6: tenant "acne" is not declared in tenants.yaml; did you mean "acme"?`,
    `2:15: unknown action "prodcue"; did you mean "produce"?`,
    "2:23: the column effect is empty",
  ],
  ["p, acme/billing, acme, x, produce, Deny", `2:36: unknown effect "Deny"; did you mean "deny"?`],
  ["p, acme/billing, acme, x, produce, no", `2:36: unknown effect "no"; expected allow or deny`],
  [
    "p, acme/billing, acme, x, produce, deny # note",
    `2:36: unknown effect "deny # note"; a comment needs a line of its own`,
  ],
  ["p, acme/billing, acme, x, produce", `2:27: ${sixColumns}, this one has 5`],
  ["p, acme/billing, acme, x, produce, allow, really", `2:43: ${sixColumns}, this one has 7`],
  ["p, acme/billing, acme, x, produce, allow,", `2:42: ${sixColumns}, this one has 7`],
  ["p", `2:1: ${sixColumns}, this one has 1`],
  ["P, acme/billing, acme, x, produce, allow", `2:1: unknown rule type "P"; did you mean "p"?`],
  [
    "pp, acme/billing, acme, x, produce, allow",
    `2:1: unknown rule type "pp"; a line begins with p (a rule), g (a role) or # (a comment)`,
  ],
  [
    "r, acme/root, role:x, acme",
    `2:1: unknown rule type "r"; a line begins with p (a rule), g (a role) or # (a comment)`,
  ],
  ["p, acme/billing, acme, x, write, allow", `2:27: unknown action "write"; expected ${actions}`],
  ["p, acme/Billing, acme, x, produce, allow", `2:4: "acme/Billing" is ${noSubject}; names are lower-case`],
  ["p, acme/*, acme, x, produce, allow", `2:4: "acme/*" is ${noSubject}; * names nobody: give them a role`],
  [
    "p, acme/billing, Acme, x, produce, allow",
    `2:18: "Acme" is not a tenant: expected a declared tenant, _system or *; names are lower-case`,
  ],
  [
    "p, \u0430cme/billing, acme, x, produce, allow",
    `2:4: "\u0430cme/billing" is ${noSubject}; the character U+0430 in it is none of a name`,
  ],
  [
    "p, acme/billing, acme, Orders, produce, allow",
    `2:24: "Orders" is not a topic pattern: expected a name (${names}), a prefix of one followed by *, or *; names are lower-case`,
  ],
  ["hello world", `2:1: unknown rule type "hello world"; a line begins with p (a rule), g (a role) or # (a comment)`],
  [`p, "acme/b", acme, x, produce, allow`, `2:4: ${noQuotes}`],
  [`p, 'acme/b', acme, x, produce, allow`, `2:4: ${noQuotes}`],
  [`p, acme/b, acme, x, produce, a"llow`, `2:31: this quote is never closed, and ${noQuotes}`],
  [`p, "acme/b, acme/c", acme, x, produce, allow`, `2:4: ${noQuotes}`],
  [
    `p, rol:writer, acme, x, produce, allow`,
    `2:4: "rol:writer" is no principal and no role; did you mean "role:writer"?`,
  ],
  [
    `p, Role:writer, acme, x, produce, allow`,
    `2:4: "Role:writer" is no principal and no role; did you mean "role:writer"?`,
  ],
  [`p, group:writer, acme, x, produce, allow`, `2:4: "group:writer" is ${noSubject}`],
  ["p, billing, acme, x, produce, allow", `2:4: "billing" is ${noSubject}`],
  ["p, *, acme, x, produce, allow", `2:4: "*" is ${noSubject}; * names nobody: give them a role`],
  ["p, _system/x, acme, x, produce, allow", `2:4: "_system/x" is ${noSubject}`],
  [
    "p, acne/billing, acme, x, produce, allow",
    `2:4: tenant "acne" is not declared in tenants.yaml; did you mean "acme"?`,
  ],
  [
    "p, role:Boss, acme, x, produce, allow",
    `2:4: "role:Boss" is not a role: expected role:NAME, as in role:producer; names are lower-case`,
  ],
  [
    "p, acme/billing, globx, x, produce, allow",
    `2:18: tenant "globx" is not declared in tenants.yaml; did you mean "globex"?`,
  ],
  ["p, acme/billing, initrode, x, produce, allow", `2:18: tenant "initrode" is not declared in tenants.yaml`],
  [
    "p, acme/billing, acm*, x, produce, allow",
    `2:18: "acm*" is not a tenant: expected a declared tenant, _system or *`,
  ],
  [
    "p, acme/billing, acme, or*rs, produce, allow",
    `2:24: "or*rs" is not a topic pattern: expected a name (${names}), a prefix of one followed by *, or *`,
  ],
  [
    "p, acme/billing, acme, x**, produce, allow",
    `2:24: "x**" is not a topic pattern: expected a name (${names}), a prefix of one followed by *, or *`,
  ],
  [
    "p, acme/billing, acme, a(b, produce, allow",
    `2:24: "a(b" is not a topic pattern: expected a name (${names}), a prefix of one followed by *, or *`,
  ],
  [
    "p, acme/billing, acme, /:id, produce, allow",
    `2:24: "/:id" is not a topic pattern: expected a name (${names}), a prefix of one followed by *, or *`,
  ],
  ["p, acme/billing, acme, _a*, produce, allow", `2:24: "_a*": a name that begins with _ can only be named literally`],
  ["p, acme/billing, acme, _*, produce, allow", `2:24: "_*": a name that begins with _ can only be named literally`],
  [
    `p, acme/billing, acme, ${"x".repeat(201)}, produce, allow`,
    `2:24: "${"x".repeat(80)}…" is not a topic pattern: expected a name (${names}), a prefix of one followed by *, or *`,
  ],
  ["  p,acme/billing,acme,orders,produce,allow  ", "2:3: the same as line 1"],
  ["g, acme/billing, producer, acme", `2:18: "producer" is not a role: expected role:NAME, as in role:producer`],
  [
    "g, acme/billing, acme/reports, acme",
    `2:18: "acme/reports" is not a role: expected role:NAME, as in role:producer`,
  ],
  ["g, acme/billing, role:x", "2:18: a g line has 4 columns (g, principal or role, role, tenant), this one has 3"],
  [
    "g, acme/billing, role:x, acme, acme",
    "2:32: a g line has 4 columns (g, principal or role, role, tenant), this one has 5",
  ],
  ["g, acme/billing, role:x, initrode", `2:26: tenant "initrode" is not declared in tenants.yaml`],
  ["g, role:x, role:x, acme", "2:12: these roles go in a circle: role:x → role:x (line 2)"],
  [
    "p, acme/billing, acme,\u00a0x, produce, allow",
    `2:23: "\u00a0x" is not a topic pattern: expected a name (${names}), a prefix of one followed by *, or *; the character U+00A0 in it is none of a name`,
  ],
  ["p, acme/billing,\tacme, x, produce, allow", "2:17: a tab is not allowed here"],
  ["# \u202eallow", "2:3: the invisible character U+202E is not allowed here"],
  ["# \u0000", "2:3: the invisible character U+0000 is not allowed here"],
];

describe("policy.csv is refused for", () => {
  for (const [line, ...findings] of policyMistakes) {
    test(JSON.stringify(line.slice(0, 60)), async () => {
      assert.deepEqual(
        await mistakesIn({ "policy.csv": `${good}${line}\n` }),
        findings.map((finding) => `policy.csv:${finding}`),
      );
    });
  }

  test("a circle of roles, at the line that closes it", async () => {
    const policy = `${good}g, role:a, role:b, acme\ng, role:b, role:c, *\ng, acme/x, role:a, acme\ng, role:c, role:a, acme\n`;
    assert.deepEqual(await mistakesIn({ "policy.csv": policy }), [
      "policy.csv:5:12: these roles go in a circle: role:c → role:a → role:b → role:c (lines 2, 3, 5)",
    ]);
  });

  test("every circle of roles, not only the first", async () => {
    const circles = ["a", "b"].map((x) => `g, role:${x}1, role:${x}2, acme\ng, role:${x}2, role:${x}1, acme\n`);
    assert.equal((await mistakesIn({ "policy.csv": good + circles.join("") })).length, 2);
  });

  test("roles nested deeper than Casbin follows, and not for the depth that it does", async () => {
    const chain = (length: number) =>
      "p, role:r1, acme, deep, produce, allow\n" +
      Array.from({ length: length - 1 }, (_, index) => `g, role:r${index + 2}, role:r${index + 1}, acme\n`).join("") +
      `g, acme/billing, role:r${length}, acme\n`;
    const matrix = { "matrix.csv": "acme/billing, acme, deep, produce, allow\n" };
    assert.deepEqual(await mistakesIn({ "policy.csv": chain(10), ...matrix }), []);
    const [finding] = await mistakesIn({ "policy.csv": chain(11), ...matrix });
    assert.match(finding!, /^policy\.csv:2:\d+: role:r1 is more than 10 assignments away/);
  });

  test("every mistake that it has, in the order of its lines", async () => {
    const policy = "p, acme/x, acne, or*rs, prodcue, Allow\nx\ng, acme/x, x, acme\n";
    const places = (await mistakesIn({ "policy.csv": policy, "matrix.csv": "" })).map(
      (finding) => finding.split(": ")[0],
    );
    assert.deepEqual(
      places,
      [1, 1, 1, 1, 2, 3].map((line, index) => `policy.csv:${line}:${[12, 18, 25, 34, 1, 12][index]}`),
    );
  });
});

const anyFile: [what: string, content: Buffer, finding: string][] = [
  [
    "CRLF line ends",
    Buffer.from("#a\r\n#b\r\n"),
    "1:3: a carriage return (lines end with a newline alone) is not allowed here (2 of them in this file)",
  ],
  [
    "a lone carriage return",
    Buffer.from("#a\rp, x\n"),
    "1:3: a carriage return (lines end with a newline alone) is not allowed here",
  ],
  ["a byte order mark", Buffer.from("\uFEFF# a\n"), "1:1: a byte order mark is not allowed here"],
  [
    "a byte that is not UTF-8",
    Buffer.concat([Buffer.from("# é\n# \uFFFD"), Buffer.from([0xff, 0x0a])]),
    "2:4: these bytes are not valid UTF-8",
  ],
  [
    "a byte that is not UTF-8, far down and far to the right",
    Buffer.concat([Buffer.from("# é\n".repeat(40_000) + "# " + "€".repeat(20_000)), Buffer.from([0xff, 0x0a])]),
    "40001:20003: these bytes are not valid UTF-8",
  ],
  ["very many bytes that are not UTF-8, once", Buffer.alloc(200_000, 0xff), "1:1: these bytes are not valid UTF-8"],
  [
    "very many invisible characters, once",
    Buffer.alloc(200_000),
    "1:1: the invisible character U+0000 is not allowed here (there are more than 1000 such characters)",
  ],
  [
    "a character cut short",
    Buffer.concat([Buffer.from("# "), Buffer.from([0xe2, 0x82])]),
    "1:3: these bytes are not valid UTF-8",
  ],
];
for (const file of ["model.conf", "tenants.yaml", "policy.csv", "matrix.csv"] as PolicyFile[]) {
  describe(`${file} is refused for`, () => {
    for (const [what, content, finding] of anyFile) {
      test(what, async () => {
        assert.ok((await mistakesIn({ [file]: content })).includes(`${file}:${finding}`));
      });
    }
    test("more bytes than it may have", async () => {
      await using folder = await PolicyFolder.create();
      // Nothing is written: a file of this size takes no room, and reading it would take all memory.
      await truncate(join(folder.path, file), 2 ** 40);
      const { findings } = await checkPolicy(folder.path);
      const size = file.endsWith(".csv") ? "16 MiB" : "256 KiB";
      assert.deepEqual(findings, [
        { source: join(folder.path, file), problem: `is larger than ${size}, the most that this file may be` },
      ]);
    });
    test("being a directory", async () => {
      await using folder = await PolicyFolder.create({ [file]: undefined });
      await mkdir(join(folder.path, file));
      const { findings } = await checkPolicy(folder.path);
      assert.deepEqual(findings, [{ source: join(folder.path, file), problem: "is a directory, not a file" }]);
    });
    test("being a pipe that nobody writes to", async () => {
      await using folder = await PolicyFolder.create({ [file]: undefined });
      execFileSync("mkfifo", [join(folder.path, file)]);
      const { findings } = await checkPolicy(folder.path);
      assert.deepEqual(findings, [{ source: join(folder.path, file), problem: "is a pipe, not a file" }]);
    });
    test("being another kind of file: what is said of it stays short", async () => {
      for (const line of ["x\n", `${"y".repeat(60_000)}\n`, ": [\n", "[" + ",".repeat(70_000) + "\n"]) {
        const findings = await mistakesIn({ [file]: line.repeat(Math.ceil(200_000 / line.length)) });
        assert.ok(findings.length > 0 && findings.length <= 51, `${findings.length} findings`);
        assert.ok(findings.join("\n").length < 10_000, `${findings.join("\n").length} characters`);
      }
    });
    test("being absent", async () => {
      assert.deepEqual(await mistakesIn({ [file]: undefined }), [`${file}: there is no such file`]);
    });
  });
}

const tenantMistakes: [text: string, ...findings: string[]][] = [
  ["", `1:1: this file must be a map, as in "tenants:" with "  acme: {}" below it`],
  ["- acme\n", `1:1: this file must be a map, as in "tenants:" with "  acme: {}" below it`],
  ["tenants: {}\n", "1:10: at least one tenant must be declared"],
  ["tenants:\n", `1:9: "tenants" must be a map, as in "tenants:" with "  acme: {}" below it`],
  ["tenants: [acme]\n", `1:10: "tenants" must be a map, as in "tenants:" with "  acme: {}" below it`],
  [
    "tennants:\n  acme: {}\n",
    `1:1: the key "tenants" is missing`,
    `1:1: unknown key "tennants"; did you mean "tenants"?`,
  ],
  ["tenants:\n  acme: {}\nlimits: {}\n", `3:1: unknown key "limits"`],
  ["tenants:\n  acme: {limit: 3}\n", `2:10: unknown key "limit"; did you mean "limits"?`],
  ["tenants:\n  acme: 3\n", `2:9: "tenants.acme" must be a map, as in "tenants:" with "  acme: {}" below it`],
  ["tenants:\n  acme:\n  acme:\n", `3:3: the key "acme" is already on line 2`],
  [
    "tenants:\n  acme:\n  Acme Inc.:\n",
    `3:3: "Acme Inc." is not a tenant name: expected 1 to 63 of a-z 0-9 . _ -, beginning with a letter or digit`,
  ],
  [
    "tenants:\n  acme:\n  _system:\n",
    `3:3: "_system" is not a tenant name: expected 1 to 63 of a-z 0-9 . _ -, beginning with a letter or digit`,
  ],
  [
    "tenants:\n  acme:\n  __proto__:\n",
    `3:3: "__proto__" is not a tenant name: expected 1 to 63 of a-z 0-9 . _ -, beginning with a letter or digit`,
  ],
  [
    "tenants:\n  acme: &a {}\n  globex: *a\n",
    "2:12: YAML anchors are not allowed here",
    "3:11: YAML aliases are not allowed here",
  ],
  [`tenants:\n  "acme: {}\n`, `2:3: this quote is never closed`],
  ["tenants:\n  acme: {}\n  globex: 'x\n", "3:11: this quote is never closed"],
  ["tenants:\n  acme: !!map {}\n", "2:15: YAML tags are not allowed here"],
  ["%YAML 1.1\n---\ntenants:\n  acme:\n", "1:1: YAML directives are not allowed here"],
  ["tenants:\n  acme:\n---\ntenants:\n  x:\n", "3:1: a second YAML document is not allowed here"],
  [
    "tenants:\n  x: {limit: 3}\n  Globex:\n  acme:\n  acme:\n  globex: {limits: {topic: 3}}\u200b\n",
    `2:7: unknown key "limit"; did you mean "limits"?`,
    `3:3: "Globex" is not a tenant name: expected 1 to 63 of a-z 0-9 . _ -, beginning with a letter or digit`,
    `5:3: the key "acme" is already on line 4`,
    `6:21: unknown limit "topic"; did you mean "topics"?`,
    "6:31: the invisible character U+200B is not allowed here",
  ],
];
describe("tenants.yaml is refused for", () => {
  for (const [text, ...findings] of tenantMistakes) {
    test(JSON.stringify(text), async () => {
      assert.deepEqual(
        await mistakesIn({ "tenants.yaml": text }),
        findings.map((finding) => `tenants.yaml:${finding}`),
      );
    });
  }
  const deadly: [shape: string, text: string, finding: string][] = [
    ["keys in keys", `${"? ".repeat(490)}\n`.repeat(250), "1:1: keys that begin with ? are not allowed here"],
    ["lists in lists", "- ".repeat(100_000), "1:3: only one - is allowed in a line"],
    ["brackets in brackets", "[\n".repeat(100_000), "21:1: more than 20 brackets are open here"],
    ["references", "a: *a\n".repeat(40_000), "21:4: too many YAML anchors, aliases and tags"],
    ["steps", `a:\n${" ".repeat(101)}b: {}\n`, "2:1: a line may begin with at most 100 spaces"],
  ];
  for (const [shape, text, finding] of deadly) {
    test(`${shape}, before the YAML parser hangs of them`, async () => {
      assert.deepEqual(await mistakesIn({ "tenants.yaml": text }), [`tenants.yaml:${finding}`]);
    });
  }
  test("no other reason: names that YAML would take for numbers or truth values are names", async () => {
    assert.deepEqual(await mistakesIn({ "tenants.yaml": "tenants:\n  acme:\n  007: {}\n  true:\n" }), []);
  });
});

const m = exampleModel.split("\n").findIndex((line) => line.startsWith("m = ")) + 1;
const matcher = exampleModel.split("\n")[m - 1]!;
const modelMistakes: [what: string, from: string, to: string, finding: RegExp][] = [
  [
    "another request",
    "r = sub, dom, obj, act",
    "r = sub, obj, act",
    /^model\.conf:6:5: found "sub, obj, act", expected r = sub, dom, obj, act$/,
  ],
  [
    "another policy",
    "p = sub, dom, obj, act, eft",
    "p = sub, dom, obj, act",
    /^model\.conf:10:5: found "sub, dom, obj, act", expected p = sub, dom, obj, act, eft$/,
  ],
  ["another role", "g = _, _, _", "g = _, _", /^model\.conf:14:5: found "_, _", expected g = _, _, _$/],
  [
    "an effect under which what nobody denies is allowed",
    "some(where (p.eft == allow)) && ",
    "",
    /^model\.conf:\d+:5: found ".*", expected e = some/,
  ],
  [
    "a missing section",
    "[role_definition]\n",
    "",
    /is not defined in \[policy_definition\]|\[role_definition\] with g = _, _, _ is missing/,
  ],
  [
    "an unknown section",
    "[role_definition]",
    "[role_defintion]",
    /:13:1: unknown section \[role_defintion\]; did you mean "role_definition"\?/,
  ],
  ["a section twice", "[matchers]", "[role_definition]", /the section \[role_definition\] is there twice/],
  [
    "an unknown definition",
    "g = _, _, _",
    "g2 = _, _, _",
    /:14:1: "g2" is not defined in \[role_definition\]; expected g/,
  ],
  ["two definitions", "g = _, _, _", "g = _, _, _\ng = _, _", /:15:1: g is defined twice/],
  ["a line that is neither", "g = _, _, _", "g", /:14:1: "g" is neither a \[section\] nor a definition/],
  ["a comment behind a definition", "g = _, _, _", "g = _, _, _ # three", /:14:13: "#" is not allowed here/],
  ["a semicolon", "g = _, _, _", "g = _, _, _; g2 = _", /:14:12: ";" is not allowed here/],
  ["a continued line", "g = _, _, _", "g = _, \\\n_, _", /:14:8: "\\\\" is not allowed here/],
  [
    "eval",
    "g(r.sub, p.sub, r.dom)",
    "eval(p.sub)",
    new RegExp(`:${m}:\\d+: unknown function "eval"; expected g or topicMatch: .*no text is run as code`),
  ],
  [
    "a regular expression",
    "topicMatch(r.obj, p.obj)",
    "regexMatch(r.obj, p.obj)",
    /unknown function "regexMatch"; expected g or topicMatch: patterns are no expressions/,
  ],
  [
    "a pattern of another kind",
    "topicMatch(r.obj, p.obj)",
    "keyMatch2(r.obj, p.obj)",
    /unknown function "keyMatch2"; expected g or topicMatch/,
  ],
  ["an unclosed quote", `p.act == "*"`, `p.act == "*`, new RegExp(`:${m}:\\d+: this quote is never closed$`)],
  [
    "a mistyped action",
    `p.act == "*"`,
    `p.act == "prodcue"`,
    /"prodcue" is not allowed in a matcher; did you mean "produce"\?/,
  ],
  ["what stands behind a sign that it may not have", `r.act == p.act`, "r.act =~ p.act + x.y", /unknown name "x\.y"/],
  ["a mistyped function", "topicMatch(", "topicMach(", /unknown function "topicMach"; did you mean "topicMatch"\?/],
  [
    "JavaScript's own objects",
    "p.sub, r.dom)",
    "constructor.constructor, r.dom)",
    /unknown name "constructor\.constructor"/,
  ],
  ["an unknown attribute", "r.act == p.act", "r.acts == p.act", /unknown name "r\.acts"; did you mean "r\.act"\?/],
  ["a principal in the matcher", `p.act == "*"`, `r.sub == "acme/root"`, /"acme\/root" is not allowed in a matcher/],
  ["arithmetic", "r.act == p.act", "r.act + p.act", /"\+" is not allowed in a matcher/],
  ["an unclosed bracket", "r.dom)\n", "r.dom\n", new RegExp(`:${m}:5: this cannot be used: `)],
  ["no regard to the subject", " && g(r.sub, p.sub, r.dom)", "", /this allows access without regard to the subject/],
  ["no regard to the topic", " && topicMatch(r.obj, p.obj)", "", /this allows access without regard to the topic/],
  [
    "no regard to the action",
    `(r.act == p.act || p.act == "*")`,
    `r.act != ""`.replace(`""`, `"*"`),
    /without regard to the action/,
  ],
  [
    "access without a rule",
    matcher,
    `m = r.act == r.act || ${matcher.slice(4)}`,
    /this cannot be used: access was allowed without a rule/,
  ],
  ...(
    [
      [`r.obj == "admin"`, "to topics of some name", /access was allowed without a rule/],
      [`r.dom == "produce"`, "in a tenant of some name", /access was allowed without a rule/],
      ["r.obj == r.dom", "to topics that are called as their tenant", /access was allowed without a rule/],
      [`r.dom == p.dom && r.obj == "admin"`, "to topics of some name, by any rule", /without regard to the subject/],
      [
        'r.dom == p.dom && r.obj == p.obj && r.act == p.act && r.act == "produce"',
        "to produce",
        /regard to the subject/,
      ],
      [
        `r.dom == p.dom && p.act == "*" && topicMatch(r.obj, p.obj)`,
        "by rules for all actions",
        /regard to the subject/,
      ],
      [
        `p.dom == "*" && r.act == p.act && topicMatch(r.obj, p.obj)`,
        "by rules for all tenants",
        /regard to the subject/,
      ],
      [`g(r.sub, p.sub, r.dom) && r.act == p.act && r.act == "produce"`, "to produce", /without regard to the topic/],
      [`g(r.sub, p.sub, r.dom) && r.obj == p.obj && p.act == "produce"`, "to do all", /without regard to the action/],
    ] as const
  ).map(([way, what, finding]): (typeof modelMistakes)[number] => [
    `another way ${what}: ${way}`,
    matcher,
    `${matcher} || ${way}`,
    finding,
  ]),
  [
    "a matcher that never holds",
    "r.sub, p.sub, r.dom)",
    `p.obj, p.sub, r.dom)`,
    /this does not allow what a rule allows to the letter$/,
  ],
  [
    "a matcher that does not ask for roles",
    "g(r.sub, p.sub, r.dom)",
    "r.sub == p.sub",
    /to the letter; it does not ask for roles: g\(r\.sub, p\.sub, r\.dom\)$/,
  ],
  [
    "a role without its tenant",
    "p.sub, r.dom)",
    "p.sub)",
    /to the letter; g takes three arguments: g\(r\.sub, p\.sub, r\.dom\)$/,
  ],
  [
    "a matcher without end",
    "r.act == p.act",
    "r.act == p.act || ".repeat(300) + "r.act == p.act",
    /longer than 4096 characters/,
  ],
];
describe("model.conf is refused for", () => {
  for (const [what, from, to, finding] of modelMistakes) {
    test(what, async () => {
      assert.ok(exampleModel.includes(from));
      const findings = await mistakesIn({ "model.conf": exampleModel.replace(from, () => to) });
      assert.ok(
        findings.some((text) => finding.test(text)),
        findings.join("\n"),
      );
    });
  }
});

const counted = (columns: number): string => `${sixColumns}, this one has ${columns}`;
describe("of a line with too few or too many columns, what is good as none that it can be is told too:", () => {
  const cases: [line: string, ...findings: string[]][] = [
    ["p, acme/billing, acme, orders, produce", `1:32: ${counted(5)}`],
    ["p, acme/billing, orders, produce, allow", `1:35: ${counted(5)}`],
    [
      "p, acme/billing, acme, orders, prodcue",
      `1:32: ${counted(5)}`,
      `1:32: unknown action "prodcue"; did you mean "produce"?`,
    ],
    ["p, Role:x, acme, orders", `1:18: ${counted(4)}`, `1:4: "Role:x" is no principal and no role`],
    [
      "p, acme/billing, acmee, orders, produce, allow, x",
      `1:49: ${counted(7)}`,
      `1:18: tenant "acmee" is not declared`,
    ],
    ["p, A, B, C, D, E, F, G, H, I", `1:19: ${counted(10)}`],
  ];
  test.each(cases)("%s", async (line, ...expected) => {
    const found = await mistakesIn({ "policy.csv": `${line}\n` });
    assert.equal(found.length, expected.length, found.join("\n"));
    for (const each of expected)
      assert.ok(
        found.some((finding) => finding.startsWith(`policy.csv:${each}`)),
        each,
      );
  });
});

test("a line that is longer than any of names can be is one mistake, whatever is in it", async () => {
  for (const long of [",".repeat(100_000), " ".repeat(100_000), `p${",x".repeat(50_000)}`]) {
    const found = await mistakesIn({ "policy.csv": `p, acme/x, acme, a, produce, allow\n${long}\nq\n` });
    assert.equal(found.length, 2, found.join("\n"));
    assert.match(found[0]!, /^policy\.csv:2:\d+: this line is longer than 65536 characters$/);
    assert.match(found[1]!, /^policy\.csv:3:1: unknown rule type "q"/);
  }
});

const matrixMistakes: [line: string, finding: string][] = [
  [
    "acme/billing, acme, orders, produce",
    "2:29: a line has 5 columns (principal, tenant, topic, action, allow or deny), this one has 4",
  ],
  [
    "role:x, acme, orders, produce, allow",
    `2:1: "role:x" is not a principal: expected TENANT/NAME, as in acme/billing`,
  ],
  ["*, acme, orders, produce, deny", `2:1: "*" is not a principal: expected TENANT/NAME, as in acme/billing`],
  ["acme/x, acme, ord*, produce, deny", `2:15: "ord*" is not a topic: expected a name (${names}) or *`],
  ["acme/x, acme, orders, prodcue, deny", `2:23: unknown action "prodcue"; did you mean "produce"?`],
  ["acme/x, acme, orders, produce, forbid", `2:32: unknown effect "forbid"; expected allow or deny`],
  ["acme/x, acmee, orders, produce, deny", `2:9: tenant "acmee" is not declared in tenants.yaml; did you mean "acme"?`],
  ["acme/billing,acme,orders,produce,allow", "2:1: the same as line 1"],
  [
    "acme/billing, acme, orders, produce, deny",
    "2:38: acme/billing produce acme/orders: expected deny, got allow by policy.csv:1",
  ],
  [
    "acme/x, acme, orders, produce, allow",
    "2:32: acme/x produce acme/orders: expected allow, got deny: no rule allows it",
  ],
  ["acme/billing, *, *, *, deny", "2:24: acme/billing produce acme/orders: expected deny, got allow by policy.csv:1"],
  [
    "acme/billing, acme, orders, *, allow",
    "2:32: acme/billing consume acme/orders: expected allow, got deny: no rule allows it (and 4 more of this line)",
  ],
];
describe("matrix.csv is refused for", () => {
  const first = "acme/billing, acme, orders, produce, allow\n";
  for (const [line, finding] of matrixMistakes) {
    test(JSON.stringify(line), async () => {
      assert.deepEqual(await mistakesIn({ "matrix.csv": `${first}${line}\n` }), [`matrix.csv:${finding}`]);
    });
  }

  const reach: [policy: string, matrix: string, holds: boolean, why: string][] = [
    [
      "p, acme/x, acme, a*, produce, allow",
      "acme/x, acme, *, *, deny",
      false,
      "a prefix gives names that are not spelled out",
    ],
    ["p, acme/x, acme, _audit, consume, allow", "acme/x, acme, *, *, deny", false, "nothing includes system topics"],
    [
      "p, acme/x, acme, *, *, allow\np, acme/y, acme, _audit, consume, allow",
      "acme/x, acme, *, *, allow",
      true,
      "everything does not include system topics",
    ],
    [
      "p, acme/x, acme, orders, *, allow",
      "acme/x, acme, *, *, allow",
      false,
      "everything includes topics that nobody names",
    ],
    [
      "p, acme/x, acme, *, *, allow\np, acme/x, acme, a.*, *, deny",
      "acme/x, acme, *, *, allow",
      false,
      "everything includes what a prefix denies",
    ],
    ["p, acme/x, *, *, *, allow", "acme/x, *, *, *, allow", true, "every tenant does not include _system"],
  ];
  for (const [policy, matrix, holds, why] of reach) {
    test(`${holds ? "nothing" : "a line that does not hold"} when ${why}`, async () => {
      const findings = await mistakesIn({ "policy.csv": `${policy}\n`, "matrix.csv": `${matrix}\n` });
      assert.equal(findings.length, holds ? 0 : 1, findings.join("\n"));
    });
  }
});

test("of very many mistakes the first fifty are told, and that there are more", async () => {
  const lines = Array.from({ length: 1_000 }, (_, line) => `nonsense ${line}\n`).join("");
  const findings = await mistakesIn({ "policy.csv": lines, "matrix.csv": "" });
  assert.equal(findings.length, 51);
  assert.match(findings[49]!, /^policy\.csv:50:1: /);
  assert.equal(findings[50], "policy.csv: there are more errors than these 50");
});

test("a circle of very many roles is cut short in its message", async () => {
  const lines = Array.from({ length: 3_000 }, (_, i) => `g, role:r${i}, role:r${(i + 1) % 3_000}, acme\n`).join("");
  const findings = await mistakesIn({ "policy.csv": lines, "matrix.csv": "" });
  assert.ok(findings.some((finding) => /go in a circle: .* → … \(lines .*, …\)$/.test(finding)));
  assert.ok(findings.join("\n").length < 2_000);
});

test("calls go on while a large file is judged", async () => {
  const lines = Array.from({ length: 60_000 }, (_, i) => `acme/u${i}, acme, t${i}, produce, deny\n`).join("");
  let turns = 0;
  const ticking = setInterval(() => turns++, 1);
  assert.deepEqual(await mistakesIn({ "matrix.csv": lines }), []);
  clearInterval(ticking);
  assert.ok(turns > 20, `${turns} turns`);
});

test("the mistakes of all files are reported together", async () => {
  const findings = await mistakesIn({
    "model.conf": exampleModel.replace("g = _, _, _", "g = _, _"),
    "tenants.yaml": "tenants:\n  acme: {}\n  GLOBEX: {}\n",
    "policy.csv": "p, acme/x, initech, orders, produce, Deny\n",
    "matrix.csv": "nonsense\n",
  });
  // With the list of tenants in doubt, none is called undeclared.
  assert.deepEqual(
    findings.map((finding) => finding.split(": ")[0]),
    ["model.conf:14:5", "tenants.yaml:3:3", "policy.csv:1:38", "matrix.csv:1:1"],
  );
});

const nothing = "this rule decides nothing";
describe("a policy can be used, with a warning, when", () => {
  const warnings: [what: string, policy: string, ...findings: string[]][] = [
    ["nobody has a role", "p, role:x, acme, a, produce, allow", "policy.csv:2:4: nobody has role:x in acme"],
    [
      "a role is only held elsewhere",
      "p, role:x, acme, a, produce, allow\ng, acme/y, role:x, globex",
      "policy.csv:2:4: nobody has role:x in acme",
      "policy.csv:3:12: no rule speaks of role:x in globex",
    ],
    ["no rule speaks of a role", "g, acme/y, role:x, *", "policy.csv:2:12: no rule speaks of role:x in any tenant"],
    [
      "a deny line is for a role that nobody has",
      "p, role:x, acme, a, produce, deny",
      "policy.csv:2:4: nobody has role:x in acme, so this denies nobody",
    ],
    [
      "a role for the platform is held in every tenant",
      "p, role:x, _system, a, admin, allow\np, role:x, acme, a, admin, allow\ng, acme/y, role:x, *",
      "policy.csv:2:4: nobody has role:x in _system (* is never _system)",
    ],
    [
      "a role is mistyped",
      "p, role:writer, acme, a, produce, allow\ng, acme/y, role:wirter, acme",
      `policy.csv:2:4: nobody has role:writer in acme; did you mean "role:wirter"?`,
      `policy.csv:3:12: no rule speaks of role:wirter in acme; did you mean "role:writer"?`,
    ],
    [
      "nobody has the role that has a role",
      "p, role:x, acme, a, produce, allow\ng, acme/y, role:x, acme\ng, role:z, role:x, acme",
      "policy.csv:4:4: nobody has role:z in acme",
    ],
    [
      "a deny line covers all that a line allows",
      "p, acme/x, acme, a.b, produce, allow\np, acme/x, *, a*, *, deny",
      `policy.csv:2:1: ${nothing}: line 3 denies all of it: p, acme/x, *, a*, *, deny`,
    ],
    [
      "a deny line for a role covers what a line allows to one who has it",
      "p, acme/x, acme, a, produce, allow\np, role:r, acme, a, produce, deny\ng, acme/x, role:q, *\ng, role:q, role:r, acme",
      `policy.csv:2:1: ${nothing}: line 3 denies all of it: p, role:r, acme, a, produce, deny`,
    ],
    [
      "a line allows what a wider one allows already",
      "p, acme/x, acme, a.b*, produce, allow\np, acme/x, acme, a.*, *, allow",
      `policy.csv:2:1: ${nothing}: line 3 allows all of it already: p, acme/x, acme, a.*, *, allow`,
    ],
    [
      "a line denies what a wider one denies already",
      "p, acme/x, *, a, produce, deny\np, acme/x, *, *, produce, deny",
      `policy.csv:2:1: ${nothing}: line 3 denies all of it already: p, acme/x, *, *, produce, deny`,
    ],
    [
      "a line opens writing to what the server alone writes to",
      "p, acme/x, acme, _offsets, produce, allow\np, acme/x, acme, _offsets, consume, allow",
      `policy.csv:2:1: ${nothing}: only reading can be opened of _offsets, which the server makes`,
    ],
  ];
  for (const [what, policy, ...findings] of warnings) {
    test(what, async () => {
      assert.deepEqual(await warningsIn({ "policy.csv": `${good}${policy}\n` }), findings);
    });
  }
  test("its matrix states nothing", async () => {
    assert.deepEqual(await warningsIn({ "matrix.csv": "# later\n" }), ["matrix.csv: this file states nothing"]);
  });
});

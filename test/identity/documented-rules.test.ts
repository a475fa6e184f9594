import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  certificateFacts,
  IdentityRefused,
  identityProblems,
  type IdentityRules,
  parseIdentityRules,
} from "../../src/identity/index.js";
import { formatPrincipal } from "../../src/names.js";
import { extension, TestAuthority, type TestAttribute } from "../support/certificates.js";
import { der, derSequence } from "../support/der.js";

const text = readFileSync(join(import.meta.dirname, "../../docs/identity.md"), "utf8");
const sections = text.split(/^##+ /m).slice(1);

const sanTags: Readonly<Record<string, number>> = { email: 0x81, DNS: 0x82, URI: 0x86 };

/** What the rules make of a certificate that is described as in the document's tables. */
async function judge(rules: IdentityRules, described: string): Promise<string> {
  const subject: TestAttribute[] = [];
  const names: Buffer[] = [];
  const authorities: string[] = [];
  let issuer = "somebody";
  for (const part of described.split("; ")) {
    const [, kind = "", separator, value = ""] = /^(\w+)([=: ])(.*)$/u.exec(part) ?? [];
    if (separator === "=") subject.push({ type: kind as "O" | "CN", value });
    else if (separator === ":") names.push(der(sanTags[kind]!, Buffer.from(value)));
    else if (kind === "CA") authorities.push(`fingerprint of ${value}`);
    else issuer = value;
  }
  const authority = await TestAuthority.create({ commonName: issuer });
  const extensions = names.length === 0 ? [] : [extension("2.5.29.17", derSequence(...names))];
  try {
    const facts = certificateFacts(authority.issue({ subject, extensions }).der);
    return `\`${formatPrincipal(rules.evaluate(facts, authorities).principal)}\``;
  } catch (error) {
    if (!(error instanceof IdentityRefused)) throw error;
    return `refused: \`${error.message}\``;
  }
}

describe("docs/identity.md says what happens", () => {
  for (const section of sections) {
    const [title = ""] = section.split("\n");
    const yaml = /^```yaml\n([^]*?)^```/m.exec(section)?.[1];
    if (yaml === undefined) continue;
    const rows = [...section.matchAll(/^\| `(.+?)` \| (`.+`|refused: `.+`) \|$/gm)];
    const rules = parseIdentityRules("identity.yaml", Buffer.from(yaml), (name) =>
      Promise.resolve([`fingerprint of ${name}`]),
    );

    test(`${title}: its rules can be used`, async () => {
      expect((await rules).rules.length).toBeGreaterThan(0);
      if (title !== "A rule") expect(rows.length).toBeGreaterThan(2);
    });

    if (title === "A rule") continue;
    test.each(rows.map(([, certificate, is]) => [certificate!, is!]))(`${title}: %s is %s`, async (certificate, is) => {
      expect(await judge(await rules, certificate)).toBe(is);
    });
  }

  test("about six kinds of rules", () => {
    expect(sections.filter((section) => section.includes("```yaml"))).toHaveLength(6);
  });

  test("about each reason to refuse somebody", () => {
    const section = sections.find((one) => one.startsWith("What is refused"))!;
    const words = [...section.matchAll(/^\| (`.+?`) \|/gm)].flatMap(([, cell]) => cell!.match(/\w+/g)!);
    expect(words.sort()).toEqual([...identityProblems].sort());
  });
});

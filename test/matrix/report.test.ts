import { expect, test } from "vitest";
import type { StatedCase } from "../../src/authz/index.js";
import { differencesIn } from "../../src/matrix/differences.js";
import { type MatrixReport, formatReport } from "../../src/matrix/index.js";
import type { TriedCell } from "../../src/matrix/try-cell.js";

function cellOf(text: string, expected: "allow" | "deny", line: number): StatedCase {
  const [principal, action, tenant, topic] = text.split(/[ /](?!billing|root)/) as [string, never, string, string];
  const why = "no rule allows it";
  return { principal, action, tenant, topic, rows: [{ line, expected }], decision: expected, why };
}

function tried(text: string, expected: "allow" | "deny", got: TriedCell["got"] = expected, line = 1): TriedCell {
  return {
    cell: cellOf(text, expected, line),
    got,
    attempts: [{ method: "Produce", got, ...(got === "neither" && { problem: "UNAVAILABLE: gone" }) }],
  };
}

function reportOf(changes: Partial<MatrixReport>): MatrixReport {
  return {
    ok: true,
    matrix: "policy/matrix.csv",
    policyVersion: "0123456789ab",
    authorities: [],
    serverCertificates: [],
    cells: [],
    outsiders: [],
    differences: [],
    axes: undefined,
    issued: [],
    hasAuthority: true,
    calls: 0,
    seconds: 1.25,
    madeMs: Date.UTC(2026, 10, 22, 12),
    by: { aclogVersion: "9.8.7", host: "there.example", runtime: "Node 20" },
    ...changes,
  };
}

function linesOf(report: MatrixReport): string[] {
  return formatReport(report, (kind, text) => (kind === "bad" ? `<${text.trim()}>` : text))
    .split("\n")
    .map((line) => line.trim().replace(/ +/g, " "));
}

test("topics about which the same came out share a line, and what is not as stated stands out", () => {
  const cells = [
    tried("acme/root produce acme/orders", "allow"),
    tried("acme/root produce acme/returns", "allow"),
    tried("acme/root consume acme/orders", "deny"),
    tried("acme/root consume acme/returns", "deny"),
    tried("acme/root produce acme/odd", "allow", "deny"),
    tried("acme/billing produce acme/odd", "deny", "neither"),
    { ...tried("acme/root admin _system/server", "allow"), attempts: [] },
  ];
  const lines = linesOf(reportOf({ cells }));
  expect(lines.slice(0, 9)).toEqual([
    "Topics of acme",
    "produce consume describe create delete admin",
    "acme/root orders, returns ✓ ✗ · · · ·",
    "acme/root odd <✗!> · · · · ·",
    "acme/billing odd <?!> · · · · ·",
    "",
    "Topics of _system",
    "produce consume describe create delete admin",
    "acme/root server · · · · · (✓)",
  ]);
});

test("long names and many topics are cut to a line that can be read", () => {
  const topics = ["x".repeat(200), ...Array.from({ length: 40 }, (_each, at) => `topic-${at}`)];
  const cells = topics.map((topic) => tried(`acme/root produce acme/${topic}`, "allow"));
  const lines = formatReport(reportOf({ cells }), (_kind, text) => text).split("\n");
  expect(lines[2]).toMatch(/^ {2}acme\/root {2}x{29}… and 40 more {2,}✓/);
  for (const line of lines.slice(0, 3)) expect(line.length).toBeLessThanOrEqual(120);
});

test("who was kept out, who was not, what was not tried, and who was given a certificate", () => {
  const lines = linesOf(
    reportOf({
      outsiders: [
        { who: "TLS without a certificate", refusal: "none was shown", kind: "no_certificate", problem: undefined },
        { who: "plain text, HTTP/2", refusal: undefined, kind: undefined, problem: "Produce answered" },
      ],
      hasAuthority: false,
      issued: ["acme/root", "acme/billing"],
    }),
  );
  expect(lines).toEqual(
    expect.arrayContaining([
      "✓ TLS without a certificate: kept out (none was shown)",
      "<!> plain text, HTTP/2: Produce answered",
      "· not tried without the authority's key: expired, for servers only, with a weak key or without a name, and others that it signed",
      "credential × action × resource × moment: not tried; --pairs and --full do",
      "Without a certificate, and given one for this run: acme/root, acme/billing",
      "policy/matrix.csv (version 0123456789ab): 0 cells, 0 calls on the wire, 1 of 2 outsiders kept out, 0 differences, 1.3 s",
    ]),
  );
});

test("differences come in the order of the file, then outsiders, then what the server calls errors", () => {
  const stored = tried("acme/billing produce acme/orders", "deny", "deny", 9);
  const cells = [
    stored,
    tried("acme/root produce acme/orders", "allow", "neither", 7),
    tried("acme/root admin acme/orders", "deny", "allow", 3),
    tried("acme/root consume acme/orders", "allow"),
  ];
  const outsiders = [
    { who: "plain text, HTTP/2", refusal: undefined, kind: undefined, problem: "Produce answered" },
    { who: "plain text, HTTP/1.1", refusal: "cut", kind: "protocol", problem: undefined },
  ];
  const strays = new Map([[stored.cell, "globex/orders"]]);
  const differences = differencesIn("policy/matrix.csv", cells, outsiders, strays, ["broken", "broken"]);
  const policy = "; the policy says";
  expect(differences).toEqual([
    {
      source: "policy/matrix.csv",
      line: 3,
      problem: `acme/root admin acme/orders: expected deny, got allow${policy} deny (no rule allows it)`,
    },
    {
      source: "policy/matrix.csv",
      line: 7,
      problem:
        "acme/root produce acme/orders: expected allow, " +
        `got Produce: UNAVAILABLE: gone${policy} allow (no rule allows it)`,
    },
    {
      source: "policy/matrix.csv",
      line: 9,
      problem:
        "acme/billing produce acme/orders: expected deny, " +
        "and it was refused, but what was sent is stored in globex/orders",
    },
    { problem: "plain text, HTTP/2 must not get in: Produce answered" },
    { problem: "the server reported an error: broken" },
  ]);
});

import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { afterEach, describe, test, vi } from "vitest";
import { CompiledPolicy } from "../../src/authz/compiled-policy.js";
import { Findings } from "../../src/authz/findings.js";
import { warnOfIdleRules } from "../../src/authz/idle-rules.js";
import { parseMatrix, runMatrix } from "../../src/authz/matrix-csv.js";
import { parsePolicy } from "../../src/authz/policy-csv.js";
import { RoleScopes } from "../../src/authz/role-scopes.js";
import { checkRoles, warnOfIdleRoles } from "../../src/authz/roles.js";
import { type SourceFile, sourceOf } from "../../src/authz/source-file.js";
import { parseTenants } from "../../src/authz/tenants-yaml.js";
import { defaultTenant } from "../../src/authz/tenants-yaml.js";
import { exampleModel } from "./policy-folder.js";

const count = 1_000;
const declared = Array.from({ length: 10 }, (_, number) => `tenant-${number}`);
const numbers = Array.from({ length: count }, (_, number) => number);
const roleLines = numbers.map((number) => {
  const tenant = declared[number % declared.length]!;
  return [
    `p, role:r${number}, ${tenant}, topic-${number}, produce, allow`,
    `g, role:m${number}, role:r${number}, ${tenant}`,
    `g, ${tenant}/x, role:m${number}, ${tenant}`,
  ].join("\n");
});

function source(name: string, text: string): SourceFile {
  return { source: name, bytes: Buffer.from(text), text, findings: new Findings(name) };
}

const manyLines = Buffer.alloc(15 * 1024 * 1024, "# a line\n");
manyLines[manyLines.length - 2] = 0xff;

/** How often waiting calls had their turn while the work was done, on a clock that goes on by 1 ms at each look. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => (now += 1));
  const waiting = { turns: 0, isOver: false };
  const done = work().finally(() => (waiting.isOver = true));
  while (!waiting.isOver) {
    await setImmediate();
    waiting.turns += 1;
  }
  await done;
  return waiting.turns;
}

afterEach(() => vi.restoreAllMocks());

describe("waiting calls have their turn all along while the server", async () => {
  const rows = await parsePolicy(source("policy.csv", roleLines.join("\n")), new Set(declared));
  const scopes = await RoleScopes.of(rows);
  const tenants = new Map(declared.map((tenant) => [tenant, defaultTenant]));
  const model = { text: exampleModel, isIndexable: true, isExact: true };
  const policy = await CompiledPolicy.build("1", model, tenants, rows);
  const stated = numbers.map((number) => `tenant-1/x, tenant-1, topic-${number}, produce, deny\n`).join("");
  const matrix = await parseMatrix(source("matrix.csv", stated), new Set(declared));
  const yaml = `tenants:\n${numbers.map((number) => `  tenant-${number}: {}\n`).join("")}`;

  const columnOfWarning = (): Promise<void> => {
    const findings = new Findings("policy.csv");
    findings.warn({ line: 3 * count, field: 1 }, "the last line");
    return findings.placeFields(roleLines.join("\n"));
  };

  const stretches: [what: string, steps: number, work: () => Promise<unknown>][] = [
    ["looks where bytes are not UTF-8", 60, () => sourceOf("policy.csv", manyLines)],
    ["looks through a line that has no end", 60, () => sourceOf("policy.csv", Buffer.alloc(15 * 1024 * 1024, ","))],
    ["reads tenants.yaml", 50 * count, () => parseTenants(source("tenants.yaml", yaml))],
    ["reads policy.csv", 3 * count, () => parsePolicy(source("policy.csv", roleLines.join("\n")), new Set(declared))],
    ["sorts out who has which role", 6 * count, () => RoleScopes.of(rows)],
    ["looks for circles of roles", 2 * count, () => checkRoles(scopes, new Findings("policy.csv"))],
    ["looks for idle roles", 3 * count, () => warnOfIdleRoles(rows, scopes, new Findings("policy.csv"))],
    ["looks for rules that decide nothing", count, () => warnOfIdleRules(rows, policy, new Findings("policy.csv"))],
    ["finds the column of a warning", 3 * count, () => columnOfWarning()],
    ["builds the index", 3 * count, () => CompiledPolicy.build("1", model, tenants, rows)],
    ["reads matrix.csv", count, () => parseMatrix(source("matrix.csv", stated), new Set(declared))],
    ["tries the matrix", count / 2, () => runMatrix(matrix, policy, new Findings("matrix.csv"))],
  ];
  for (const [what, steps, work] of stretches) {
    test(what, async () => {
      const turns = await turnsDuring(work);
      assert.ok(turns >= steps / 5, `${turns} turns in ${steps} steps`);
    });
  }
});

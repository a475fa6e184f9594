import { expect, test } from "vitest";
import { status } from "@grpc/grpc-js";
import { type Finding } from "../../src/errors.js";
import { PolicyRefused } from "../../src/policy-errors.js";
import { toStatus } from "../../src/transport/status.js";
import { decodeStatus, statusDetailsKey } from "../../src/wire/definition.js";

test("however many findings a policy has, the error that refuses it fits into the headers that it travels in", () => {
  const findings = Array.from({ length: 200 }, (_, index): Finding => {
    return { source: "policy.csv", line: index + 1, column: 3, problem: `unknown action ${"x".repeat(900)}` };
  });
  const error = new PolicyRefused("0123456789ab", findings);
  const { code, details, metadata } = toStatus(error);
  expect(code).toBe(status.INVALID_ARGUMENT);
  expect(details.length + (metadata.get(statusDetailsKey)[0] as Buffer).length).toBeLessThan(6 * 1024);
  const violations = decodeStatus(metadata.get(statusDetailsKey)[0] as Buffer).details.BadRequest!.fieldViolations;
  expect(violations.length).toBeGreaterThan(0);
  expect(violations[0]!.field).toBe("policy.csv:1:3");
  expect(error.message).toContain("and 199 more");
  expect(error.findings).toHaveLength(200);
});

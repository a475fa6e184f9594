import type { PolicyStatus, PolicyVersion } from "../activation/index.js";
import type { LoadedPolicy, PolicyReport, Refusal } from "../authz/index.js";
import { policyFileNames } from "../authz/index.js";
import type { Finding } from "../errors.js";
import type { FittingRule, RuleLine, Why } from "../review/index.js";
import type { Explanation } from "../wire/generated/policy/v1/Explanation.js";
import type { FilesResponse } from "../wire/generated/policy/v1/FilesResponse.js";
import type { Finding as WireFinding } from "../wire/generated/policy/v1/Finding.js";
import type { HistoryResponse } from "../wire/generated/policy/v1/HistoryResponse.js";
import type { Refusal as WireRefusal } from "../wire/generated/policy/v1/Refusal.js";
import type { Rule } from "../wire/generated/policy/v1/Rule.js";
import type { StatusResponse } from "../wire/generated/policy/v1/StatusResponse.js";
import type { ValidateResponse } from "../wire/generated/policy/v1/ValidateResponse.js";
import type { Version } from "../wire/generated/policy/v1/Version.js";

/** What the policy service knows, as messages. */

/** What one message holds of a file, in bytes. */
const partBytes = 256 * 1024;

export function versionOf({ basedOn, ...version }: PolicyVersion): Version {
  const { activatedMs, author, how } = version;
  return { version: version.version, activatedMs, author, how, basedOn: basedOn ?? "" };
}

export function statusOf({ active, filesVersion, refused, refusedMs }: PolicyStatus): StatusResponse {
  return { active: versionOf(active), filesVersion, refused: refused.map(findingOf), refusedMs: refusedMs ?? 0 };
}

export function historyOf(versions: readonly PolicyVersion[], size: number): HistoryResponse {
  return { versions: versions.slice(0, size).map(versionOf), truncated: versions.length > size };
}

export function validationOf({
  version,
  model,
  findings,
  warnings,
  counts,
  suspended,
}: PolicyReport): ValidateResponse {
  const told = { findings: findings.map(findingOf), warnings: warnings.map(findingOf) };
  return { version, model, ...told, ...counts, suspended: [...suspended] };
}

export function findingOf({ source, line = 0, column = 0, problem }: Finding): WireFinding {
  return { source, line, column, problem };
}

/** The files of a version, one after the other. */
export function* filesOf({ files }: LoadedPolicy): Generator<FilesResponse, void, undefined> {
  for (const name of policyFileNames) {
    const content = files.bytes[name]!;
    for (let at = 0; at === 0 || at < content.length; at += partBytes) {
      yield { version: files.version, part: { name, content: content.subarray(at, at + partBytes) } };
    }
  }
}

/** How much of an explanation its reader may see. */
export type Insight = "everything" | "the tenant's part" | "itself";

/** A refusal, without the server's folders where its reader does not administer the server. */
export function refusalOf({ rule, ...refusal }: Refusal, insight: Insight): WireRefusal {
  if (insight === "everything") return { ...refusal, rule: rule ?? "" };
  // What failed inside is for the log.
  const [reason = ""] = refusal.reason.split(":", 1);
  return { ...refusal, reason, rule: rule?.replace(/^.*?(?=policy\.csv:\d+: )/, "") ?? "" };
}

export function explanationOf(why: Why, insight: Insight): Explanation {
  const { policyVersion, question, decision, reason, rule, others, moreOthers, misses } = why;
  const own = { policyVersion, question, decision, reason, ...(rule && { rule: ruleOf(rule) }) };
  if (insight === "itself") return own;
  return {
    ...own,
    others: others.map(ruleOf),
    moreOthers,
    misses: misses.map(({ rule: missed, ...miss }) => ({ ...miss, rule: ruleOf(missed) })),
  };
}

function ruleOf({ through = [], ...line }: RuleLine & Partial<FittingRule>): Rule {
  return { ...line, through: [...through] };
}

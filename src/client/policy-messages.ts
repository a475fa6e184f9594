/** What the policy service is told and tells, as messages and as callers have it. */
import type { ExplanationOutput } from "../wire/generated/policy/v1/Explanation.js";
import type { FilePart } from "../wire/generated/policy/v1/FilePart.js";
import type { FindingOutput } from "../wire/generated/policy/v1/Finding.js";
import type { RefusalOutput } from "../wire/generated/policy/v1/Refusal.js";
import type { RuleOutput } from "../wire/generated/policy/v1/Rule.js";
import type { StatusResponseOutput } from "../wire/generated/policy/v1/StatusResponse.js";
import type { ValidateResponseOutput } from "../wire/generated/policy/v1/ValidateResponse.js";
import type { VersionOutput } from "../wire/generated/policy/v1/Version.js";
import type { WhyResponseOutput } from "../wire/generated/policy/v1/WhyResponse.js";
import { expected, isContent } from "./misuse.js";

/** The files of a policy by their names: `model.conf`, `tenants.yaml`, `policy.csv` and `matrix.csv`. */
export type PolicyFilesInput = Readonly<Record<string, string | Uint8Array>>;

/** A version that came into force. */
export interface PolicyVersionInfo {
  /** 12 hexadecimal digits. */
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly activatedMs: number;
  /** `ops/root`; or `files`, for whoever changed the files of the server. */
  readonly author: string;
  /** `start`, `files`, `activate` or `rollback`. */
  readonly how: string;
  /** The version that was in force before; undefined for the first one. */
  readonly basedOn: string | undefined;
}

/** What is wrong, or worth a look, in a file. Lines and columns count from 1. */
export interface PolicyFinding {
  readonly source: string;
  readonly line?: number;
  readonly column?: number;
  readonly problem: string;
}

export interface PolicyStatusInfo {
  readonly active: PolicyVersionInfo;
  readonly filesVersion: string;
  /** Why the server's files are not what is in force. */
  readonly refused: readonly PolicyFinding[];
  readonly refusedMs: number | undefined;
}

export interface PolicyValidation {
  /** The version that these files have or would have. */
  readonly version: string;
  /** Whether rules have a tenant, or Casbin's three columns. */
  readonly model: "tenants" | "simple";
  /** None: they can come into force. */
  readonly findings: readonly PolicyFinding[];
  readonly warnings: readonly PolicyFinding[];
  readonly counts: {
    readonly tenants: number;
    readonly rules: number;
    readonly assignments: number;
    readonly matrixRows: number;
  };
  /** Tenants of which no client gets in. */
  readonly suspended: readonly string[];
}

/** A refusal as the server's log has it. */
export type RefusalInfo = Readonly<Omit<RefusalOutput, "timeMs" | "rule">> & {
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  /** The rule that denied it, with its place; undefined where no rule allowed it. */
  readonly rule: string | undefined;
};

/** What a policy says to a question, and why, as `aclog policy why --json` prints it. */
export type ExplanationInfo = Readonly<Omit<ExplanationOutput, "rule">> & { readonly rule: RuleOutput | undefined };

export interface WhyAnswer {
  /** Where it was asked about a refusal. */
  readonly refusal: RefusalInfo | undefined;
  readonly explanation: ExplanationInfo;
}

/** What one message brings of a file, in bytes. */
const partBytes = 1024 * 1024;

/** The first message says `first` too; it is there also without files. */
export function* partsOf<First extends object>(
  files: PolicyFilesInput | undefined,
  first?: First,
): Generator<Partial<First> & { readonly part?: FilePart }, void, undefined> {
  let more: Partial<First> = first ?? {};
  if (files === undefined || Object.keys(files).length === 0) {
    yield more;
    return;
  }
  for (const [name, text] of Object.entries(files)) {
    if (!isContent(text)) throw expected(name, "text or bytes", text);
    const bytes = Buffer.from(text as Uint8Array);
    for (let at = 0; at === 0 || at < bytes.length; at += partBytes) {
      yield { ...more, part: { name, content: bytes.subarray(at, at + partBytes) } };
      more = {};
    }
  }
}

export function versionFromWire({ activatedMs, basedOn, ...rest }: VersionOutput): PolicyVersionInfo {
  return { ...rest, activatedMs: Number(activatedMs), basedOn: basedOn === "" ? undefined : basedOn };
}

export function statusFromWire({ active, filesVersion, refused, refusedMs }: StatusResponseOutput): PolicyStatusInfo {
  return {
    active: versionFromWire(active!),
    filesVersion,
    refused: refused.map(findingFromWire),
    refusedMs: refusedMs === 0n ? undefined : Number(refusedMs),
  };
}

export function validationFromWire(answer: ValidateResponseOutput): PolicyValidation {
  const { version, model, findings, warnings, suspended, ...counts } = answer;
  return {
    version,
    model: model === "simple" ? "simple" : "tenants",
    findings: findings.map(findingFromWire),
    warnings: warnings.map(findingFromWire),
    counts,
    suspended,
  };
}

export function whyFromWire({ refusal, explanation }: WhyResponseOutput): WhyAnswer {
  return {
    refusal: refusal === null ? undefined : refusalFromWire(refusal),
    explanation: { ...explanation!, rule: explanation!.rule ?? undefined },
  };
}

function refusalFromWire({ timeMs, rule, ...rest }: RefusalOutput): RefusalInfo {
  return { ...rest, timeMs: Number(timeMs), rule: rule === "" ? undefined : rule };
}

function findingFromWire({ source, line, column, problem }: FindingOutput): PolicyFinding {
  return { source, ...(line > 0 && { line }), ...(column > 0 && { column }), problem };
}

import { type LoadedPolicy, type MatrixRow, Pace, type PolicyFileName, policyFileNames } from "../authz/index.js";
import type { TenantLimits } from "../tenant-limits.js";
import { defaultTenantStanding } from "../tenant-standing.js";
import { matcherAsWritten } from "./diff-model.js";

/** A line that one of the policies has and the other has not. */
export interface ChangedLine {
  readonly side: "old" | "new";
  /** `policy/matrix.csv:7` */
  readonly place: string;
  readonly text: string;
}

export interface LimitChange {
  readonly tenant: string;
  readonly limit: keyof TenantLimits;
  readonly old: number;
  readonly new: number;
}

/** Of a tenant whose principals are let in otherwise: `suspended`, or the authorities that it is bound to. */
export interface StandingChange {
  readonly tenant: string;
  readonly setting: "suspended" | "ca";
  readonly old: string;
  readonly new: string;
  /** Whether somebody may be let in whom the old policy kept out. */
  readonly widens: boolean;
}

/** In the place of authorities: each that no tenant is bound to. */
export const anyAuthority = "any";

/** What the files say otherwise, beside who may do what. */
export interface SettingChanges {
  readonly tenants: { readonly declared: readonly string[]; readonly undeclared: readonly string[] };
  /** Of tenants that both policies declare; of one that is declared anew, where it is not the default. */
  readonly limits: readonly LimitChange[];
  /** The same of who its principals are. */
  readonly standings: readonly StandingChange[];
  readonly matcher: { readonly old: string; readonly new: string } | undefined;
  readonly matrix: readonly ChangedLine[];
}

/** @param only what concerns this tenant alone */
export async function settingChanges(
  older: LoadedPolicy,
  newer: LoadedPolicy,
  only: string | undefined,
): Promise<SettingChanges> {
  const concerns = (tenant: string): boolean => only === undefined || tenant === only;
  const absent = (from: LoadedPolicy, { tenants }: LoadedPolicy): string[] =>
    [...from.tenants.keys()].filter((tenant) => !tenants.has(tenant) && concerns(tenant)).sort();
  const concerned = [...newer.tenants.keys()].filter(concerns).sort();
  const [old, now] = [matcherAsWritten(older), matcherAsWritten(newer)];
  return {
    tenants: { declared: absent(newer, older), undeclared: absent(older, newer) },
    limits: concerned.flatMap((tenant) => limitChanges(older, newer, tenant)),
    standings: concerned.flatMap((tenant) => standingChanges(older, newer, tenant)),
    matcher: old === now || only !== undefined ? undefined : { old, new: now },
    matrix: [
      ...(await rowsBeyond(older, newer, "old", concerns)),
      ...(await rowsBeyond(newer, older, "new", concerns)),
    ],
  };
}

/** The files that are written in another way and say the same, order and comments aside. */
export function differInTextAlone(
  older: LoadedPolicy,
  newer: LoadedPolicy,
  settings: SettingChanges,
  hasChangedLines: boolean,
): PolicyFileName[] {
  const { tenants, limits, standings, matcher, matrix } = settings;
  const saysOtherwise: Record<PolicyFileName, boolean> = {
    "model.conf": matcher !== undefined,
    "tenants.yaml": tenants.declared.length + tenants.undeclared.length + limits.length + standings.length > 0,
    "policy.csv": hasChangedLines,
    "matrix.csv": matrix.length > 0,
  };
  return policyFileNames.filter((name) => {
    const [one, other] = [older, newer].map(({ files }) => files.files[name].bytes);
    return !saysOtherwise[name] && one !== undefined && other !== undefined && !one.equals(other);
  });
}

function limitChanges(older: LoadedPolicy, newer: LoadedPolicy, tenant: string): LimitChange[] {
  // Of a tenant that is not declared, these are the defaults.
  const [before, after] = [older.compiled.limitsOf(tenant), newer.compiled.limitsOf(tenant)];
  return (Object.keys(after) as (keyof TenantLimits)[])
    .filter((limit) => before[limit] !== after[limit])
    .map((limit) => ({ tenant, limit, old: before[limit], new: after[limit] }));
}

function standingChanges(older: LoadedPolicy, newer: LoadedPolicy, tenant: string): StandingChange[] {
  const isAnew = !older.tenants.has(tenant);
  const before = older.compiled.standingOf(tenant) ?? defaultTenantStanding;
  const after = newer.compiled.standingOf(tenant)!;
  const changes: StandingChange[] = [];
  if (before.isSuspended !== after.isSuspended) {
    const [old, now] = [`${before.isSuspended}`, `${after.isSuspended}`];
    changes.push({ tenant, setting: "suspended", old, new: now, widens: before.isSuspended });
  }
  const [old, now] = [before, after].map(({ authorities = [anyAuthority] }) => authorities.toSorted().join(", "));
  if (old !== now) {
    const isNarrower =
      before.authorities === undefined ||
      after.authorities?.every((each) => before.authorities?.includes(each)) === true;
    changes.push({ tenant, setting: "ca", old: old!, new: now!, widens: !isAnew && !isNarrower });
  }
  return changes;
}

async function rowsBeyond(
  policy: LoadedPolicy,
  other: LoadedPolicy,
  side: "old" | "new",
  concerns: (tenant: string) => boolean,
): Promise<ChangedLine[]> {
  const pace = new Pace();
  const known = new Set<string>();
  for (const row of other.matrix) {
    known.add(matrixText(row));
    await pace.step();
  }
  const { source } = policy.files.files["matrix.csv"];
  const lines: ChangedLine[] = [];
  for (const row of policy.matrix) {
    const text = matrixText(row);
    if (!known.has(text) && concerns(row.tenant)) lines.push({ side, place: `${source}:${row.line}`, text });
    await pace.step();
  }
  return lines;
}

/** `acme/billing, acme, orders, produce, allow` */
export function matrixText({ principal, tenant, topic, action, expected }: MatrixRow): string {
  return [principal, tenant, topic, action, expected].join(", ");
}

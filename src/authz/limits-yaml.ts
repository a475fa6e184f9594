import { isMap, isScalar, type Node } from "yaml";
import { didYouMean } from "../suggest.js";
import { type TenantLimits, defaultTenantLimits } from "../tenant-limits.js";
import { type Findings, type Place, oneOf, quote } from "./findings.js";

const units: Readonly<Record<string, number>> = {
  "": 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

/** What may stand behind each key. The upper ends of the two sizes are what the server takes of anyone. */
const ranges: { readonly [Limit in keyof TenantLimits]: Range } = {
  storage_bytes: { from: 0, to: Number.MAX_SAFE_INTEGER, bytes: true },
  topics: { from: 0, to: Number.MAX_SAFE_INTEGER, bytes: false },
  connections: { from: 1, to: Number.MAX_SAFE_INTEGER, bytes: false },
  streams: { from: 0, to: Number.MAX_SAFE_INTEGER, bytes: false },
  record_bytes: { from: 1, to: defaultTenantLimits.record_bytes, bytes: true },
  batch_bytes: { from: 1, to: defaultTenantLimits.batch_bytes, bytes: true },
};

interface Range {
  readonly from: number;
  readonly to: number;
  /** Whether a unit may stand behind the number. */
  readonly bytes: boolean;
}

/** Reads the map behind `limits:`. What is not stated, and what is refused, is as by default. */
export function readLimits(
  node: unknown,
  name: string,
  findings: Findings,
  placeOf: (node: unknown) => Place,
): TenantLimits {
  if (node === undefined) return defaultTenantLimits;
  const limits: Record<string, number> = {};
  if (isScalar(node) && node.value === null) return defaultTenantLimits;
  if (!isMap(node)) {
    findings.error(placeOf(node), `${quote(name)} must be a map, as in "limits:" with "  topics: 100" below it`);
    return defaultTenantLimits;
  }
  for (const { key, value } of node.items) {
    const limit = isScalar(key) ? String(key.value) : "";
    if (!isLimit(limit)) {
      const known = Object.keys(ranges);
      const hint = didYouMean(limit, known) || `; expected ${oneOf(known)}`;
      findings.error(placeOf(key), `unknown limit ${quote(limit)}${hint}`);
      continue;
    }
    const number = numberOf(value as Node | null, ranges[limit]);
    if (typeof number === "string") {
      const found = isScalar(value) && value.source ? `, found ${quote(value.source)}` : "";
      findings.error(placeOf(value ?? key), `${limit} must be ${number}${found}`);
    } else limits[limit] = number;
  }
  return Object.freeze({ ...defaultTenantLimits, ...limits });
}

function isLimit(key: string): key is keyof TenantLimits {
  return Object.hasOwn(ranges, key);
}

/** The number, or what it should have been. */
function numberOf(node: Node | null, { from, to, bytes }: Range): number | string {
  const [, digits, unit] = (isScalar(node) && /^(0|[1-9]\d*) ?([KMGT]iB)?$/.exec(node.source ?? "")) || [];
  const number = Number(digits) * units[unit ?? ""]!;
  // A quoted number is as good: there is nothing else that it could mean.
  const isGood = digits !== undefined && (bytes || unit === undefined) && number >= from && number <= to;
  if (isGood) return number;
  const kind = bytes ? "a whole number of bytes, or one of KiB, MiB, GiB or TiB," : "a whole number";
  return to === Number.MAX_SAFE_INTEGER ? `${kind} of at least ${from}` : `${kind} from ${from} to ${to}`;
}

import { isMap, isScalar, isSeq } from "yaml";
import { type TenantStanding, defaultTenantStanding } from "../tenant-standing.js";
import { type Findings, type Place, quote } from "./findings.js";

/** Of SHA-256, as openssl and browsers write it. */
const fingerprintForm = /^(?:[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){31}|[0-9A-Fa-f]{64})$/;
/** Too much like a fingerprint to be meant as the name of a file. */
const likeFingerprint = /^[0-9A-Fa-f]{40,}$|:/;
const maxNameLength = 255;

/** Reads `suspended:` and `ca:` of one tenant. What is refused is as by default. @param name as in `tenants.acme` */
export function readStanding(
  node: unknown,
  name: string,
  findings: Findings,
  placeOf: (node: unknown) => Place,
): TenantStanding {
  if (!isMap(node)) return defaultTenantStanding;
  const [suspended, ca] = ["suspended", "ca"].map((key) => node.get(key, true) as unknown);
  return Object.freeze({
    isSuspended: suspended !== undefined && readSuspended(suspended),
    authorities: ca === undefined ? undefined : readAuthorities(ca),
  });

  function readSuspended(value: unknown): boolean {
    if (isScalar(value) && typeof value.value === "boolean") return value.value;
    findings.error(placeOf(value), `${quote(`${name}.suspended`)} must be true or false${found(value)}`);
    return false;
  }

  function readAuthorities(value: unknown): readonly string[] {
    const items = isSeq(value) ? value.items : [value];
    if (items.length === 0) findings.error(placeOf(value), `${quote(`${name}.ca`)} must name at least one authority`);
    const authorities = new Set<string>();
    for (const item of items) {
      const authority = isScalar(item) ? authorityOf(item.source ?? "") : undefined;
      if (authority === undefined) {
        const expected =
          "the SHA-256 fingerprint of an authority, as in AB:CD:…, or the plain name of a file, as in acme.crt";
        findings.error(placeOf(item), `${quote(`${name}.ca`)} must be ${expected}${found(item)}`);
      } else if (authorities.has(authority)) {
        findings.error(placeOf(item), `${quote(authority)} stands in ${quote(`${name}.ca`)} twice`);
      } else authorities.add(authority);
    }
    return [...authorities];
  }
}

/** A fingerprint as `AB:CD:…`, or the name of a file as it is. */
function authorityOf(text: string): string | undefined {
  if (fingerprintForm.test(text)) return text.toUpperCase().replaceAll(":", "").match(/../g)!.join(":");
  const isName = text !== "" && text !== "." && text !== ".." && text.length <= maxNameLength;
  return isName && !/[/\\]/.test(text) && !likeFingerprint.test(text) ? text : undefined;
}

function found(node: unknown): string {
  return isScalar(node) && node.source ? `, found ${quote(node.source)}` : "";
}

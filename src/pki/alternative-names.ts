import { isIP } from "node:net";
import { OperatorError } from "../errors.js";
import type { AlternativeNames } from "./extensions.js";

const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;
const trustDomain = /^[a-z0-9._-]{1,255}$/;
const pathSegment = /^[A-Za-z0-9._-]+$/;
const longestSpiffeId = 2048;

/**
 * @throws OperatorError that names every one that nobody could be reached or known by
 */
export function checkAlternativeNames({ dns = [], ip = [], email = [], uri = [] }: AlternativeNames): void {
  const problems = [
    ...dns.filter((name) => !isDnsName(name)).map((name) => `${JSON.stringify(name)} is not a DNS name`),
    ...ip
      .filter((address) => isIP(address) === 0 || address.includes("%"))
      .map((text) => `${JSON.stringify(text)} is not an IP address`),
    ...email.filter((address) => !isEmail(address)).map((text) => `${JSON.stringify(text)} is not an e-mail address`),
    ...uri
      .filter((id) => !isSpiffeId(id))
      .map((id) => `${JSON.stringify(id)} is not a SPIFFE ID: spiffe://TRUST-DOMAIN/PATH`),
    // The SPIFFE X.509-SVID specification, section 2: exactly one.
    ...(uri.length > 1 ? ["a certificate has one SPIFFE ID at most"] : []),
  ];
  if (problems.length > 0) throw new OperatorError(problems.join("; "));
}

function isDnsName(name: string): boolean {
  const [first, ...others] = name.split(".");
  const labels = first === "*" && others.length > 1 ? others : [first!, ...others];
  return name.length <= 253 && labels.every((each) => label.test(each)) && isIP(name) === 0;
}

function isEmail(address: string): boolean {
  const [local, domain, ...others] = address.split("@");
  if (domain === undefined || others.length > 0 || address.length > 254) return false;
  return /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}$/.test(local!) && isDnsName(domain) && !domain.startsWith("*");
}

/** The SPIFFE ID specification, section 2, and of X.509-SVID section 4.1: a leaf's is more than its trust domain. */
function isSpiffeId(id: string): boolean {
  const [, domain, path] = /^spiffe:\/\/([^/]*)\/(.*)$/.exec(id) ?? [];
  if (domain === undefined || id.length > longestSpiffeId || !trustDomain.test(domain)) return false;
  return path!.split("/").every((segment) => pathSegment.test(segment) && segment !== "." && segment !== "..");
}

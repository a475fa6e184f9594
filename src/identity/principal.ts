import { isPrincipalName, isTenantName, type Principal } from "../names.js";
import { certificateFacts } from "./certificate.js";
import { hexByte } from "./der.js";
import type { DistinguishedName, NameAttribute } from "./distinguished-name.js";
import { IdentityRefused } from "./identity.js";

const organizationOid = "2.5.4.10";
const commonNameOid = "2.5.4.3";
const clientAuthOid = "1.3.6.1.5.5.7.3.2";

// All three write ASCII as ASCII, so one sequence of bytes is one name whichever of them is used.
const plainStringTags: ReadonlySet<number> = new Set([0x0c, 0x13, 0x16]);
const utf8StringTag = 0x0c;

const otherStringNames: Readonly<Record<number, string>> = {
  0x12: "NumericString",
  0x14: "TeletexString",
  0x15: "VideotexString",
  0x19: "GraphicString",
  0x1a: "VisibleString",
  0x1b: "GeneralString",
  0x1c: "UniversalString",
  0x1e: "BMPString",
};

const maxShownCharacters = 64;

/**
 * The principal of a client's certificate: tenant from its only O, name from its only CN. Other attributes mean nothing.
 * Trust and validity are for TLS to judge, before this is asked.
 *
 * @param isDeclaredTenant whether the policy declares a tenant of this (valid) name
 * @param isBreakGlass whether this is who gets in although his tenant may not be declared
 * @returns a frozen principal
 * @throws IdentityRefused when anything is missing, doubled, oddly encoded, invalid or not declared
 */
export function principalFromCertificate(
  der: Buffer,
  isDeclaredTenant: (name: string) => boolean,
  isBreakGlass: (principal: Principal) => boolean = () => false,
): Principal {
  const facts = certificateFacts(der);
  if (facts.basicConstraints?.isCa === true)
    throw new IdentityRefused("authority_as_client", "the certificate is an authority's, not a client's");
  if (facts.extendedKeyUsage?.includes(clientAuthOid) !== true) {
    throw new IdentityRefused("wrong_usage", "the certificate lacks the clientAuth usage");
  }
  const tenant = nameIn(facts.subject, organizationOid, "O", "tenant", isTenantName);
  const name = nameIn(facts.subject, commonNameOid, "CN", "principal", isPrincipalName);
  const principal = Object.freeze({ tenant, name });
  if (!isDeclaredTenant(tenant) && !isBreakGlass(principal)) {
    throw new IdentityRefused("tenant_undeclared", `tenant "${tenant}" is not declared`);
  }
  return principal;
}

function nameIn(
  subject: DistinguishedName,
  oid: string,
  label: string,
  kind: string,
  isValid: (name: string) => boolean,
): string {
  const rdns = subject.filter((rdn) => rdn.some((attribute) => attribute.oid === oid));
  const values = rdns.flat().filter((attribute) => attribute.oid === oid);
  const [value, ...others] = values;
  if (value === undefined) throw new IdentityRefused("no_name", `the subject has no ${label} value`);
  if (others.length > 0)
    throw new IdentityRefused("no_name", `the subject has ${count(values.length)} ${label} values`);
  if (rdns[0]!.length > 1) throw new IdentityRefused("no_name", `${label} is in a multi-valued RDN`);
  if (!plainStringTags.has(value.tag)) {
    throw new IdentityRefused(
      "no_name",
      `${label} is encoded as ${otherStringNames[value.tag] ?? `tag ${hexByte(value.tag)}`}`,
    );
  }
  // Byte for byte, so that nothing outside ASCII can turn into a letter on the way.
  const name = value.bytes.toString("latin1");
  if (!isValid(name)) throw new IdentityRefused("no_name", `${label} is not a valid ${kind} name: ${shown(value)}`);
  return name;
}

function count(number: number): string {
  return number === 2 ? "two" : `${number}`;
}

/** In quotes, on one line, in ASCII without blanks, and not much longer than a name can be. */
function shown({ tag, bytes }: NameAttribute): string {
  const text = tag === utf8StringTag ? decodeUtf8(bytes) : undefined;
  const escaped =
    text === undefined
      ? Array.from(bytes.subarray(0, maxShownCharacters), (byte) => escape(byte, "\\x", 2))
      : Array.from(text.slice(0, maxShownCharacters).split(""), (unit) => escape(unit.charCodeAt(0), "\\u", 4));
  const cut = (text ?? bytes).length > maxShownCharacters ? "..." : "";
  return `"${escaped.join("")}"${cut}`;
}

function escape(code: number, prefix: string, digits: number): string {
  const isPlain = code > 0x20 && code < 0x7f && code !== 0x22 && code !== 0x5c;
  return isPlain ? String.fromCharCode(code) : prefix + code.toString(16).padStart(digits, "0");
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined;
  }
}

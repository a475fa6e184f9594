/** Which names an authority may vouch for (RFC 5280, 4.2.1.10), judged as OpenSSL judges it in a handshake. */
import { comparableName, lowerCase, textOf } from "../same-name.js";
import type { CertificateFacts } from "./certificate.js";
import { type DerElement, DerError, DerReader, decodeCount, tags } from "./der.js";
import { type DistinguishedName, attributeOids, readName } from "./distinguished-name.js";
import { emailTag, directoryNameTag, dnsTag, uriTag } from "./extensions.js";

/** All names of a kind that are within one. */
interface Subtree {
  /** A GeneralName; an authority that may vouch for it may vouch for what is below it. */
  readonly base: DerElement;
  /** It speaks only of some of the names below, which nobody does. */
  readonly isPartial: boolean;
}

export interface NameConstraints {
  /** Of the kinds of names that stand here, no others. */
  readonly permitted: readonly Subtree[];
  readonly excluded: readonly Subtree[];
}

/** @throws DerError */
export function readNameConstraints(value: Buffer): NameConstraints {
  const outer = new DerReader(value);
  const constraints = outer.enter(tags.sequence, "the name constraints");
  outer.end("the name constraints");
  const [permitted, excluded] = [0xa0, 0xa1].map((tag) => subtreesIn(constraints.optional(tag)));
  constraints.end("the name constraints");
  return { permitted: permitted!, excluded: excluded! };
}

function subtreesIn(content: Buffer | undefined): Subtree[] {
  const list = new DerReader(content ?? Buffer.alloc(0));
  const subtrees: Subtree[] = [];
  while (!list.atEnd) {
    const subtree = list.enter(tags.sequence, "a subtree");
    const base = subtree.next();
    const minimum = subtree.optional(0x80);
    const maximum = subtree.optional(0x81);
    subtree.end("a subtree");
    subtrees.push({ base, isPartial: maximum !== undefined || (minimum !== undefined && decodeCount(minimum) !== 0) });
  }
  return subtrees;
}

/** So many comparisons nobody needs. */
const maxComparisons = 1 << 16;

/**
 * Whether an authority with these constraints may vouch for the certificate. What cannot be judged is as good as forbidden.
 * @param isLeaf whether it is the one at the end of its chain, whose common name may be a host's
 */
export function mayVouchFor(
  { permitted, excluded }: NameConstraints,
  facts: CertificateFacts,
  isLeaf: boolean,
): boolean {
  const names = namesOf(facts, isLeaf);
  if (names.length * (permitted.length + excluded.length) > maxComparisons) return false;
  return names.every((name) => {
    const [allowed, forbidden] = [permitted, excluded].map((all) => all.filter(({ base }) => base.tag === name.tag));
    const isIn = ({ base, isPartial }: Subtree) => (isPartial ? undefined : isWithin(name, base));
    const isAllowed = allowed!.length === 0 || allowed!.some((subtree) => isIn(subtree) === true);
    return isAllowed && forbidden!.every((subtree) => isIn(subtree) === false);
  });
}

type Name = { readonly tag: number; readonly content: Buffer | DistinguishedName };

function namesOf({ subject, alternativeNames }: CertificateFacts, isLeaf: boolean): readonly Name[] {
  const names: Name[] = [...alternativeNames.all];
  if (subject.length > 0) names.push({ tag: directoryNameTag, content: subject });
  for (const { oid, tag, bytes } of subject.flat()) {
    if (oid === attributeOids.emailAddress) {
      // OpenSSL takes no other string for an address; without an @ it is none that could be judged.
      names.push({ tag: emailTag, content: tag === tags.ia5String ? bytes : Buffer.alloc(0) });
    }
    if (oid !== attributeOids.CN || !isLeaf || alternativeNames.dnsNames.length > 0) continue;
    const host = textOf(tag, bytes)?.replaceAll("\0", "") ?? "";
    if (hostName.test(host)) names.push({ tag: dnsTag, content: Buffer.from(host) });
  }
  return names;
}

/** Of two labels at least. */
const hostName = /^\w(?:[\w-]*\w)?(?:\.\w(?:[\w-]*\w)?)+$/;

/** Undefined where it cannot be judged. */
function isWithin(name: Name, base: DerElement): boolean | undefined {
  if (name.tag === directoryNameTag) return isBelow(name.content, base.content);
  const content = name.content as Buffer;
  switch (name.tag) {
    case dnsTag:
      return isHostBelow(hostIn(content), hostIn(base.content));
    case emailTag:
      return isAddressAt(content, base.content);
    case uriTag:
      return isUriAt(hostIn(content), hostIn(base.content));
    case addressTag:
      return isAddressIn(content, base.content);
    default:
      return undefined;
  }
}

const addressTag = 0x87;

/** Hosts have no capital letters. */
function hostIn(bytes: Buffer): string {
  return lowerCase(bytes.toString("latin1"));
}

function isBelow(name: Name["content"], base: Buffer): boolean | undefined {
  try {
    const [whole, above] = [Buffer.isBuffer(name) ? readName(name, "a name") : name, readName(base, "a name")];
    return comparableName(whole.slice(0, above.length)) === comparableName(above);
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

function isHostBelow(host: string, base: string): boolean {
  return host === base || base === "" || host.endsWith(base.startsWith(".") ? base : `.${base}`);
}

/** A host alone, all hosts below one, or one address, whose first part is compared as it is written. */
function isAddressAt(address: Buffer, base: Buffer): boolean | undefined {
  const [text, wanted] = [address.toString("latin1"), base.toString("latin1")];
  const at = text.lastIndexOf("@");
  if (at === -1) return undefined;
  const host = lowerCase(text.slice(at + 1));
  const wantedAt = wanted.lastIndexOf("@");
  if (wantedAt > 0 && wanted.slice(0, wantedAt) !== text.slice(0, at)) return false;
  return isHostAt(host, lowerCase(wanted.slice(wantedAt + 1)));
}

function isUriAt(uri: string, base: string): boolean | undefined {
  const host = /^[^:]*:\/\/([^:/?#]+)/.exec(uri)?.[1];
  return host === undefined ? undefined : isHostAt(host, base);
}

function isHostAt(host: string, base: string): boolean {
  return base.startsWith(".") ? host.length > base.length && host.endsWith(base) : host === base;
}

/** The address and the mask stand one behind the other. */
function isAddressIn(address: Buffer, base: Buffer): boolean | undefined {
  if (![4, 16].includes(address.length) || ![8, 32].includes(base.length)) return undefined;
  if (base.length !== 2 * address.length) return false;
  return address.every((byte, at) => ((byte ^ base[at]!) & base[address.length + at]!) === 0);
}

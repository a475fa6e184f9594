import { X509Certificate } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { formatPrincipal, type Principal } from "../names.js";
import { type Authority, authoritiesIn, isIssuedBy } from "./authorities.js";
import { type IndexEntry, readIndex } from "./certificate-index.js";
import { distinguishedName } from "./inspect.js";
import { entryOf } from "./leaf.js";
import { listOf, listsIn } from "./lists.js";
import { clientStem } from "./places.js";
import { describeRevoked } from "./revocation-list.js";

/** A certificate of an authority of the folder, and how it stands now. */
export interface Holding extends IndexEntry {
  /** `replaced`: still valid, but another one is in its file. */
  readonly state: "valid" | "replaced" | "revoked" | "expired";
}

/** An authority of the folder, and until when its list of what it revoked is good. */
export interface AuthorityHolding extends Authority {
  /** As RFC 4514 writes it; its own name where it is a root. */
  readonly issuer: string;
  readonly notAfter: Date;
  /** Undefined where there is none. */
  readonly list: { readonly nextUpdate: Date | undefined; readonly revoked: number } | undefined;
}

/** What is known of a folder: what the index says, the files that lie there, and the revocation lists, together. */
export interface Holdings {
  readonly authorities: readonly AuthorityHolding[];
  /** The oldest first. */
  readonly certificates: readonly Holding[];
}

/**
 * @throws OperatorError when the index or a list is damaged
 */
export async function holdingsIn(directory: string): Promise<Holdings> {
  const authorities = distinct(await authoritiesIn(directory));
  const index = await readIndex(directory);
  const files = await certificatesByFile(directory, index);
  const names = new Set(authorities.map(({ name }) => name));
  const known = new Set(index.map(keyOf));
  const unknown = [...files]
    .filter(([, each]) => !each.ca && authorities.some(({ certificate }) => isIssuedBy(each, certificate)))
    .map(([file, each]) => entryOf(each, file))
    .filter((entry) => !known.has(keyOf(entry)));
  const revoked = new Map<string, NonNullable<IndexEntry["revoked"]>>();
  const holdings: AuthorityHolding[] = [];
  for (const authority of authorities) {
    const list = listOf(directory, authority, await listsIn(directory, authority.stem));
    for (const each of list?.revoked ?? []) {
      const { revokedAt: at, reason } = describeRevoked(each);
      revoked.set(keyOf({ issuer: authority.name, serial: each.serial }), { at, reason });
    }
    const notAfter = new Date(authority.certificate.validTo);
    holdings.push({
      ...authority,
      issuer: distinguishedName(authority.certificate.issuer),
      notAfter,
      list: list && { nextUpdate: list.nextUpdate, revoked: list.revoked.length },
    });
  }
  const certificates = [...unknown, ...index.filter(({ issuer }) => names.has(issuer))].map((entry) => {
    const withList = { ...entry, revoked: entry.revoked ?? revoked.get(keyOf(entry)) };
    return { ...withList, state: stateOf(withList, entry.file === undefined ? undefined : files.get(entry.file)) };
  });
  return { authorities: holdings, certificates };
}

/** Whether it was issued for this principal, or lies where his lies. */
export function isOf(entry: IndexEntry, principal: Principal): boolean {
  return (
    entry.subject === `CN=${principal.name},O=${principal.tenant}` || entry.file === `${clientStem(principal)}.crt`
  );
}

/** `acme/billing` where a certificate is for a client as they are issued here; else its subject. */
export function whoIs({ subject }: IndexEntry): string {
  const [, name, tenant] = /^CN=([a-z0-9._-]+),O=([a-z0-9._-]+)$/.exec(subject) ?? [];
  return name === undefined || tenant === undefined ? subject : formatPrincipal({ tenant, name });
}

/** The first certificate of a file; undefined where there is none, or no such file. */
export async function certificateAt(path: string): Promise<X509Certificate | undefined> {
  try {
    return new X509Certificate(await readFile(path));
  } catch {
    return undefined;
  }
}

/** What makes it one and no other (RFC 5280, 4.1.2.2). */
function keyOf({ issuer, serial }: Pick<IndexEntry, "issuer" | "serial">): string {
  return `${serial} ${issuer}`;
}

function stateOf(entry: IndexEntry, inFile: X509Certificate | undefined): Holding["state"] {
  if (entry.revoked !== undefined) return "revoked";
  if (entry.notAfter.getTime() <= Date.now()) return "expired";
  return inFile === undefined || inFile.serialNumber === entry.serial ? "valid" : "replaced";
}

/** In the usual places, and wherever the index says. */
async function certificatesByFile(
  directory: string,
  index: readonly IndexEntry[],
): Promise<ReadonlyMap<string, X509Certificate>> {
  const tenants = (await readdir(join(directory, "clients")).catch(() => [])).map((tenant) => `clients/${tenant}`);
  const files = new Set(index.flatMap(({ file }) => file ?? []));
  for (const folder of [".", ...tenants]) {
    const names = await readdir(join(directory, folder)).catch(() => []);
    for (const name of names) if (name.endsWith(".crt")) files.add(folder === "." ? name : `${folder}/${name}`);
  }
  const found = new Map<string, X509Certificate>();
  for (const file of files) {
    const certificate = await certificateAt(join(directory, file));
    if (certificate !== undefined) found.set(file, certificate);
  }
  return found;
}

/** One may lie in several files, as in a bundle. */
function distinct(authorities: readonly Authority[]): Authority[] {
  const seen = new Set<string>();
  return authorities.filter(({ certificate: { fingerprint256 } }) => {
    if (seen.has(fingerprint256)) return false;
    seen.add(fingerprint256);
    return true;
  });
}

import type { X509Certificate } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { formatPrincipal, type Principal } from "../names.js";
import { x509In } from "../x509.js";
import { type Authority, authoritiesIn, hasKey, isIssuedBy } from "./authorities.js";
import { type IndexEntry, readIndex } from "./certificate-index.js";
import { distinguishedName } from "./inspect.js";
import { entryOf } from "./leaf.js";
import { listOf, listsIn, newestOf } from "./lists.js";
import { clientStem } from "./places.js";
import { readPart } from "./read.js";
import { describeRevoked, type RevocationList } from "./revocation-list.js";

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

/** A certificate by its number. */
type Numbered = Pick<IndexEntry, "issuer" | "serial">;

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
  const standing = await standingIn(directory);
  const index = await readIndex(directory);
  const files = await readCertificates(directory, await filesIn(directory, index));
  return { authorities: standing.authorities, certificates: certificatesOf(standing, index, files) };
}

/** All that was ever put into one file, relative to the folder. No other is read, of which there may be thousands. */
export async function holdingsAt(directory: string, file: string): Promise<readonly Holding[]> {
  const standing = await standingIn(directory);
  const index = (await readIndex(directory)).filter((entry) => entry.file === file);
  return certificatesOf(standing, index, await readCertificates(directory, [file]));
}

/** By the lists of the authorities of the folder; what the index says besides is not looked at. */
export async function isListedIn(directory: string): Promise<(one: Numbered) => boolean> {
  const { revoked } = await standingIn(directory);
  return (one) => revoked.has(keyOf(one));
}

/** Whether it was issued for this principal, or lies where his lies. */
export function isOf(entry: IndexEntry, principal: Principal): boolean {
  return (
    entry.subject === `CN=${principal.name},O=${principal.tenant}` || entry.file === `${clientStem(principal)}.crt`
  );
}

/** Of a client, as certificates are issued here. */
const subjectHere = /^CN=([a-z0-9._-]+),O=([a-z0-9._-]+)$/;

/** Whose principal it is for: by its subject, as they are issued here, or else by where it lies. Undefined for a server's. */
export function tenantOf({ subject, file }: Pick<IndexEntry, "subject" | "file">): string | undefined {
  return subjectHere.exec(subject)?.[2] ?? /^clients\/([^/]+)\//.exec(file ?? "")?.[1];
}

/** `acme/billing` where a certificate is for a client as they are issued here; else its subject. */
export function whoIs({ subject }: IndexEntry): string {
  const [, name, tenant] = subjectHere.exec(subject) ?? [];
  return name === undefined || tenant === undefined ? subject : formatPrincipal({ tenant, name });
}

/** The first certificate of a file; undefined where there is none, or no such file. */
export async function certificateAt(path: string): Promise<X509Certificate | undefined> {
  try {
    return x509In(await readPart(path));
  } catch {
    return undefined;
  }
}

/** The authorities of a folder, and what they have revoked. */
interface Standing {
  readonly authorities: readonly AuthorityHolding[];
  /** By `keyOf`. */
  readonly revoked: ReadonlyMap<string, NonNullable<IndexEntry["revoked"]>>;
}

async function standingIn(directory: string): Promise<Standing> {
  const revoked = new Map<string, NonNullable<IndexEntry["revoked"]>>();
  const authorities: AuthorityHolding[] = [];
  for (const inFiles of byCertificate(await authoritiesIn(directory))) {
    const { authority, list } = await ownFile(directory, inFiles);
    for (const each of list?.revoked ?? []) {
      const { revokedAt: at, reason } = describeRevoked(each);
      revoked.set(keyOf({ issuer: authority.name, serial: each.serial }), { at, reason });
    }
    const notAfter = new Date(authority.certificate.validTo);
    authorities.push({
      ...authority,
      issuer: distinguishedName(authority.certificate.issuer),
      notAfter,
      list: list && { nextUpdate: list.nextUpdate, revoked: list.revoked.length },
    });
  }
  return { authorities, revoked };
}

/** What lies in the files and is not in the index, and what is. */
function certificatesOf(
  { authorities, revoked }: Standing,
  index: readonly IndexEntry[],
  files: ReadonlyMap<string, X509Certificate>,
): Holding[] {
  const names = new Set(authorities.map(({ name }) => name));
  const known = new Set(index.map(keyOf));
  const unknown = [...files].flatMap(([file, certificate]) => {
    const entry = entryOf(certificate, file);
    // What the index has is not asked for its signature: that is what takes long.
    if (certificate.ca || known.has(keyOf(entry))) return [];
    return authorities.some((each) => isIssuedBy(certificate, each.certificate)) ? [entry] : [];
  });
  return [...unknown, ...index.filter(({ issuer }) => names.has(issuer))].map((entry) => {
    const withList = { ...entry, revoked: entry.revoked ?? revoked.get(keyOf(entry)) };
    return { ...withList, state: stateOf(withList, entry.file === undefined ? undefined : files.get(entry.file)) };
  });
}

/** What makes it one and no other (RFC 5280, 4.1.2.2). */
function keyOf({ issuer, serial }: Numbered): string {
  return `${serial} ${issuer}`;
}

function stateOf(entry: IndexEntry, inFile: X509Certificate | undefined): Holding["state"] {
  if (entry.revoked !== undefined) return "revoked";
  if (entry.notAfter.getTime() <= Date.now()) return "expired";
  return inFile === undefined || inFile.serialNumber === entry.serial ? "valid" : "replaced";
}

/** In the usual places, and wherever the index says. */
async function filesIn(directory: string, index: readonly IndexEntry[]): Promise<ReadonlySet<string>> {
  const tenants = (await readdir(join(directory, "clients")).catch(() => [])).map((tenant) => `clients/${tenant}`);
  const files = new Set(index.flatMap(({ file }) => file ?? []));
  for (const folder of [".", ...tenants]) {
    const names = await readdir(join(directory, folder)).catch(() => []);
    for (const name of names) if (name.endsWith(".crt")) files.add(folder === "." ? name : `${folder}/${name}`);
  }
  return files;
}

async function readCertificates(
  directory: string,
  files: Iterable<string>,
): Promise<ReadonlyMap<string, X509Certificate>> {
  const found = new Map<string, X509Certificate>();
  for (const file of files) {
    const certificate = await certificateAt(join(directory, file));
    if (certificate !== undefined) found.set(file, certificate);
  }
  return found;
}

/** One may lie in several files, as in a bundle. */
function byCertificate(authorities: readonly Authority[]): Iterable<readonly Authority[]> {
  const found = new Map<string, Authority[]>();
  for (const each of authorities) {
    const { fingerprint256 } = each.certificate;
    found.set(fingerprint256, [...(found.get(fingerprint256) ?? []), each]);
  }
  return found.values();
}

/** Of the files that an authority lies in, the one that has its key beside it or, where that was put away, its list. */
async function ownFile(
  directory: string,
  inFiles: readonly Authority[],
): Promise<{ readonly authority: Authority; readonly list: RevocationList | undefined }> {
  const lists = new Map<Authority, RevocationList>();
  let withKey: Authority | undefined;
  for (const each of inFiles) {
    const list = listOf(directory, each, await listsIn(directory, each.stem));
    if (list !== undefined) lists.set(each, list);
    if (inFiles.length > 1 && (await hasKey(directory, each))) withKey ??= each;
  }
  const [withList] = lists.keys();
  return { authority: withKey ?? withList ?? inFiles[0]!, list: newestOf([...lists.values()]) };
}

import type { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { OperatorError } from "../errors.js";
import { formatPrincipal, type Principal } from "../names.js";
import { x509In } from "../x509.js";
import {
  type Authority,
  authoritiesIn,
  isIssuedBy,
  issuingBelow,
  listFileOf,
  openSigner,
  type Signer,
  signersIn,
} from "./authorities.js";
import { type IndexEntry, indexFile, readIndex } from "./certificate-index.js";
import { exists, type NewFile, writeSet } from "./files.js";
import { type Holding, holdingsIn, isListedIn, isOf } from "./holdings.js";
import { holding } from "./hold.js";
import { distinguishedName } from "./inspect.js";
import { entryOf } from "./leaf.js";
import { listFile, listOf, listsIn, listsOf } from "./lists.js";
import { type Reason, reasons } from "./reasons.js";
import { revocationOf, type Revoked, type RevocationList } from "./revocation-list.js";
import { defaultDays } from "./validity.js";

/** Which certificates are to be revoked. */
export type Target =
  /** All that are still valid of somebody. */
  | { readonly principal: Principal }
  /** @property ca the file of the authority, without `.crt`, for one that no index knows */
  | { readonly serial: string; readonly ca?: string | undefined }
  /** PEM or DER. */
  | { readonly certificate: Buffer };

export interface RevokeOptions {
  readonly reason: Reason;
  /** How long the new list is good; else the usual, and never less than the one before. */
  readonly listDays?: number | undefined;
}

/** What a revocation did. */
export interface Revocation {
  readonly revoked: readonly { readonly serial: string; readonly subject: string | undefined }[];
  /** Those that had been revoked before. */
  readonly before: readonly string[];
  /** The lists that were written, relative to the folder. */
  readonly lists: readonly WrittenList[];
}

export interface WrittenList {
  readonly file: string;
  readonly authority: string;
  readonly nextUpdate: Date;
  readonly revoked: number;
}

/** One to revoke. */
interface Doomed {
  readonly serial: string;
  readonly issuer: string;
  /** What the index is to say of it; undefined where nothing but the serial number is known. */
  readonly entry: IndexEntry | undefined;
}

/**
 * Writes the lists anew with what is revoked now, and the index.
 *
 * @throws OperatorError when no such certificate is known, or the key of its authority is not there; nothing was changed
 */
export async function revokeCertificates(
  directory: string,
  target: Target,
  options: RevokeOptions,
): Promise<Revocation> {
  return holding(directory, async () => revokeHeld(directory, await doomedBy(directory, target), options));
}

/** As `revokeCertificates`, where the folder is held already. */
export async function revokeEntries(
  directory: string,
  entries: readonly IndexEntry[],
  options: RevokeOptions,
): Promise<Revocation> {
  return revokeHeld(directory, entries.map(doomed), options);
}

/** @throws OperatorError unless the keys are there with which these can be revoked */
export async function refuseUnrevocable(directory: string, entries: readonly IndexEntry[]): Promise<void> {
  for (const issuer of new Set(entries.map((each) => each.issuer))) await signerNamed(directory, issuer);
}

/**
 * Writes the list of every authority anew whose key is there, as it has to be done before it ends.
 * @throws OperatorError when there is none
 */
export async function renewLists(directory: string, days?: number): Promise<WrittenList[]> {
  return holding(directory, async () => {
    const signers = await signersIn(directory);
    if (signers.length === 0) throw new OperatorError(`${directory} has no key of an authority to sign a list with`);
    const index = await readIndex(directory);
    const { files, lists } = await write(directory, signers, index, [], (signer) => {
      const isAbove = signers.some(({ stem }) => stem === issuingBelow(signer.stem));
      return days ?? (isAbove ? defaultDays.firstList : undefined);
    });
    await writeSet(directory, files);
    return lists;
  });
}

async function revokeHeld(
  directory: string,
  doomed: readonly Doomed[],
  { reason, listDays }: RevokeOptions,
): Promise<Revocation> {
  const index = await readIndex(directory);
  const signers: Signer[] = [];
  for (const issuer of new Set(doomed.map((each) => each.issuer))) signers.push(await signerNamed(directory, issuer));
  const at = new Date();
  const isListed = await isListedIn(directory);
  const indexed = index.filter(({ revoked }) => revoked !== undefined);
  const isBefore = (each: Doomed) => isListed(each) || indexed.some((entry) => isSame(entry, each));
  const now = doomed.filter((each) => !isBefore(each));
  if (now.length === 0) return { revoked: [], before: doomed.map(({ serial }) => serial), lists: [] };

  const entries = [
    ...index,
    ...now.flatMap(({ entry }) => (entry === undefined || knows(index, entry) ? [] : entry)),
  ].map((entry) => (now.some((each) => isSame(each, entry)) ? { ...entry, revoked: { at, reason } } : entry));
  const fresh = now.map(({ serial, issuer }) => ({ issuer, revoked: revocationOf(serial, reason) }));
  const { files, lists } = await write(directory, signers, entries, fresh, () => listDays);
  // The lists first: they are what shuts somebody out.
  await writeSet(directory, [...files, indexFile(entries)]);
  return {
    revoked: now.map(({ serial, entry }) => ({ serial, subject: entry?.subject })),
    before: doomed.filter(isBefore).map(({ serial }) => serial),
    lists,
  };
}

/** The lists of these authorities, several of which may be in one file. */
async function write(
  directory: string,
  signers: readonly Signer[],
  index: readonly IndexEntry[],
  fresh: readonly { readonly issuer: string; readonly revoked: Revoked }[],
  daysOf: (signer: Signer) => number | undefined,
): Promise<{ files: NewFile[]; lists: WrittenList[] }> {
  const files = new Map<string, NewFile>();
  const lists: WrittenList[] = [];
  for (const signer of signers) {
    const path = listFileOf(signer.stem);
    const written = files.get(path);
    const there = written === undefined ? await listsIn(directory, signer.stem) : listsOf(Buffer.from(written.text));
    const added = fresh.filter(({ issuer }) => issuer === signer.name).map(({ revoked }) => revoked);
    const revoked = allRevoked(listOf(directory, signer, there), added, index, signer);
    const { file, nextUpdate } = listFile(directory, signer, there, revoked, daysOf(signer));
    files.set(path, file);
    lists.push({ file: path, authority: signer.name, nextUpdate, revoked: revoked.length });
  }
  return { files: [...files.values()], lists };
}

/** What the list has, what is new, and what the index knows of besides, should the list have been lost; each once. */
function allRevoked(
  list: RevocationList | undefined,
  added: readonly Revoked[],
  index: readonly IndexEntry[],
  { name }: Authority,
): Revoked[] {
  const indexed = index.flatMap(({ issuer, serial, revoked }) =>
    issuer !== name || revoked === undefined ? [] : revocationOf(serial, asReason(revoked.reason), revoked.at),
  );
  const all = new Map<string, Revoked>();
  for (const each of [...(list?.revoked ?? []), ...added, ...indexed]) {
    if (!all.has(each.serial)) all.set(each.serial, each);
  }
  return [...all.values()];
}

async function doomedBy(directory: string, target: Target): Promise<Doomed[]> {
  if ("certificate" in target) return [await doomedInFile(directory, target.certificate)];
  const { certificates } = await holdingsIn(directory);
  if ("principal" in target) return doomedOf(directory, certificates, target.principal);
  const serial = normalised(target.serial);
  const found = certificates.filter((each) => each.serial === serial);
  if (found.length > 0) return found.map(doomed);
  const authority = (await authoritiesIn(directory)).find(({ stem }) => stem === target.ca);
  if (authority !== undefined) return [{ serial, issuer: authority.name, entry: undefined }];
  const instead =
    target.ca === undefined ? "name its authority with --ca, or its file with --cert" : "no such authority";
  throw new OperatorError(`${directory} knows no certificate with the serial number ${serial}: ${instead}`);
}

function doomedOf(directory: string, certificates: readonly Holding[], principal: Principal): Doomed[] {
  const his = certificates.filter((each) => isOf(each, principal));
  const living = his.filter(({ state }) => state === "valid" || state === "replaced");
  // Those that are revoked already say so; those that are over say nothing to anybody.
  const told = living.length > 0 ? living : his.filter(({ state }) => state === "revoked");
  if (told.length > 0) return told.map(doomed);
  throw new OperatorError(
    `${directory} knows no valid certificate of ${formatPrincipal(principal)}: name its file with --cert, or its --serial`,
  );
}

async function doomedInFile(directory: string, bytes: Buffer): Promise<Doomed> {
  let certificate: X509Certificate;
  try {
    certificate = x509In(bytes);
  } catch (error) {
    throw new OperatorError("this is not a certificate in PEM or DER", [], { cause: error });
  }
  const authorities = await authoritiesIn(directory);
  if (!authorities.some((authority) => isIssuedBy(certificate, authority.certificate))) {
    throw new OperatorError(
      `no authority of ${directory} has issued this certificate, but ${distinguishedName(certificate.issuer)}, which alone can revoke it`,
    );
  }
  const entry = entryOf(certificate, undefined);
  return { serial: entry.serial, issuer: entry.issuer, entry };
}

async function signerNamed(directory: string, name: string): Promise<Signer> {
  const named = (await signersIn(directory)).find((each) => each.name === name);
  if (named !== undefined) return named;
  const authority = (await authoritiesIn(directory)).find((each) => each.name === name);
  // It says why it cannot sign.
  if (authority !== undefined && (await exists(join(directory, `${authority.stem}.key`)))) {
    return openSigner(directory, authority.stem);
  }
  throw new OperatorError(`the key of ${name} is not in ${directory}: only with it can what it issued be revoked`);
}

function doomed(entry: IndexEntry): Doomed {
  return { serial: entry.serial, issuer: entry.issuer, entry };
}

function knows(index: readonly IndexEntry[], entry: IndexEntry): boolean {
  return index.some((each) => isSame(each, entry));
}

function isSame(one: Pick<IndexEntry, "serial" | "issuer">, other: Pick<IndexEntry, "serial" | "issuer">): boolean {
  return one.serial === other.serial && one.issuer === other.issuer;
}

/** As people and other tools write it: `0x…`, with colons, in any case. */
function normalised(serial: string): string {
  const digits = serial.replace(/^0x/i, "").replaceAll(":", "").toUpperCase();
  if (!/^[0-9A-F]{1,64}$/.test(digits)) {
    throw new OperatorError(`${JSON.stringify(serial)} is not a serial number: hexadecimal digits`);
  }
  return digits.padStart(digits.length + (digits.length % 2), "0").replace(/^(00)+(?=..)/, "");
}

function asReason(text: string): Reason {
  return Object.hasOwn(reasons, text) ? (text as Reason) : "unspecified";
}

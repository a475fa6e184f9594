import type { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { OperatorError } from "../errors.js";
import { type Authority, listFileOf, type Signer } from "./authorities.js";
import { partsOf } from "./certificate.js";
import { type NewFile } from "./files.js";
import { inspectCertificate } from "./inspect.js";
import { readPart } from "./read.js";
import {
  isSignedBy,
  makeRevocationList,
  readRevocationList,
  type RevocationList,
  type Revoked,
} from "./revocation-list.js";
import { defaultDays, validFor } from "./validity.js";

const label = "X509 CRL";

/**
 * Every list in the file of an authority: its own, that of the authority below it, and what else was put there.
 * @returns nothing where there is no file
 * @throws OperatorError when it cannot be read as lists
 */
export async function listsIn(directory: string, stem: string): Promise<RevocationList[]> {
  const path = join(directory, listFileOf(stem));
  const bytes = await readPart(path).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return Buffer.alloc(0);
    throw error;
  });
  try {
    return listsOf(bytes);
  } catch (error) {
    throw damaged(path, "is damaged", error);
  }
}

/**
 * The lists of a file, PEM or DER.
 * @throws Error when one is damaged
 */
export function listsOf(bytes: Buffer): RevocationList[] {
  if (bytes[0] === 0x30) return [readRevocationList(bytes)];
  const blocks = bytes.toString("latin1").matchAll(/-----BEGIN X509 CRL-----([^-]+)-----END X509 CRL-----/g);
  return Array.from(blocks, ([, body]) => readRevocationList(Buffer.from(body!, "base64")));
}

/**
 * Those of the lists that this authority signed; the newest one counts.
 * @throws OperatorError for one in its name that it did not sign
 */
export function listOf(
  directory: string,
  { stem, certificate }: Authority,
  lists: readonly RevocationList[],
): RevocationList | undefined {
  const name = partsOf(certificate).subject;
  const own = lists.filter(({ issuer }) => issuer.equals(name));
  if (own.some((list) => !isSignedBy(list, certificate))) {
    throw damaged(join(directory, listFileOf(stem)), `has a list in the name of ${stem}.crt that it did not sign`);
  }
  return newestOf(own);
}

/** Of the lists of one authority. */
export function newestOf(lists: readonly RevocationList[]): RevocationList | undefined {
  return lists.reduce<RevocationList | undefined>(
    (newest, list) => (newest === undefined || (list.number ?? 0n) > (newest.number ?? 0n) ? list : newest),
    undefined,
  );
}

/**
 * The file with a new list of this authority in the place of the one before, and every other list as it is.
 * @param revoked all that are revoked, each once
 * @param days undefined: the usual, but never ending before the list that it replaces
 * @throws OperatorError when the authority may not sign lists
 */
export function listFile(
  directory: string,
  signer: Signer,
  lists: readonly RevocationList[],
  revoked: readonly Revoked[],
  days?: number,
): { readonly file: NewFile; readonly nextUpdate: Date } {
  refuseUnfit(signer.certificate, signer.stem);
  const before = listOf(directory, signer, lists);
  const { notBefore: thisUpdate, notAfter: end } = validFor(days ?? defaultDays.list);
  const longer = days === undefined && before?.nextUpdate !== undefined && before.nextUpdate > end;
  const nextUpdate = longer ? before.nextUpdate : end;
  const list = makeRevocationList(signer.certificate, signer.key, {
    number: numberAfter(before),
    thisUpdate,
    nextUpdate,
    revoked,
  });
  const name = partsOf(signer.certificate).subject;
  const others = lists.filter(({ issuer }) => !issuer.equals(name)).map((each) => each.der);
  return {
    file: { path: listFileOf(signer.stem), text: [...others, list].map(pemOf).join(""), secret: false, replaces: true },
    nextUpdate,
  };
}

/** Higher than every one before, also when the file was lost: then the clock, which counts faster than lists are made, says so. */
function numberAfter(before: RevocationList | undefined): bigint {
  const now = BigInt(Math.floor(Date.now() / 1000));
  const next = (before?.number ?? 0n) + 1n;
  return next > now ? next : now;
}

function refuseUnfit(certificate: X509Certificate, stem: string): void {
  const { keyUsage } = inspectCertificate(certificate.raw);
  if (keyUsage === undefined || keyUsage.includes("cRLSign")) return;
  throw new OperatorError(`${stem}.crt may not sign revocation lists: its key usage lacks cRLSign`);
}

function damaged(path: string, problem: string, cause?: unknown): OperatorError {
  return new OperatorError(
    `${path} ${problem}: put the right one there, or remove it; the next one has everything that the index says is revoked`,
    [],
    { cause },
  );
}

function pemOf(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

/** What a new authority takes the place of: what that ends, and where its files are kept. */
import { link } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeDirectory } from "../make-directory.js";
import { authoritiesIn, issuingBelow } from "./authorities.js";
import { indexName } from "./certificate-index.js";
import { existing, syncFolders } from "./files.js";
import { holdingsIn } from "./holdings.js";

/** An authority that is there already. */
export interface Standing {
  /** As RFC 4514 writes it, and that of the one below it; its files where no certificate can be read. */
  readonly names: readonly string[];
  /** Certificates that it has issued and that are still good. */
  readonly good: number;
}

/** The keys and certificates of an authority and of the one below it. */
export function authorityPaths(stem: string): string[] {
  return [stem, issuingBelow(stem)].flatMap((each) => [`${each}.key`, `${each}.crt`]);
}

/** What making this authority anew would end; undefined where there is none. */
export async function standingAuthority(directory: string, stem: string): Promise<Standing | undefined> {
  const files = await existing(directory, authorityPaths(stem));
  if (files.length === 0) return undefined;
  const stems = [stem, issuingBelow(stem)];
  const authorities = (await authoritiesIn(directory)).filter((each) => stems.includes(each.stem));
  const names = [...new Set(authorities.map(({ name }) => name))];
  const serials = new Set(authorities.map(({ certificate }) => certificate.serialNumber));
  const good = (await holdingsIn(directory)).certificates.filter(
    ({ issuer, serial, state }) =>
      names.includes(issuer) && !serials.has(serial) && (state === "valid" || state === "replaced"),
  );
  return { names: names.length > 0 ? names : files.map((file) => join(directory, file)), good: good.length };
}

/**
 * Keeps those of the files that are there, and the index, under the same names in a folder of their own: together they are
 * an authority that can still revoke. The caller holds the directory, and replaces the files afterwards, whole.
 *
 * @returns the folder, relative to `directory`; undefined where none of the files is there
 */
export async function keepAside(directory: string, paths: readonly string[]): Promise<string | undefined> {
  const present = await existing(directory, paths);
  if (present.length === 0) return undefined;
  const folder = `replaced-${new Date().toISOString().replace(/[:.]/g, "-")}`;
  const kept = [...present, ...(await existing(directory, [indexName]))].map((path) => join(folder, path));
  for (const path of kept) {
    await makeDirectory(join(directory, dirname(path)), 0o700);
    // A file is never written to here, only replaced: another name for it keeps it as it is, with its mode.
    await link(join(directory, path.slice(folder.length + 1)), join(directory, path));
  }
  await syncFolders(directory, kept);
  return folder;
}

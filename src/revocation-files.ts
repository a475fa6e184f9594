/** Files of revocation lists. Open to every room. */
import { join } from "node:path";

/** Of one list, in DER: some 800,000 entries, all held in memory. */
export const maxListBytes = 32 * 1024 * 1024;

/** Of a file, as PEM. */
export const maxListFileBytes = Math.ceil((maxListBytes * 1.4) / 1024) * 1024;

/** Which files of a folder are read as revocation lists, in order, given what it has. */
export function listsAmong(folder: string, names: readonly string[]): readonly string[] {
  const lists = names.filter((name) => /^[^.].*\.(crl|pem)$/.test(name)).sort();
  return lists.map((name) => join(folder, name));
}

/** Whether such a file may be without any: PEM is of other things, too. */
export function mayHaveNoList(path: string): boolean {
  return path.endsWith(".pem");
}

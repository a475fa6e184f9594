import { type RevocationList, RevocationListError, readRevocationList } from "../identity/index.js";
import { isDer } from "../x509.js";
import { Unusable } from "./part.js";
import { PemError, pemBlocks } from "./pem.js";

/**
 * All revocation lists of a file: one in DER, or any number in PEM.
 *
 * @param mayHaveNone for what is PEM of other things
 * @throws Unusable when one of them is none
 */
export async function readLists(
  source: string,
  bytes: Buffer,
  { mayHaveNone = false } = {},
): Promise<readonly RevocationList[]> {
  try {
    const blocks = isDer(bytes) ? [bytes] : await pemBlocks(bytes, "X509 CRL");
    if (blocks.length === 0 && !mayHaveNone) throw new PemError("there is no X509 CRL in it");
    const lists: RevocationList[] = [];
    for (const block of blocks) lists.push(await readRevocationList(block));
    return lists;
  } catch (error) {
    if (error instanceof RevocationListError) throw new Unusable([{ source, problem: error.message }]);
    if (error instanceof PemError) {
      const problem = `this is not a revocation list, in DER or PEM: ${error.message}`;
      throw new Unusable([{ source, problem }]);
    }
    throw error;
  }
}

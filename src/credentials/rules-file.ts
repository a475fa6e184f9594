import { dirname, join } from "node:path";
import { OperatorError } from "../errors.js";
import { type IdentityRules, maxRulesBytes, parseIdentityRules } from "../identity/index.js";
import { readAuthorities } from "./authority-file.js";
import { type Beside, Unusable } from "./part.js";

/** @param beside reads what rules name: files of authorities in the same folder @throws Unusable with every mistake */
export async function readRules(source: string, bytes: Buffer, beside: Beside): Promise<IdentityRules> {
  if (bytes.length > maxRulesBytes) {
    throw new Unusable([
      { source, problem: `is larger than ${maxRulesBytes / 1024} KiB, the most that this file may be` },
    ]);
  }
  const fingerprintsIn = async (name: string): Promise<readonly string[]> => {
    const path = join(dirname(source), name);
    return (await readAuthorities(path, await beside(path))).map(({ fingerprint256 }) => fingerprint256);
  };
  try {
    return await parseIdentityRules(source, bytes, fingerprintsIn);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    throw new Unusable(error.findings);
  }
}

import { createHash } from "node:crypto";
import { join } from "node:path";
import { FileTooLarge } from "../read-file.js";
import { Findings } from "./findings.js";
import { readSource, type SourceFile, sourceOf } from "./source-file.js";

const kibibyte = 1024;

/** The files of a policy, in the order in which they are read and hashed, with the bytes that each may have. */
export const policyFileLimits = {
  "model.conf": 256 * kibibyte,
  "tenants.yaml": 256 * kibibyte,
  "policy.csv": 16 * kibibyte * kibibyte,
  "matrix.csv": 16 * kibibyte * kibibyte,
} as const;
export type PolicyFileName = keyof typeof policyFileLimits;
export const policyFileNames = Object.keys(policyFileLimits) as readonly PolicyFileName[];

/** What the files say, byte for byte. A file that is not there is not in it. */
export type PolicyBytes = Readonly<Partial<Record<PolicyFileName, Buffer>>>;

/** The four files as they were read, and what was found wrong in them so far. Good for one `loadPolicy`. */
export class PolicyFiles {
  /** As messages name it: the directory that an administrator gave, or where else they are from. */
  readonly source: string;
  readonly files: Readonly<Record<PolicyFileName, SourceFile>>;

  private constructor(source: string, files: readonly SourceFile[]) {
    this.source = source;
    this.files = Object.fromEntries(policyFileNames.map((name, index) => [name, files[index]!])) as typeof this.files;
  }

  /** Never throws: a file that cannot be read has a finding. */
  static async read(directory: string): Promise<PolicyFiles> {
    const read = (name: PolicyFileName): Promise<SourceFile> => readSource(directory, name, policyFileLimits[name]);
    return new PolicyFiles(directory, await Promise.all(policyFileNames.map(read)));
  }

  /** Never throws: a file that is missing or too large has a finding. */
  static async of(source: string, bytes: PolicyBytes): Promise<PolicyFiles> {
    const take = async (name: PolicyFileName): Promise<SourceFile> => {
      const [path, content, limit] = [join(source, name), bytes[name], policyFileLimits[name]];
      if (content !== undefined && content.length <= limit) return sourceOf(path, content);
      const findings = new Findings(path);
      findings.error({}, content === undefined ? "there is no such file" : new FileTooLarge(limit).message);
      return { source: path, bytes: undefined, text: undefined, findings, isMissing: content === undefined };
    };
    return new PolicyFiles(source, await Promise.all(policyFileNames.map(take)));
  }

  get all(): readonly SourceFile[] {
    return policyFileNames.map((name) => this.files[name]);
  }

  /** Short content hash: the same bytes give the same version everywhere. */
  get version(): string {
    const hash = createHash("sha256");
    // Each file's length goes before its bytes, so that no text can move from one file to the next unnoticed.
    for (const { bytes } of this.all) hash.update(`${bytes?.byteLength ?? "missing"}\n`).update(bytes ?? "");
    return hash.digest("hex").slice(0, 12);
  }

  /** What can be kept and read again by `of`. */
  get bytes(): PolicyBytes {
    const kept = policyFileNames.map((name) => [name, this.files[name].bytes] as const);
    return Object.fromEntries(kept.filter(([, bytes]) => bytes !== undefined));
  }
}

import { createHash } from "node:crypto";
import { join } from "node:path";
import { FileTooLarge } from "../read-file.js";
import { Pace } from "./breathe.js";
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
  /** Content hash, in hexadecimal: the same bytes give the same one everywhere. */
  readonly sha256: string;

  private constructor(source: string, files: readonly SourceFile[], sha256: string) {
    this.source = source;
    this.sha256 = sha256;
    this.files = Object.fromEntries(policyFileNames.map((name, index) => [name, files[index]!])) as typeof this.files;
  }

  /** Never throws: a file that cannot be read has a finding. */
  static async read(directory: string): Promise<PolicyFiles> {
    const read = (name: PolicyFileName): Promise<SourceFile> => readSource(directory, name, policyFileLimits[name]);
    const files = await Promise.all(policyFileNames.map(read));
    return new PolicyFiles(directory, files, await hashOf(files));
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
    const files = await Promise.all(policyFileNames.map(take));
    return new PolicyFiles(source, files, await hashOf(files));
  }

  get all(): readonly SourceFile[] {
    return policyFileNames.map((name) => this.files[name]);
  }

  /** Short content hash, for people. */
  get version(): string {
    return this.sha256.slice(0, 12);
  }

  /** What can be kept and read again by `of`. */
  get bytes(): PolicyBytes {
    const kept = policyFileNames.map((name) => [name, this.files[name].bytes] as const);
    return Object.fromEntries(kept.filter(([, bytes]) => bytes !== undefined));
  }
}

const hashedBytes = 1024 * kibibyte;

async function hashOf(files: readonly SourceFile[]): Promise<string> {
  const [hash, pace] = [createHash("sha256"), new Pace()];
  for (const { bytes } of files) {
    // Each file's length goes before its bytes, so that no text can move from one file to the next unnoticed.
    hash.update(`${bytes?.byteLength ?? "missing"}\n`);
    for (let at = 0; bytes !== undefined && at < bytes.length; at += hashedBytes) {
      hash.update(bytes.subarray(at, at + hashedBytes));
      await pace.step();
    }
  }
  return hash.digest("hex");
}

import { type PolicyBytes, type PolicyFileName, policyFileLimits, policyFileNames } from "../authz/index.js";
import { InvalidField, LimitExceeded } from "../errors.js";
import type { FilePart, UploadRequest } from "../wire/policy-requests.js";
import { type Admitted, Refusal } from "./admission.js";

/** An upload is some 33 MiB at most: in fewer parts than these, each has less than a message may have. */
const maxParts = 1_024;

/** What came in the messages of one call. */
export interface Upload<R extends UploadRequest> {
  /** It may say more than the parts, and it decides for all of them. */
  readonly first: Admitted<R>;
  /** Undefined: the messages had no parts. */
  readonly files: PolicyBytes | undefined;
}

/**
 * Puts the files of a policy together. Holds what is allowed and no more: the first message that is refused, or too much, ends it.
 * @throws whatever a message was refused with; InvalidField, LimitExceeded
 */
export async function readUpload<R extends UploadRequest>(
  requests: AsyncIterable<Admitted<R> | Refusal>,
): Promise<Upload<R>> {
  const files = new UploadedFiles();
  let first: Admitted<R> | undefined;
  for await (const incoming of requests) {
    if (incoming instanceof Refusal) throw incoming.error;
    const { part, isPartOnly } = incoming.request;
    if (first === undefined) first = incoming;
    else if (!isPartOnly)
      throw new InvalidField("request", "only the first message of a call may have more than a part");
    if (part !== undefined) files.add(part);
  }
  if (first === undefined) throw new InvalidField("request", "at least one message is needed");
  return { first, files: files.finish() };
}

class UploadedFiles {
  readonly #pieces = new Map<PolicyFileName, { readonly contents: Buffer[]; bytes: number }>();
  #last: PolicyFileName | undefined;
  #parts = 0;

  add({ name, content }: FilePart): void {
    const file = policyFileNames.find((known) => known === name);
    if (file === undefined) throw new InvalidField("part.name", `not one of ${policyFileNames.join(", ")}`);
    if (++this.#parts > maxParts) {
      throw new LimitExceeded("part", "the number of parts of an upload", maxParts, this.#parts, "parts");
    }
    const pieces = this.#pieces.get(file) ?? { contents: [], bytes: 0 };
    if (this.#last !== file && pieces.contents.length > 0) {
      throw new InvalidField("part.name", `the parts of ${file} do not follow each other`);
    }
    this.#last = file;
    this.#pieces.set(file, pieces);
    pieces.bytes += content.length;
    const most = policyFileLimits[file];
    if (pieces.bytes > most)
      throw new LimitExceeded("part.content", `the size of ${file}`, most, pieces.bytes, "bytes");
    // Its message may be far larger than what it has of the file.
    pieces.contents.push(Buffer.from(content));
  }

  finish(): PolicyBytes | undefined {
    if (this.#pieces.size === 0) return undefined;
    const files = [...this.#pieces].map(
      ([name, { contents, bytes }]) => [name, Buffer.concat(contents, bytes)] as const,
    );
    return Object.fromEntries(files);
  }
}

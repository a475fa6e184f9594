import { readdir, stat } from "node:fs/promises";
import type { Finding } from "../errors.js";
import { type Authority, type RevocationList, checkSignedBy, maySignLists } from "../identity/index.js";
import { listsAmong, maxListFileBytes, mayHaveNoList } from "../revocation-files.js";
import { whyUnreadable } from "../read-file.js";
import { readLists } from "./list-file.js";
import { Part } from "./part.js";

/** A list, and whose it is. */
export interface FoundList {
  readonly list: RevocationList;
  readonly source: string;
  /** Undefined: of an intermediate, if of anybody. Whoever shows it in his chain also shows its key. */
  readonly signer: Authority | undefined;
}

/** A signature that is only checked when somebody shows the intermediate is checked on the event loop. */
const maxUnsignedBytes = 8 * 1024 * 1024;

/** A folder with more is not one of revocation lists. */
const maxFiles = 1000;

type Path = { readonly path: string; readonly isOptional: boolean } | undefined;

/** The files of revocation lists: one, or all in a folder whose names end in .crl or .pem. */
export class ListFiles {
  readonly #where: Path;
  readonly #parts = new Map<string, Part<readonly RevocationList[]>>();
  /** What was accepted last of each file. */
  readonly #accepted = new Map<string, readonly FoundList[]>();
  /** There are other files than were judged. */
  #isOther = false;
  /** That had changed at the last look. */
  #due: readonly Part<readonly RevocationList[]>[] = [];
  /** When the first of those that were refused for their date will be valid. */
  #validFromMs = Infinity;
  #found: readonly FoundList[] = [];
  #missing: readonly Finding[] = [];
  #refused: readonly Finding[] = [];

  /** @param where optional: it need not be there until it was once */
  constructor(where: Path) {
    this.#where = where;
  }

  get found(): readonly FoundList[] {
    return this.#found;
  }

  get findings(): readonly Finding[] {
    const unread = [...this.#parts.values()].flatMap(({ unusable }) =>
      unusable === undefined || (unusable.isMissing && this.#where?.isOptional === true) ? [] : unusable.findings,
    );
    return [...this.#missing, ...unread, ...this.#refused];
  }

  /** Whether there is something to read, or something is gone. */
  async look(): Promise<boolean> {
    if (this.#where === undefined) return false;
    // Both at once: in a busy server each wait takes as long as everybody else's turn.
    const looking = Array.from(this.#parts.values(), (part) => part.look());
    const [isOther] = await Promise.all([this.#list(this.#where.path), ...looking]);
    if (isOther || Date.now() >= this.#validFromMs) this.#isOther = true;
    this.#due = [...this.#parts.values()].filter((part) => part.isOther);
    return this.#isOther || this.#due.length > 0;
  }

  /** Reads what has changed, or everything. @returns whether anything is to be judged anew */
  async take(isAsked: boolean): Promise<boolean> {
    let isOther = this.#isOther;
    this.#isOther = false;
    // One after the other: each gives everyone else a turn now and then, and all of them together would not.
    for (const part of isAsked ? this.#parts.values() : this.#due) if (await part.take(isAsked)) isOther = true;
    return isOther;
  }

  /**
   * Which of the lists count. One that somebody else has signed, or that is not valid yet, is refused with its file; and a
   * list that was there for an authority that still is stays when it is gone or an older one has its place, so that nothing
   * that was revoked is good again by a slip.
   */
  async judge(authorities: readonly Authority[]): Promise<void> {
    const refused: Finding[] = [];
    const found: FoundList[] = [];
    const nowMs = Date.now();
    this.#validFromMs = Infinity;
    for (const [source, part] of this.#parts) {
      const problems: string[] = [];
      const ofFile: FoundList[] = [];
      for (const list of part.value ?? []) {
        const isEarly = list.thisUpdateMs > nowMs;
        if (isEarly) this.#validFromMs = Math.min(this.#validFromMs, list.thisUpdateMs);
        const judged = isEarly ? whyEarly(list) : await judgeList(list, source, authorities);
        if (typeof judged === "string") problems.push(judged);
        else ofFile.push(judged);
      }
      refused.push(...problems.map((problem) => ({ source, problem })));
      if (problems.length === 0) this.#accepted.set(source, ofFile);
      found.push(...(this.#accepted.get(source) ?? []));
    }
    const keys = new Set(authorities.map(({ keyId }) => keyId));
    for (const before of this.#found) {
      const { signer, list, source } = before;
      if (signer === undefined || !keys.has(signer.keyId)) continue;
      const same = found.filter((one) => isOfTheSame(one, before));
      if (same.some((one) => !isOlder(one.list, list))) continue;
      found.push(before);
      const what = same.length === 0 ? "is not there any more" : "was replaced by an older one";
      refused.push({ source, problem: `the revocation list of ${list.issuer} ${what}; the last one counts` });
    }
    this.#found = found;
    this.#refused = refused;
    for (const source of this.#accepted.keys()) if (!this.#parts.has(source)) this.#accepted.delete(source);
  }

  /** Finds out which files there are, and looks at those that have come. @returns whether these are others than before */
  async #list(path: string): Promise<boolean> {
    let paths: readonly string[];
    const names = readdir(path);
    names.catch(() => undefined);
    try {
      paths = (await stat(path)).isDirectory() ? listsAmong(path, await names) : [path];
      this.#missing = [];
    } catch (error) {
      if (!(error instanceof Error && "code" in error)) throw error;
      // A file that is missing is its part's to report; a folder that is gone has parts no more.
      if (this.#parts.size === 0 || this.#parts.has(path)) paths = [path];
      else {
        this.#missing = [{ source: path, problem: whyUnreadable(error) }];
        return false;
      }
    }
    if (paths.length > maxFiles) {
      this.#missing = [{ source: path, problem: `has more than ${maxFiles} files of revocation lists` }];
      return false;
    }
    const gone = [...this.#parts.keys()].filter((known) => !paths.includes(known));
    const added = paths.filter((one) => !this.#parts.has(one));
    for (const one of gone) this.#parts.delete(one);
    for (const one of added) {
      const make = ([bytes]: readonly (Buffer | undefined)[]) =>
        readLists(one, bytes!, { mayHaveNone: one !== path && mayHaveNoList(one) });
      this.#parts.set(one, new Part([one], { maxBytes: maxListFileBytes, make }));
    }
    await Promise.all(added.map((one) => this.#parts.get(one)!.look()));
    return gone.length + added.length > 0;
  }
}

/** Whose a list is, or why it is nobody's. */
async function judgeList(
  list: RevocationList,
  source: string,
  authorities: readonly Authority[],
): Promise<FoundList | string> {
  const named = authorities.filter(({ subjectName }) => subjectName === list.issuerName);
  if (named.length === 0) {
    if (list.bytes <= maxUnsignedBytes) return { list, source, signer: undefined };
    return `the revocation list of ${list.issuer} is larger than 8 MiB, and its issuer is not among the authorities`;
  }
  let isSigned = false;
  for (const signer of named) {
    if (!(await checkSignedBy(list, signer))) continue;
    if (maySignLists(signer)) return { list, source, signer };
    isSigned = true;
  }
  if (isSigned) return `the authority ${list.issuer} may not sign revocation lists: its key usage lacks cRLSign`;
  return `the revocation list of ${list.issuer} is not signed by the authority of that name`;
}

/** Until then it would count for newer than whatever is made meanwhile. */
function whyEarly({ issuer, thisUpdateMs }: RevocationList): string {
  const when = new Date(thisUpdateMs).toISOString();
  return `the revocation list of ${issuer} is not valid before ${when}: compare the clocks of this machine and of whoever made it`;
}

function isOfTheSame({ list, signer }: FoundList, other: FoundList): boolean {
  return (
    signer?.keyId === other.signer?.keyId &&
    list.scope.equals(other.list.scope) &&
    list.issuerBytes.equals(other.list.issuerBytes)
  );
}

/** Beyond doubt: one whose numbers begin anew is not older for that alone. */
function isOlder(list: RevocationList, other: RevocationList): boolean {
  const isNumberedHigher = list.number !== undefined && other.number !== undefined && list.number > other.number;
  return list.thisUpdateMs < other.thisUpdateMs && !isNumberedHigher;
}

import { createHash } from "node:crypto";
import { type BigIntStats, statSync } from "node:fs";
import { stat } from "node:fs/promises";
import { type Finding } from "../errors.js";
import { FileTooLarge, NotAFile, readFileWithin, readSmallFile, whyUnreadable } from "../read-file.js";

/** What is not larger is read at once: in a busy server each wait takes as long as everybody else's turn. */
const smallBytes = 256 * 1024;

/** Reads another file that these name, which is then looked at with them. @throws Error that says why it cannot be read */
export type Beside = (path: string) => Promise<Buffer>;

export interface PartOptions<T> {
  /** At most so much of each file is read. */
  readonly maxBytes: number;
  /** For how long findings are kept back, while somebody may be replacing one file after the other. */
  readonly graceMs?: number;
  /** Makes something of the bytes, one for each path; a file that cannot be read has none, and is reported. @throws Unusable */
  readonly make: (contents: readonly (Buffer | undefined)[], beside: Beside) => Promise<T>;
}

/** What is wrong with files, in full. */
export class Unusable extends Error {
  readonly findings: readonly Finding[];
  /** Whether a file is not there. */
  readonly isMissing: boolean;

  constructor(findings: readonly Finding[], isMissing = false) {
    super(findings.map(({ problem }) => problem).join("; "));
    this.findings = findings;
    this.isMissing = isMissing;
  }
}

/** Files that are only good together, mostly one: read when they have changed, and the last good ones stay. */
export class Part<T> {
  readonly paths: readonly string[];
  readonly #options: PartOptions<T>;
  #good: { readonly value: T; readonly sha256: string } | undefined;
  /** Files that these named when they were read last. */
  #beside: readonly string[] = [];
  /** Of the files that were read. */
  #state = "";
  /** At the last look. */
  #seen = "";
  #changedAt = -Infinity;
  #unusable: Unusable | undefined;

  constructor(paths: readonly string[], options: PartOptions<T>) {
    this.paths = paths;
    this.#options = options;
  }

  /** Undefined until there has been anything good. */
  get value(): T | undefined {
    return this.#good?.value;
  }

  /** Why the files are not what is in use; undefined if they are, or as long as that may be about to change. */
  get unusable(): Unusable | undefined {
    const isEarly = performance.now() - this.#changedAt < (this.#options.graceMs ?? 0);
    return isEarly ? undefined : this.#unusable;
  }

  /** Whether the files are others than those that were read. They may be in the midst of being written. */
  async look(): Promise<boolean> {
    this.#seen = await stateOf(this.#all);
    return this.isOther;
  }

  /** The same, as it was at the last look. */
  get isOther(): boolean {
    return this.#seen !== this.#state;
  }

  /**
   * Reads the files, unless they have changed since the last look: then the next one will tell.
   * @param isAsked reads them whatever they look like, and keeps nothing back
   * @returns whether there is another value
   */
  async take(isAsked: boolean): Promise<boolean> {
    const state = stateNow(this.#all);
    if (state !== this.#seen && !isAsked) return false;
    this.#changedAt = isAsked ? -Infinity : performance.now();
    const before = this.#good;
    const all = this.#all.join("\n");
    await this.#read();
    // What changed while it was read is read again at the next look, as is all of it when other files are named.
    this.#state = this.#all.join("\n") === all && stateNow(this.#all) === state ? state : "";
    return this.#good !== before;
  }

  /** What else is wrong: every mistake is told at once. */
  async #withOthers(unreadable: Unusable, contents: readonly (Buffer | undefined)[]): Promise<Unusable> {
    try {
      if (contents.some((bytes) => bytes !== undefined))
        await this.#options.make(contents, () => Promise.reject(unreadable));
      return unreadable;
    } catch (error) {
      if (!(error instanceof Unusable)) throw error;
      return new Unusable([...error.findings, ...unreadable.findings], unreadable.isMissing);
    }
  }

  get #all(): readonly string[] {
    return [...this.paths, ...this.#beside];
  }

  async #read(): Promise<void> {
    const named = new Map<string, Buffer | undefined>();
    const beside: Beside = async (path) => {
      named.set(path, undefined);
      const { contents, unreadable } = await readAll([path], this.#options.maxBytes);
      if (unreadable !== undefined) throw unreadable;
      named.set(path, contents[0]);
      return contents[0]!;
    };
    try {
      const { contents, unreadable } = await readAll(this.paths, this.#options.maxBytes);
      const others = await readAll(this.#beside, this.#options.maxBytes);
      const sha256 = digestOf([...contents, ...others.contents]);
      if (unreadable !== undefined) throw await this.#withOthers(unreadable, contents);
      if (sha256 !== this.#good?.sha256) {
        const value = await this.#options.make(contents, beside);
        this.#good = { value, sha256: digestOf([...contents, ...named.values()]) };
        this.#beside = [...named.keys()];
      }
      this.#unusable = undefined;
    } catch (error) {
      if (!(error instanceof Unusable)) throw error;
      this.#unusable = error;
      if (named.size > 0) this.#beside = [...named.keys()];
    }
  }
}

interface ReadFiles {
  readonly contents: readonly (Buffer | undefined)[];
  readonly unreadable: Unusable | undefined;
}

async function readAll(paths: readonly string[], maxBytes: number): Promise<ReadFiles> {
  const findings: Finding[] = [];
  let isMissing = false;
  const contents: (Buffer | undefined)[] = [];
  for (const source of paths) {
    try {
      // Opening a pipe would wait until somebody writes to it.
      const found = statSync(source);
      if (!found.isFile()) throw new NotAFile(found);
      const small = found.size <= smallBytes ? readSmallFile(source, smallBytes) : undefined;
      contents.push(small ?? (await readFileWithin(source, maxBytes)));
    } catch (error) {
      contents.push(undefined);
      if (error instanceof NotAFile || error instanceof FileTooLarge) findings.push({ source, problem: error.message });
      else if (error instanceof Error && "code" in error) {
        isMissing ||= error.code === "ENOENT";
        findings.push({ source, problem: whyUnreadable(error) });
      } else throw error;
    }
  }
  return { contents, unreadable: findings.length > 0 ? new Unusable(findings, isMissing) : undefined };
}

function digestOf(contents: readonly (Buffer | undefined)[]): string {
  const hash = createHash("sha256");
  for (const bytes of contents) if (bytes !== undefined) hash.update(`${bytes.length} `).update(bytes);
  return hash.digest("hex");
}

/** What changes with every file that is written, replaced or taken away, also behind a symbolic link. */
async function stateOf(paths: readonly string[]): Promise<string> {
  const states = paths.map((path) => stat(path, { bigint: true }).then(stateIn, whyNoState));
  return (await Promise.all(states)).join("\n");
}

/** The same, of files of which the system has said a moment ago that they are there: nobody waits for a disk or a network. */
function stateNow(paths: readonly string[]): string {
  const states = paths.map((path) => {
    try {
      return stateIn(statSync(path, { bigint: true }));
    } catch (error) {
      return whyNoState(error);
    }
  });
  return states.join("\n");
}

function stateIn({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
}

function whyNoState(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}

import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Finding, OperatorError } from "../errors.js";
import { type Authority, IdentityRules, Trust } from "../identity/index.js";
import { certificatePem } from "../x509.js";
import { readAuthorities } from "./authority-file.js";
import { fitAuthorities, leastRestrictedFirst } from "./authorities-together.js";
import { type FoundList, ListFiles } from "./list-files.js";
import { type Beside, Part } from "./part.js";
import { readRules } from "./rules-file.js";
import { type ServerPair, serverPairOf } from "./server-pair.js";

/** Where everything is, and what an expired revocation list means. */
export interface CredentialFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  /** A file, or a folder of them; optional: it need not be there. */
  readonly crl: { readonly path: string; readonly isOptional: boolean } | undefined;
  readonly crlExpired: "refuse" | "accept";
  /** The identity rules; undefined: the built-in one. */
  readonly identity: string | undefined;
}

/** All that is in use at one moment. */
export interface CredentialsInForce {
  readonly server: ServerPair;
  /** PEM of every authority, also of those that only tenants name. */
  readonly ca: Buffer;
  readonly trust: Trust;
  readonly lists: readonly FoundList[];
  /** By the name of a file that a tenant is bound to: fingerprints of the authorities in it. */
  readonly tenantFiles: ReadonlyMap<string, readonly string[]>;
}

/** What another set of files changes. */
export interface CredentialsChange {
  /** What TLS itself goes by: the certificate and key, or the authorities. */
  readonly isTls: boolean;
  /** Who somebody is may be another by it. */
  readonly isTrust: boolean;
}

/** Told of everything that whoever runs the server should know. Must not throw. */
export interface CredentialsObserver {
  onChanged(inForce: CredentialsInForce, change: CredentialsChange): void;
  /** Somebody asked, and there was nothing new. */
  onUnchanged(): void;
  /** Once for each set of findings, or when somebody asks. What was in use stays. */
  onRefused(findings: readonly Finding[]): void;
  /** Files that were refused are as they are in use. */
  onMended(): void;
  /** After each look, a few times a second. */
  onLooked(inForce: CredentialsInForce): void;
  /** The files could not be looked at for a reason of ours, or not everything followed them. */
  onProblem(error: unknown): void;
}

const defaultPollMs = 150;
/** A file that changes is read when it has not changed for so long: it may be being written. */
const settleMs = 50;
/** Whoever replaces a certificate and then its key has so long for it. */
const pairGraceMs = 2_000;
const maxPemBytes = 8 * 1024 * 1024;

/**
 * The certificate, key, authorities, revocation lists and rules that a server goes by. The files are looked at a few times a
 * second. Each of them (certificate and key together) is taken when it is good, whole and for itself; of one that is not,
 * the last good one stays: so that a damaged list of one authority does not keep another's from being obeyed.
 */
export class Credentials implements AsyncDisposable {
  readonly #files: CredentialFiles;
  readonly #observer: CredentialsObserver;
  readonly #pollMs: number;
  readonly #server: Part<ServerPair>;
  readonly #ca: Part<readonly Authority[]>;
  readonly #lists: ListFiles;
  readonly #rules: Part<IdentityRules> | undefined;
  readonly #tenants = new Map<string, Part<readonly Authority[]>>();
  readonly #listeners: ((change: CredentialsChange) => void)[] = [];
  #inForce: CredentialsInForce | undefined;
  /** About tenants' files that are good by themselves, and not beside the others. */
  #leftOut: readonly Finding[] = [];
  #findings: readonly Finding[] = [];
  #turn: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  private constructor(files: CredentialFiles, observer: CredentialsObserver, pollMs: number) {
    this.#files = files;
    this.#observer = observer;
    this.#pollMs = pollMs;
    this.#server = new Part([files.cert, files.key], {
      maxBytes: maxPemBytes,
      graceMs: pairGraceMs,
      make: ([cert, key]) => serverPairOf(files.cert, files.key, cert, key),
    });
    this.#ca = authoritiesIn(files.ca);
    this.#lists = new ListFiles(files.crl);
    const { identity } = files;
    if (identity !== undefined) {
      const make = ([bytes]: readonly (Buffer | undefined)[], beside: Beside) => readRules(identity, bytes!, beside);
      this.#rules = new Part([identity], { maxBytes: maxPemBytes, make });
    }
  }

  /**
   * Reads everything, and looks after it from then on.
   * @param tenantFiles names of files beside the authorities that tenants are bound to; they may be missing
   * @throws OperatorError with every mistake
   */
  static async open(
    files: CredentialFiles,
    observer: CredentialsObserver,
    { tenantFiles = [], pollMs = defaultPollMs }: { tenantFiles?: readonly string[]; pollMs?: number } = {},
  ): Promise<Credentials> {
    const credentials = new Credentials(files, observer, pollMs);
    credentials.#nameTenantFiles(tenantFiles);
    await credentials.#read(true);
    const fatal = [...credentials.#ownFindings()];
    if (fatal.length > 0) {
      const isMissing = [credentials.#server, credentials.#ca].some(({ unusable }) => unusable?.isMissing === true);
      const advice =
        "; `aclog certs init` makes a set to begin with, and --ca, --cert and --key name one that is elsewhere";
      throw new OperatorError(`cannot serve with these certificates${isMissing ? advice : ""}`, fatal);
    }
    credentials.#tell(false);
    credentials.#wait();
    return credentials;
  }

  get inForce(): CredentialsInForce {
    return this.#inForce!;
  }

  /** Why files are not what is in use; empty: they are. */
  get findings(): readonly Finding[] {
    return this.#findings;
  }

  /** Listeners are called in the order in which they came, once the new set is in force. */
  onChange(listener: (change: CredentialsChange) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Reads the files, at once.
   * @throws OperatorError when some of them cannot be used; of those the last good ones stay. The outcome is told, too.
   */
  async reload(): Promise<void> {
    await this.#inTurn(() => this.#look(true));
    if (this.#findings.length > 0) throw new OperatorError("not all credentials can be used:", this.#findings);
  }

  /** Those that tenants are bound to from now on: names of files beside the authorities. */
  async nameTenantFiles(names: readonly string[]): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#nameTenantFiles(names)) await this.#look(false, true);
    });
  }

  /** Looks no more, and resolves when the last look is over. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#turn;
  }

  #wait(): void {
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => {
      void this.#inTurn(() => this.#look(false))
        .catch((error: unknown) => this.#observer.onProblem(error))
        .finally(() => this.#wait());
    }, this.#pollMs).unref();
  }

  async #look(isAsked: boolean, isOther = false): Promise<void> {
    if (this.#isClosed) return;
    const before = this.#inForce;
    await this.#read(isAsked, isOther);
    const change = changeOf(before!, this.#inForce!);
    const isChanged = change.isTls || change.isTrust;
    if (isChanged) {
      // All of them, whatever one does: half of a change in trust would be the worst.
      for (const listener of this.#listeners) {
        try {
          listener(change);
        } catch (error) {
          this.#observer.onProblem(error);
        }
      }
      this.#observer.onChanged(this.#inForce!, change);
    }
    this.#tell(isAsked && !isChanged);
    this.#observer.onLooked(this.#inForce!);
  }

  async #read(isAsked: boolean, isOther = false): Promise<void> {
    if (!(await this.#take(isAsked)) && !isOther) return;
    const [server, own] = [this.#server.value, this.#ca.value];
    const { authorities, tenantFiles, findings } = fitAuthorities(own ?? [], this.#tenants);
    this.#leftOut = findings;
    await this.#lists.judge(authorities);
    const rules = this.#rules === undefined ? IdentityRules.builtIn : this.#rules.value;
    if (server === undefined || own === undefined || rules === undefined) return;
    const lists = this.#lists.found;
    this.#inForce = {
      server,
      ca: pemOf(leastRestrictedFirst(authorities)),
      lists,
      tenantFiles,
      trust: new Trust({
        authorities,
        lists: lists.map(({ list }) => list),
        rules,
        expiredLists: this.#files.crlExpired,
      }),
    };
  }

  /** @returns whether anything is another than it was */
  async #take(isAsked: boolean): Promise<boolean> {
    const rules = this.#rules === undefined ? [] : [this.#rules];
    const all = [this.#server, this.#ca, ...rules, ...this.#tenants.values(), this.#lists];
    const isOther = await Promise.all(all.map((part) => part.look()));
    const due = isAsked ? all : all.filter((_part, at) => isOther[at]);
    // Once for all of them: whoever replaces a hundred lists must not wait a hundred times.
    // Not unreferenced: at a start nothing else may keep the process alive yet.
    if (due.length > 0 && !isAsked) await delay(settleMs);
    let isChanged = false;
    for (const part of due) if (await part.take(isAsked)) isChanged = true;
    return isChanged;
  }

  #tell(isAsked: boolean): void {
    const tenants = [...this.#tenants.values()].flatMap(({ unusable }) => unusable?.findings ?? []);
    const findings = [...this.#ownFindings(), ...tenants, ...this.#leftOut];
    const isKnown = JSON.stringify(findings) === JSON.stringify(this.#findings);
    const hadSome = this.#findings.length > 0;
    this.#findings = findings;
    if (findings.length > 0) {
      if (isAsked || !isKnown) this.#observer.onRefused(findings);
    } else if (hadSome) this.#observer.onMended();
    else if (isAsked) this.#observer.onUnchanged();
  }

  /** Without those of tenants: what they name keeps only them out. */
  *#ownFindings(): Generator<Finding> {
    yield* this.#ca.unusable?.findings ?? [];
    yield* this.#server.unusable?.findings ?? [];
    yield* this.#rules?.unusable?.findings ?? [];
    yield* this.#lists.findings;
  }

  /** @returns whether these are others than before */
  #nameTenantFiles(names: readonly string[]): boolean {
    const wanted = new Set(names.filter((name) => name === basename(name) && !/^\.*$/.test(name)));
    const gone = [...this.#tenants.keys()].filter((name) => !wanted.has(name));
    const added = [...wanted].filter((name) => !this.#tenants.has(name));
    for (const name of gone) this.#tenants.delete(name);
    for (const name of added) this.#tenants.set(name, authoritiesIn(join(dirname(this.#files.ca), name)));
    return gone.length + added.length > 0;
  }

  /** One by one: otherwise a slow reading of older files could replace newer ones. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

function authoritiesIn(path: string): Part<readonly Authority[]> {
  return new Part([path], { maxBytes: maxPemBytes, make: ([pem]) => readAuthorities(path, pem!) });
}

function pemOf(authorities: readonly Authority[]): Buffer {
  return Buffer.from(authorities.map(({ der }) => certificatePem(der)).join(""));
}

function changeOf(before: CredentialsInForce, after: CredentialsInForce): CredentialsChange {
  if (before === after) return { isTls: false, isTrust: false };
  const isOtherServer = before.server !== after.server;
  const isOtherCa = !before.ca.equals(after.ca);
  const isSameTrust =
    !isOtherCa &&
    before.trust.rules === after.trust.rules &&
    JSON.stringify([...before.tenantFiles]) === JSON.stringify([...after.tenantFiles]) &&
    before.lists.length === after.lists.length &&
    before.lists.every(({ list }, at) => list === after.lists[at]!.list);
  return { isTls: isOtherServer || isOtherCa, isTrust: !isSameTrust };
}

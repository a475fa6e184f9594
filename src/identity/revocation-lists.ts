import type { Certificate } from "./chain.js";
import type { RevocationList } from "./revocation-list.js";

/** Which list says what about an issuer's certificates. */
export class RevocationLists {
  readonly #all: readonly RevocationList[];
  readonly #byIssuer = new Map<string, RevocationList[]>();
  /** By the issuer's key and name. */
  readonly #found = new Map<string, readonly RevocationList[]>();
  /** The same by the certificate that was read of it: an authority of ours is asked about with each connection. */
  readonly #known = new WeakMap<Certificate, readonly RevocationList[]>();

  constructor(lists: readonly RevocationList[]) {
    this.#all = lists;
    for (const list of lists) {
      const named = this.#byIssuer.get(list.issuerName);
      if (named === undefined) this.#byIssuer.set(list.issuerName, [list]);
      else named.push(list);
    }
  }

  /**
   * The lists that this authority has signed, however they spell its name: the newest of each spelling and scope. By its key,
   * not by its certificate: an authority that is certified anew has the same lists, and one that has only the same name has
   * others. Nor by what the certificate says of signing lists: which of several is looked at is the choice of whoever shows it.
   */
  of(issuer: Certificate): readonly RevocationList[] {
    const known = this.#known.get(issuer);
    if (known !== undefined) return known;
    const found = this.#find(issuer);
    this.#known.set(issuer, found);
    return found;
  }

  #find(issuer: Certificate): readonly RevocationList[] {
    const named = this.#byIssuer.get(issuer.subjectName);
    if (named === undefined) return [];
    const id = `${issuer.keyId} ${issuer.subjectName}`;
    const known = this.#found.get(id);
    if (known !== undefined) return known;
    const found = newest(named.filter((list) => isSignedBy(list, issuer)));
    this.#found.set(id, found);
    return found;
  }

  /**
   * Without those in whose place a newer one counts. Whose key a list of an intermediate is signed with, nobody knows before it
   * is shown: of these, the newest of each name.
   */
  inUse(authorities: readonly Certificate[]): ReadonlySet<RevocationList> {
    const names = new Set(authorities.map(({ subjectName }) => subjectName));
    const ofOthers = this.#all.filter(({ issuerName }) => !names.has(issuerName));
    return new Set([...authorities.flatMap((authority) => this.of(authority)), ...newest(ofOthers)]);
  }
}

/** Without the extension an authority may sign everything. */
export function maySignLists({ facts }: Certificate): boolean {
  return facts.keyUsage?.has("cRLSign") ?? true;
}

/** Whether the key of an authority has signed a list. That never changes, and is asked again with each reload. */
const signatures = new WeakMap<RevocationList, Map<string, boolean>>();

/** As `isSignedBy`, which then knows; elsewhere than on the event loop. @throws Error for a key that OpenSSL does not know */
export async function checkSignedBy(list: RevocationList, issuer: Certificate): Promise<boolean> {
  const known = knownOf(list);
  const isSigned = known.get(issuer.keyId) ?? (await list.checkSignedBy(issuer.publicKey));
  known.set(issuer.keyId, isSigned);
  return isSigned;
}

/** Of an intermediate, which nobody knows before somebody shows it, only the first one to show it is asked. */
function isSignedBy(list: RevocationList, issuer: Certificate): boolean {
  const known = knownOf(list);
  const isSigned = known.get(issuer.keyId) ?? list.isSignedBy(issuer.publicKey);
  known.set(issuer.keyId, isSigned);
  return isSigned;
}

function knownOf(list: RevocationList): Map<string, boolean> {
  const known = signatures.get(list) ?? new Map<string, boolean>();
  signatures.set(list, known);
  return known;
}

/**
 * Those that no other one replaces. RFC 5280, 5.2.3: the greater number is the newer list; without numbers, the time decides.
 * Where the two disagree, as where an authority's numbers began anew, nobody knows, and both count. So do two spellings of one
 * name, which could be two authorities that share a key: what either has revoked stays revoked.
 */
function newest(lists: readonly RevocationList[]): readonly RevocationList[] {
  const found = new Map<string, RevocationList[]>();
  for (const list of lists) {
    const kind = `${list.issuerBytes.toString("latin1")} ${list.scope.toString("latin1")}`;
    const others = found.get(kind) ?? [];
    if (others.some((other) => replaces(other, list))) continue;
    found.set(kind, [...others.filter((other) => !replaces(list, other)), list]);
  }
  return [...found.values()].flat();
}

function replaces(list: RevocationList, other: RevocationList): boolean {
  if (list.thisUpdateMs < other.thisUpdateMs) return false;
  if (list.number === undefined || other.number === undefined) return list.thisUpdateMs > other.thisUpdateMs;
  return list.number === other.number ? list.thisUpdateMs > other.thisUpdateMs : list.number > other.number;
}

import { randomBytes } from "node:crypto";
import { OperatorError } from "../errors.js";
import { makeDirectory } from "../make-directory.js";
import { formatPrincipal, isTenantName, nameRules, type Principal } from "../names.js";
import {
  firstAuthority,
  issuingBelow,
  listFileOf,
  type Signer,
  tenantAuthority,
  tenantOfAuthority,
} from "./authorities.js";
import { makeCertificate, nameOf, partsOf } from "./certificate.js";
import { type IndexEntry, indexFile, readIndex } from "./certificate-index.js";
import { authorityExtensions } from "./extensions.js";
import { existing, isInterrupted, type NewFile, refuseExisting, writeSet } from "./files.js";
import { holding } from "./hold.js";
import { distinguishedName } from "./inspect.js";
import { makeRsaKey, type RsaBits } from "./keys.js";
import { clientContent, entryOf, issueLeaf, type LeafContent, leafFiles, serverContent } from "./leaf.js";
import { listFile, listsOf } from "./lists.js";
import { checkAuthorityName, checkNames, clientStem, serverStem } from "./places.js";
import { authorityPaths, keepAside, type Standing, standingAuthority } from "./replaced.js";
import { defaultDays, validFor } from "./validity.js";

/** The principals that the example policy speaks about. */
export const examplePrincipals: readonly Principal[] = [
  { tenant: "acme", name: "root" },
  { tenant: "acme", name: "billing" },
  { tenant: "acme", name: "reports" },
  { tenant: "acme", name: "nobody" },
  { tenant: "globex", name: "root" },
  { tenant: "globex", name: "nobody" },
  { tenant: "ops", name: "root" },
];

export interface InitOptions {
  /** Makes everything anew, also the authority, and keeps what it replaces aside: what the old one issued is trusted no longer. */
  readonly force: boolean;
  readonly bits?: RsaBits | undefined;
  /** How long the authority lasts, and the certificates that it issues at once. */
  readonly authorityDays?: number | undefined;
  readonly days?: number | undefined;
  /** An authority that issues below the first one, whose key can then be put away. */
  readonly intermediate?: boolean | undefined;
  /** Is told each path, relative to the folder, when the file is in place. */
  readonly onProgress?: (made: string) => void;
}

/** The authority of a tenant, or one by the name of its files. */
export type Whose = { readonly tenant: string } | { readonly ca: string };

/** What was made. */
export interface Initiation {
  /** Relative to the folder. */
  readonly made: readonly string[];
  /** The folder, relative to this one, with what was replaced; undefined where nothing was. */
  readonly kept: string | undefined;
}

/** An authority that nobody has yet, what it is in files, and what the index says of it. */
interface NewAuthority {
  /** What issues: itself, or the one below it. */
  readonly signer: Signer;
  readonly above: readonly Signer[];
  readonly files: readonly NewFile[];
  readonly entries: readonly IndexEntry[];
}

/**
 * Makes a new authority (`ca.crt`, `ca.key`, and `ca.crl`, an empty list of what it revoked), a server for localhost
 * (`server.crt`, `server.key`) and one client for each principal (`clients/TENANT/NAME.crt`, `.key`) in `directory`, which
 * need not exist. Two runs may overlap: without `force` one of them makes the whole set and the other is refused.
 *
 * @throws OperatorError when a file is in the way and `force` is not set, or a principal is not valid; nothing was made
 */
export async function initCertificates(
  directory: string,
  options: InitOptions & { readonly principals: readonly Principal[] },
): Promise<Initiation> {
  for (const principal of options.principals) checkNames(principal);
  const stems = [serverStem, ...options.principals.map(clientStem)];
  refuseRepeated(options.principals.map(formatPrincipal));
  const contents = [
    serverContent({ dns: ["localhost"], ip: ["127.0.0.1", "::1"] }),
    ...options.principals.map((principal) => clientContent(principal)),
  ];
  return makeAuthoritySet(directory, firstAuthority, "aclog", options, stems, contents);
}

/**
 * Makes one more authority beside the first, `NAME.crt`, `.key` and `.crl`: that of a tenant, `TENANT-ca`, or the one that
 * is to follow the first.
 *
 * @throws OperatorError as `initCertificates`
 */
export async function initAuthority(directory: string, whose: Whose, options: InitOptions): Promise<Initiation> {
  const label = "tenant" in whose ? `aclog ${whose.tenant}` : "aclog";
  return makeAuthoritySet(directory, stemOf(whose), label, options, [], []);
}

/**
 * The authority that `init` with `force` would put another one in the place of.
 * @param whose undefined: the first one
 */
export async function authorityInTheWay(directory: string, whose: Whose | undefined): Promise<Standing | undefined> {
  return standingAuthority(directory, whose === undefined ? firstAuthority : stemOf(whose));
}

/** @throws OperatorError for a name that no authority can have */
function stemOf(whose: Whose): string {
  if ("tenant" in whose && !isTenantName(whose.tenant)) {
    throw new OperatorError(`${JSON.stringify(whose.tenant)} is not a tenant name: ${nameRules.tenant}`);
  }
  const stem = "tenant" in whose ? tenantAuthority(whose.tenant) : whose.ca;
  checkAuthorityName(stem);
  const owner = tenantOfAuthority(stem);
  if ("ca" in whose && owner !== undefined) {
    throw new OperatorError(
      `${stem} is what the authority of tenant ${owner} is called: --tenant ${owner}, or another name`,
    );
  }
  return stem;
}

const useThem = "use them as they are, or make others in another folder";

async function makeAuthoritySet(
  directory: string,
  stem: string,
  label: string,
  options: InitOptions,
  stems: readonly string[],
  contents: readonly LeafContent[],
): Promise<Initiation> {
  const { force, bits = 2048, days = defaultDays.leaf } = options;
  const authorityStems = options.intermediate ? [stem, issuingBelow(stem)] : [stem];
  const paths = [...authorityStems, ...stems].flatMap((each) => [`${each}.key`, `${each}.crt`]);
  const own = [...paths, listFileOf(stem)];
  // What is below this authority, of one that was there before, would go on issuing in its place.
  const stale = authorityPaths(stem).filter((path) => !own.includes(path));
  const refuse = async () => {
    if (!force) await refuseExisting(directory, [...own, ...(await existing(directory, stale))], useThem);
  };
  // What a killed run had made ready is there once the folder is held.
  if (!(await isInterrupted(directory))) await refuse();
  // Whatever the umask: who may write here decides who is trusted.
  await makeDirectory(directory, 0o755);
  return holding(directory, async () => {
    await refuse();
    const { signer, above, files, entries } = await makeAuthority(stem, label, options);
    // The search for primes, which is what takes long, runs beside this thread.
    const leaves = await Promise.all(
      contents.map(async (content, index) => {
        const { publicKey, privateKey } = await makeRsaKey(bits);
        const certificate = issueLeaf(signer, content, publicKey, days);
        const chain = [certificate, ...above.map((each) => each.certificate)];
        return {
          files: leafFiles(stems[index]!, chain, privateKey, force),
          entry: entryOf(certificate, `${stems[index]!}.crt`),
        };
      }),
    );
    const index = indexFile([...(await readIndex(directory)), ...entries, ...leaves.map(({ entry }) => entry)]);
    const kept = await keepAside(directory, [...own, ...stale]);
    const made = await writeSet(directory, [...files, ...leaves.flatMap((leaf) => leaf.files), index], {
      removed: stale,
      onProgress: options.onProgress,
    });
    return { made, kept };
  });
}

async function makeAuthority(stem: string, label: string, options: InitOptions): Promise<NewAuthority> {
  const { bits = 2048, authorityDays = defaultDays.authority, force, intermediate = false } = options;
  // Two authorities are never taken for each other: the name of each has a random part.
  const unique = randomBytes(4).toString("hex");
  const root = await signerOf(stem, `${label} ${intermediate ? "root " : ""}CA ${unique}`, bits, authorityDays, {
    pathLength: intermediate ? 1 : 0,
  });
  const below = intermediate
    ? await signerOf(issuingBelow(stem), `${label} issuing CA ${unique}`, bits, authorityDays, { pathLength: 0, root })
    : undefined;
  const signers = below === undefined ? [root] : [root, below];
  // One file for both: a server that is told of the one knows the other.
  let list = listFile(".", root, [], [], defaultDays.firstList);
  if (below !== undefined) {
    list = listFile(".", below, listsOf(Buffer.from(list.file.text)), [], defaultDays.firstList);
  }
  return {
    signer: below ?? root,
    above: below === undefined ? [] : [below],
    files: [
      ...signers.flatMap((each) => leafFiles(each.stem, [each.certificate], each.key, force)),
      { ...list.file, replaces: force },
    ],
    entries: below === undefined ? [] : [entryOf(below.certificate, `${below.stem}.crt`)],
  };
}

async function signerOf(
  stem: string,
  commonName: string,
  bits: RsaBits,
  days: number,
  { pathLength, root }: { readonly pathLength: number; readonly root?: Signer },
): Promise<Signer> {
  const { publicKey, privateKey: key } = await makeRsaKey(bits);
  const subject = nameOf(["CN", commonName]);
  const certificate = makeCertificate(
    {
      issuer: root === undefined ? subject : partsOf(root.certificate).subject,
      subject,
      ...validFor(days, root && new Date(root.certificate.validTo)),
      publicKey,
      extensions: authorityExtensions(publicKey, pathLength, root?.certificate),
    },
    root?.key ?? key,
  );
  return { stem, certificate, name: distinguishedName(certificate.subject), key };
}

function refuseRepeated(names: readonly string[]): void {
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw new OperatorError(`${repeated} is asked for twice`);
}

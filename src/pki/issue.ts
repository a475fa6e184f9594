import { type KeyObject, type X509Certificate, createPublicKey } from "node:crypto";
import { join } from "node:path";
import { OperatorError } from "../errors.js";
import { formatPrincipal, type Principal } from "../names.js";
import { checkAlternativeNames } from "./alternative-names.js";
import {
  authoritiesIn,
  chainAbove,
  firstAuthority,
  issuerOf,
  refuseOtherTenant,
  type Signer,
  tenantAuthority,
} from "./authorities.js";
import { indexFile, readIndex } from "./certificate-index.js";
import type { AlternativeNames } from "./extensions.js";
import { exists, refuseExisting, writeSet } from "./files.js";
import { holding } from "./hold.js";
import { certificateAt, holdingsAt } from "./holdings.js";
import { inspectCertificate } from "./inspect.js";
import { makeRsaKey, type RsaBits } from "./keys.js";
import { clientContent, entryOf, issueLeaf, leafFiles, serverContent } from "./leaf.js";
import { checkAuthorityName, checkNames, checkPlace, clientStem, serverStem } from "./places.js";
import { readPart } from "./read.js";
import { keyOfRequest } from "./request.js";
import { defaultDays } from "./validity.js";

export interface IssueOptions {
  /** Replaces what is there. */
  readonly force: boolean;
  readonly days?: number | undefined;
  /** Of the key that is made; not with a request, which has its own. */
  readonly bits?: RsaBits | undefined;
  readonly names?: AlternativeNames | undefined;
  /** The file of the authority that signs, without `.crt`; else the tenant's own, where it has one, or the first. */
  readonly ca?: string | undefined;
  /** A request for a certificate, PEM or DER. */
  readonly request?: Buffer | undefined;
  /** Where to, relative to the folder and without an ending; else where everybody looks for it. */
  readonly place?: string | undefined;
}

/** What came of it. */
export interface Issuance {
  /** Relative to the folder. */
  readonly made: readonly string[];
  readonly serial: string;
  readonly notAfter: Date;
  /** It ends earlier than it was to, since its authority does. */
  readonly isCut: boolean;
  /** An authority above it whose certificate is not in the folder, and so not in its file: who lacks that one refuses it. */
  readonly missing: string | undefined;
}

export interface Issued extends Issuance {
  /** Names that the one before in its place had, and this one has not. */
  readonly dropped: readonly string[];
}

/**
 * One more certificate of an authority in `directory`: that of a client, `clients/TENANT/NAME.crt`, or of a server. Its key
 * is made beside it, unless it was requested by somebody who has one. Runs may overlap.
 *
 * @throws OperatorError when the authority is missing, incomplete or unfit, when the certificate exists and `force` is not
 *   set, or when a name or the request is not valid; nothing was made
 */
export async function issueCertificate(
  directory: string,
  whom: Principal | "server",
  options: IssueOptions,
): Promise<Issued> {
  const { names = {}, request, days = defaultDays.leaf, force } = options;
  if (whom !== "server") checkNames(whom);
  checkAlternativeNames(names);
  const stem = options.place ?? (whom === "server" ? serverStem : clientStem(whom));
  const requested = request && keyOfRequest(request);
  // Before the folder is touched: where no authority is, nothing is to be left.
  await signerFor(directory, whom, options.ca);
  return holding(directory, async () => {
    const signer = await signerFor(directory, whom, options.ca);
    checkPlace(stem, [firstAuthority, ...(await authoritiesIn(directory)).map((each) => each.stem)]);
    if (!force) {
      const paths = requested ? [`${stem}.crt`] : [`${stem}.key`, `${stem}.crt`];
      await refuseExisting(directory, paths, await insteadOf(directory, stem, whom, options));
    }
    if (requested) await refuseOtherKey(join(directory, `${stem}.key`), requested);
    const made = requested === undefined ? await makeRsaKey(options.bits ?? 2048) : undefined;
    const content = whom === "server" ? serverContent(names) : clientContent(whom, names);
    const certificate = issueLeaf(signer, content, requested ?? made!.publicKey, days);
    const before = await certificateAt(join(directory, `${stem}.crt`));
    const issuance = await put(directory, { stem, signer, certificate, key: made?.privateKey, force }, days);
    const has = namesOf(certificate);
    return { ...issuance, dropped: before === undefined ? [] : namesOf(before).filter((name) => !has.includes(name)) };
  });
}

/**
 * The authority that signs for somebody, unless another is named.
 * @throws OperatorError also when that is another tenant's
 */
export async function signerFor(directory: string, whom: Principal | "server", ca?: string): Promise<Signer> {
  if (ca !== undefined) {
    checkAuthorityName(ca);
    refuseOtherTenant(ca, whom === "server" ? undefined : whom.tenant);
    return issuerOf(directory, ca);
  }
  const own = whom === "server" ? undefined : tenantAuthority(whom.tenant);
  const hasOwn = own !== undefined && (await exists(join(directory, `${own}.crt`)));
  return issuerOf(directory, hasOwn ? own : firstAuthority);
}

/** Puts a new certificate in its place and into the index. The folder is held. */
export async function put(
  directory: string,
  {
    stem,
    signer,
    certificate,
    key,
    force,
  }: { stem: string; signer: Signer; certificate: X509Certificate; key: KeyObject | undefined; force: boolean },
  days: number,
): Promise<Issuance> {
  const above = await chainAbove(directory, signer);
  const files = leafFiles(stem, [certificate, ...above.certificates], key, force);
  const index = indexFile([...(await readIndex(directory)), entryOf(certificate, `${stem}.crt`)]);
  // The index first: no certificate is ever out that it does not know.
  await writeSet(directory, [index, ...files]);
  const [notBefore, notAfter] = [new Date(certificate.validFrom), new Date(certificate.validTo)];
  return {
    made: files.map(({ path }) => path),
    serial: certificate.serialNumber,
    notAfter,
    isCut: notAfter.getTime() < notBefore.getTime() + days * 86_400_000,
    missing: above.missing,
  };
}

/** What to do where a certificate is there already, the mildest first. */
async function insteadOf(
  directory: string,
  stem: string,
  whom: Principal | "server",
  { place, request }: IssueOptions,
): Promise<string> {
  const there = await certificateAt(join(directory, `${stem}.crt`));
  if (there !== undefined && (await isRevoked(directory, `${stem}.crt`, there))) {
    return "the certificate there is revoked, --force puts this one in its place";
  }
  const which = place !== undefined ? `--out ${place}` : whom === "server" ? "--server" : formatPrincipal(whom);
  const anew = request === undefined ? `, make them anew with \`aclog certs renew ${which}\`` : "";
  return `use them as they are${anew}, or replace them with --force`;
}

async function isRevoked(directory: string, file: string, { serialNumber }: X509Certificate): Promise<boolean> {
  const held = await holdingsAt(directory, file);
  return held.some(({ serial, state }) => serial === serialNumber && state === "revoked");
}

function namesOf(certificate: X509Certificate): readonly string[] {
  return inspectCertificate(certificate.raw).subjectAltNames;
}

/** A certificate beside a key that is not its own is of no use to anybody. */
async function refuseOtherKey(path: string, requested: KeyObject): Promise<void> {
  if (!(await exists(path))) return;
  const [here, there] = [publicKeyIn(await readPart(path)), requested];
  if (here?.equals(there)) return;
  throw new OperatorError(`${path} is there, and is not the key of this request: name another place with --out`);
}

function publicKeyIn(pem: Buffer): KeyObject | undefined {
  try {
    return createPublicKey(pem);
  } catch {
    return undefined;
  }
}

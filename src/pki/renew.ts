import type { KeyObject, X509Certificate } from "node:crypto";
import { join } from "node:path";
import { OperatorError } from "../errors.js";
import { formatPrincipal, type Principal } from "../names.js";
import {
  authoritiesIn,
  isIssuedBy,
  issuerOf,
  issuingBelow,
  refuseOtherTenant,
  type Signer,
  signersIn,
} from "./authorities.js";
import { partsOf } from "./certificate.js";
import { readIndex } from "./certificate-index.js";
import { renewedExtensions } from "./extensions.js";
import { exists } from "./files.js";
import { certificateAt, type Holding, holdingsAt, holdingsIn, isOf, tenantOf } from "./holdings.js";
import { holding } from "./hold.js";
import { type Issuance, put } from "./issue.js";
import { makeKeyLike, makeRsaKey, type RsaBits, weaknessOf } from "./keys.js";
import { entryOf, signLeaf } from "./leaf.js";
import { checkAuthorityName, checkNames, checkPlace, clientStem, serverStem } from "./places.js";
import { refuseUnrevocable, revokeEntries, type Revocation } from "./revoke.js";

/** Whose certificate, or where it lies, relative to the folder and without its ending. */
export type Renewed = Principal | "server" | { readonly place: string };

export interface RenewOptions {
  /** Undefined: as long as the one before. */
  readonly days?: number | undefined;
  /** Certifies the key of the one before, which need not be here; otherwise a new one of its kind is made. */
  readonly sameKey?: boolean | undefined;
  /** Of a new RSA key, whatever the one before had. */
  readonly bits?: RsaBits | undefined;
  /** The file of the authority that signs, without `.crt`; else the one that signed before. */
  readonly ca?: string | undefined;
  /** Revokes those that were in its place before, which are otherwise good until they end. */
  readonly revokeOld?: boolean | undefined;
}

export interface Renewal extends Issuance {
  /** Serial number of the one before. */
  readonly before: string;
  /** It had ended, or been revoked, before it was renewed. */
  readonly wasOver: boolean;
  readonly revocation: Revocation | undefined;
}

/** What became of each of several. */
export type RenewalOutcome =
  { readonly holding: Holding; readonly renewal: Renewal } | { readonly holding: Holding; readonly problem: string };

const dayMs = 86_400_000;

/**
 * A certificate in the place of the one before, for the same subject, usage and names, byte for byte.
 * @throws OperatorError when there is none, or nobody here can sign it anew; nothing was changed
 */
export async function renewCertificate(directory: string, which: Renewed, options: RenewOptions): Promise<Renewal> {
  if (which !== "server" && "tenant" in which) checkNames(which);
  await refuseMissing(directory);
  return holding(directory, async () => renewAt(directory, await stemOf(directory, which), options));
}

/**
 * Renews what ends within so many days, and what has ended, each on its own: one that cannot be renewed, or would not last
 * longer, holds up no other.
 * @param days Infinity for everything
 * @param options.issuedBy only what this authority, NAME.crt, or the one below it has issued, and the one that is to follow
 *   has not issued already
 * @param options.tenant only what is of this tenant's principals
 */
export async function renewExpiring(
  directory: string,
  days: number,
  options: RenewOptions & { readonly issuedBy?: string | undefined; readonly tenant?: string | undefined },
): Promise<RenewalOutcome[]> {
  await refuseMissing(directory);
  const { ca, tenant } = options;
  if (ca !== undefined) refuseOtherTenant(ca, tenant);
  const { authorities, certificates } = await holdingsIn(directory);
  const leaves = certificates.filter(
    ({ serial }) => !authorities.some((each) => each.certificate.serialNumber === serial),
  );
  const ofTenant = expiring(leaves, days).filter((each) => tenant === undefined || tenantOf(each) === tenant);
  const chosen = ofTenant.filter(await isOfAuthority(directory, options));
  const outcomes: RenewalOutcome[] = [];
  for (const each of chosen) {
    try {
      const stem = each.file!.replace(/\.crt$/, "");
      const renewal = await holding(directory, () => renewAt(directory, stem, options, days < Infinity));
      outcomes.push({ holding: each, renewal });
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      outcomes.push({ holding: each, problem: error.message });
    }
  }
  return outcomes;
}

/** Those in use that end within so many days, or have ended. */
export function expiring(certificates: readonly Holding[], days: number): Holding[] {
  const until = Date.now() + days * dayMs;
  // Of what has ended only the last one in a file matters: the others were renewed in time.
  const last = new Map(certificates.map((each) => [each.file, each.serial]));
  return certificates.filter(
    ({ state, file, serial, notAfter }) =>
      notAfter.getTime() <= until && (state === "valid" || (state === "expired" && last.get(file) === serial)),
  );
}

/** @param isForTime it is renewed to last longer, and for nothing else */
async function renewAt(directory: string, stem: string, options: RenewOptions, isForTime = false): Promise<Renewal> {
  checkPlace(stem, []);
  const path = join(directory, `${stem}.crt`);
  const old = await certificateAt(path);
  if (old === undefined)
    throw new OperatorError(`${path} holds no certificate to renew: make one with \`aclog certs issue\``);
  if (old.ca)
    throw new OperatorError(
      `${path} is the certificate of an authority: docs/certificates.md says how one follows another`,
    );
  const signer = await signerOf(directory, old, path, options.ca);
  refuseOtherTenant(signer.stem, tenantOf(entryOf(old, `${stem}.crt`)));
  if (isForTime) refuseNoLonger(old, signer);
  const { publicKey, privateKey } = await keyFor(directory, stem, old, options);
  const parts = partsOf(old);
  const days = options.days ?? Math.max(1, Math.round((Date.parse(old.validTo) - Date.parse(old.validFrom)) / dayMs));
  const extensions = renewedExtensions(parts, publicKey, signer.certificate);
  const certificate = signLeaf(signer, parts.subject, extensions, publicKey, days);
  const before = await allHeldAt(directory, old, `${stem}.crt`);
  const wasOver = before.some(({ serial, state }) => serial === old.serialNumber && isOver(state));
  const doomed = options.revokeOld ? before.filter(({ state }) => !isOver(state)) : [];
  await refuseUnrevocable(directory, doomed);
  const issuance = await put(directory, { stem, signer, certificate, key: privateKey, force: true }, days);
  const revocation = doomed.length === 0 ? undefined : await revokeEntries(directory, doomed, { reason: "superseded" });
  return { ...issuance, before: old.serialNumber, wasOver, revocation };
}

/** Everything that was ever put into this file, with what lies there now, whoever issued it. */
async function allHeldAt(directory: string, old: X509Certificate, file: string): Promise<readonly Holding[]> {
  const held = await holdingsAt(directory, file);
  const isKnown = held.some(({ serial }) => serial === old.serialNumber);
  return isKnown ? held : [...held, { ...entryOf(old, file), state: "valid" }];
}

function isOver(state: Holding["state"]): boolean {
  return state === "revoked" || state === "expired";
}

/** Otherwise a nightly job would make everything anew each night once the authority itself ends soon, to no use. */
function refuseNoLonger(old: X509Certificate, { certificate, stem }: Signer): void {
  if (Date.parse(certificate.validTo) > Date.parse(old.validTo)) return;
  throw new OperatorError(
    `a new one would not last longer, since its authority, ${stem}.crt, ends on ${certificate.validTo}: ` +
      "have another one follow that first (docs/certificates.md, rolling an authority)",
  );
}

async function keyFor(
  directory: string,
  stem: string,
  old: X509Certificate,
  { sameKey, bits }: RenewOptions,
): Promise<{ publicKey: KeyObject; privateKey: KeyObject | undefined }> {
  if (sameKey) {
    const weakness = weaknessOf(old.publicKey);
    if (weakness !== undefined) throw new OperatorError(`its key is not worth keeping: ${weakness}`);
    return { publicKey: old.publicKey, privateKey: undefined };
  }
  const path = join(directory, `${stem}.key`);
  if (!(await exists(path))) {
    throw new OperatorError(
      `${path} is not here: whoever has the key can bring a request (\`aclog certs issue … --csr FILE --force\`), ` +
        "or --same-key certifies it again",
    );
  }
  return bits === undefined ? makeKeyLike(old.publicKey) : makeRsaKey(bits);
}

async function signerOf(
  directory: string,
  old: X509Certificate,
  path: string,
  ca: string | undefined,
): Promise<Signer> {
  if (ca !== undefined) {
    checkAuthorityName(ca);
    return issuerOf(directory, ca);
  }
  const signer = (await signersIn(directory)).find(({ certificate }) => isIssuedBy(old, certificate));
  if (signer !== undefined) return signer;
  const isHere = (await authoritiesIn(directory)).some(({ certificate }) => isIssuedBy(old, certificate));
  throw new OperatorError(
    isHere
      ? `the key of the authority that issued ${path} is not in ${directory}`
      : `no authority of ${directory} has issued ${path}: --ca NAME has one of them issue it from now on`,
  );
}

async function isOfAuthority(
  directory: string,
  { issuedBy, ca }: RenewOptions & { readonly issuedBy?: string | undefined },
): Promise<(holding: Holding) => boolean> {
  if (issuedBy === undefined) return () => true;
  checkAuthorityName(issuedBy);
  const stems = [issuedBy, issuingBelow(issuedBy)];
  const names = (await authoritiesIn(directory)).filter(({ stem }) => stems.includes(stem)).map(({ name }) => name);
  if (names.length === 0) throw new OperatorError(`${directory} has no certificate authority ${issuedBy}`);
  const next = ca === undefined ? undefined : (await issuerOf(directory, ca)).name;
  return ({ issuer }) => names.includes(issuer) && issuer !== next;
}

/** The usual place, or wherever the index says that the newest of his lies. */
async function stemOf(directory: string, which: Renewed): Promise<string> {
  if (which === "server") return serverStem;
  if ("place" in which) return which.place;
  const usual = clientStem(which);
  if (await exists(join(directory, `${usual}.crt`))) return usual;
  const his = (await readIndex(directory)).filter((entry) => entry.file !== undefined && isOf(entry, which));
  const file = his.at(-1)?.file;
  if (file === undefined)
    throw new OperatorError(`${directory} has no certificate of ${formatPrincipal(which)} to renew`);
  return file.replace(/\.crt$/, "");
}

async function refuseMissing(directory: string): Promise<void> {
  if (!(await exists(directory)))
    throw new OperatorError(`there is no folder ${directory}: --dir names the one with the authority`);
}

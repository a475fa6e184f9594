/** Who comes with the signature of an authority that is trusted here, and not for his tenant. */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { StatedMatrix } from "../authz/index.js";
import { Likeness, TrialAuthority, certificatesIn } from "../pki/index.js";
import { type Binding, type Disguise, type Door, type OutsiderOptions, type Victim, victimAmong } from "./disguises.js";
import type { ClientKeys } from "./stage.js";

/**
 * The tenants that are bound to authorities, which lie where the server reads them: beside `ca`, as do their keys if they are here.
 * Authorities that the policy names by fingerprint are found in `ca` itself.
 */
export async function bindingsIn(
  matrix: StatedMatrix,
  present: readonly string[],
  keysOf: ReadonlyMap<string, ClientKeys>,
  ca: string,
): Promise<readonly Binding[]> {
  const bindings: Binding[] = [];
  for (const tenant of matrix.tenants) {
    const { authorities: names, isSuspended } = matrix.standingOf(tenant);
    if (names === undefined || isSuspended) continue;
    const theirs = present.filter((principal) => principal.startsWith(`${tenant}/`));
    const authorities: string[] = [];
    const signers: (readonly [string, TrialAuthority])[] = [];
    for (const name of names) {
      const [pems, signer] = await boundTo(name, ca);
      authorities.push(...pems);
      if (signer !== undefined) signers.push([name, signer]);
    }
    bindings.push({ tenant, victim: victimAmong(matrix, theirs, keysOf), authorities, signers });
  }
  return bindings;
}

async function boundTo(
  name: string,
  ca: string,
): Promise<readonly [pems: readonly string[], signer: TrialAuthority | undefined]> {
  if (name.includes(":")) {
    const all = certificatesIn((await readIf(ca)) ?? "");
    return [all.filter((pem) => new X509Certificate(pem).fingerprint256 === name), undefined];
  }
  const path = join(dirname(ca), name);
  const file = await readIf(path);
  if (file === undefined) return [[], undefined];
  const key = await readIf(path.replace(/\.[^.]*$/, ".key"));
  return [certificatesIn(file), key === undefined ? undefined : signerOf(file, key)];
}

function signerOf(file: Buffer, key: Buffer): TrialAuthority | undefined {
  try {
    return TrialAuthority.of(file, key);
  } catch {
    // Whatever lies there, it is not this authority's key.
    return undefined;
  }
}

async function readIf(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch {
    // What the server needs of it, the server says.
    return undefined;
  }
}

export function crossedDisguises(door: Door, { victim, authority, bindings }: OutsiderOptions): readonly Disguise[] {
  const bearing = (who: string, whom: Victim, signer: TrialAuthority): Disguise => {
    const { certificatePem, keyPem } = signer.issue(Likeness.of(whom.keys.cert));
    const keys = { cert: certificatePem, key: keyPem };
    return { who, due: "other_authority", speaks: "gRPC", victim: whom, knock: () => door.overTls(keys) };
  };
  const isBound = bindings.some(({ tenant }) => victim.principal.startsWith(`${tenant}/`));
  return bindings.flatMap(({ tenant, victim: theirs, authorities, signers }) => [
    ...(authority === undefined || theirs === undefined || isAmong(authority, authorities)
      ? []
      : [bearing(`a certificate of ${tenant}, which is bound to another authority`, theirs, authority)]),
    ...(isBound
      ? []
      : signers.map(([file, signer]) =>
          bearing(`a certificate of another tenant, signed by ${tenant}'s own authority (${file})`, victim, signer),
        )),
  ]);
}

function isAmong({ certificatePem }: TrialAuthority, authorities: readonly string[]): boolean {
  const { publicKey } = new X509Certificate(certificatePem);
  return authorities.some((pem) => new X509Certificate(pem).publicKey.equals(publicKey));
}

import type { Authorizer } from "../authz/index.js";
import type { TenantGate } from "../identity/index.js";
import type { Principal } from "../names.js";
import type { TenantStanding } from "../tenant-standing.js";

type TenantFiles = ReadonlyMap<string, readonly string[]>;

/** As a policy says it, in force or not. */
type SaysWhoTenantsAre = Pick<Authorizer, "standingOf" | "boundAuthorities">;

/** What the policy in force says of tenants, with the fingerprints of the authorities that it names by their files. */
export class PolicyGate implements TenantGate {
  readonly #authorizer: SaysWhoTenantsAre;
  readonly #tenantFiles: () => TenantFiles;
  readonly isBreakGlass: (principal: Principal) => boolean;
  #filesOf: { readonly files: TenantFiles; readonly byFingerprint: ReadonlyMap<string, readonly string[]> } | undefined;

  /** @param tenantFiles fingerprints of the authorities in each file, as they are in force */
  constructor(
    authorizer: SaysWhoTenantsAre,
    isBreakGlass: (principal: Principal) => boolean,
    tenantFiles: () => TenantFiles,
  ) {
    this.#authorizer = authorizer;
    this.isBreakGlass = isBreakGlass;
    this.#tenantFiles = tenantFiles;
  }

  standingOf(tenant: string): TenantStanding | undefined {
    const standing = this.#authorizer.standingOf(tenant);
    if (standing?.authorities === undefined) return standing;
    const files = this.#tenantFiles();
    return {
      ...standing,
      authorities: standing.authorities.flatMap((each) => (isFile(each) ? (files.get(each) ?? []) : each)),
    };
  }

  boundTo(authorityFingerprint: string): readonly string[] {
    const { boundAuthorities } = this.#authorizer;
    const names = [authorityFingerprint, ...(this.#byFingerprint().get(authorityFingerprint) ?? [])];
    return names.flatMap((name) => boundAuthorities.get(name) ?? []);
  }

  /** Names of the files that tenants are bound to. */
  get files(): readonly string[] {
    return [...this.#authorizer.boundAuthorities.keys()].filter(isFile);
  }

  /** Each tenant that is bound to a fingerprint which no authority here has, with it. */
  unknownAuthorities(fingerprints: ReadonlySet<string>): readonly { tenant: string; authority: string }[] {
    return [...this.#authorizer.boundAuthorities].flatMap(([authority, tenants]) =>
      isFile(authority) || fingerprints.has(authority) ? [] : tenants.map((tenant) => ({ tenant, authority })),
    );
  }

  /** The files that an authority is in. */
  #byFingerprint(): ReadonlyMap<string, readonly string[]> {
    const files = this.#tenantFiles();
    if (this.#filesOf?.files !== files) {
      const byFingerprint = new Map<string, string[]>();
      for (const [name, fingerprints] of files)
        for (const each of fingerprints) byFingerprint.set(each, [...(byFingerprint.get(each) ?? []), name]);
      this.#filesOf = { files, byFingerprint };
    }
    return this.#filesOf.byFingerprint;
  }
}

/** A plain name has no colon: `policy/tenants.yaml` is read so. */
function isFile(authority: string): boolean {
  return !/^[0-9A-F]{2}(:[0-9A-F]{2}){31}$/.test(authority);
}

/** What the policy in force says of a tenant that it declares. Open to every room. */
export interface TenantStanding {
  /** Its principals are nobody; its topics stay. */
  readonly isSuspended: boolean;
  /**
   * The authorities that alone vouch for its principals, as SHA-256 fingerprints `AB:CD:…` or as plain names of files;
   * undefined: any that is bound to no tenant.
   */
  readonly authorities: readonly string[] | undefined;
}

/** `acme is suspended: none of its clients gets in`. @param tenants at least one; of many, the first are named */
export function suspendedInWords(tenants: readonly string[]): string {
  if (tenants.length === 1) return `${tenants[0]!} is suspended: none of its clients gets in`;
  const named = tenants.slice(0, mostNamed);
  const more = tenants.length - named.length;
  const who =
    more > 0 ? `${named.join(", ")} and ${more} more` : `${named.slice(0, -1).join(", ")} and ${named.at(-1)!}`;
  return `${who} are suspended: none of their clients gets in`;
}

const mostNamed = 10;

/** Of a tenant about which `tenants.yaml` says nothing else. */
export const defaultTenantStanding: TenantStanding = Object.freeze({ isSuspended: false, authorities: undefined });

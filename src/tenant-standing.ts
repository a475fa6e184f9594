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

/** Of a tenant about which `tenants.yaml` says nothing else. */
export const defaultTenantStanding: TenantStanding = Object.freeze({ isSuspended: false, authorities: undefined });

import type { IdentityProblem } from "./identity.js";

/** What whoever runs the server can do about a refusal, where there is something. Not for the one who is refused. */
export const remedies: Readonly<Partial<Record<string, string>>> = {
  untrusted:
    "if it is to be trusted, its file has to have what leads to an authority of --ca behind the certificate, each behind what it has signed: `aclog identity FILE` says how far it leads",
  chain_too_long: "have it issued nearer to the authority",
  not_yet_valid: "compare the clocks of the two machines",
  expired: "have it issued anew: `aclog certs renew`, or whoever issued it",
  revoked: "have another one issued",
  revocation_unknown: "get the authority's new list: `aclog certs crl` writes ours",
  weak: "`aclog certs check FILE` says what to have issued instead",
  wrong_usage: "`aclog certs check FILE` says what to have issued instead",
  authority_as_client: "have the authority issue a client's certificate",
  no_name:
    'rules in the file of --identity can read it from something else, or map a value to a name, as map: { "Acme Inc.": acme } does; `aclog identity FILE` tries them',
  tenant_undeclared: "declare the tenant in tenants.yaml if there is to be one",
  tenant_suspended: "take `suspended: true` out of tenants.yaml if the tenant is to come back",
  other_authority: "have the tenant's own authority issue it; `ca` in tenants.yaml says which that is",
  over_limit: "`connections` in tenants.yaml is how many a tenant may have",
} satisfies Partial<Record<IdentityProblem, string>>;

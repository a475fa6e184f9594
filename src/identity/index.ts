/** Who is calling: from a peer's certificate to a principal, once per connection. Certificates are the only source. */

export { type Connection, type ConnectionInfo, Connections } from "./connections.js";
export { IdentityRefused, principalFromCertificate } from "./principal.js";

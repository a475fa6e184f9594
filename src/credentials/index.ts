/** What a server proves itself with and trusts by: read from files, looked after, and never half of it in force. */

export { type EndWarning, EndWarnings } from "./end-warnings.js";
export {
  Credentials,
  type CredentialFiles,
  type CredentialsChange,
  type CredentialsInForce,
  type CredentialsObserver,
} from "./credentials.js";
export type { FoundList } from "./list-files.js";
export { pemBlocks, PemError } from "./pem.js";
export { type ReadTrust, readTrust } from "./read-trust.js";

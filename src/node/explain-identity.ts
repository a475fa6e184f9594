import { loadPolicy, PolicyFiles } from "../authz/index.js";
import type { Config } from "../config/index.js";
import { PemError, pemBlocks, readTrust } from "../credentials/index.js";
import { type Finding, OperatorError } from "../errors.js";
import { type Identity, IdentityRefused, type Presented, remedies, type Step } from "../identity/index.js";
import { linkedCertificates } from "../linked-certificates.js";
import { isDer, x509Of } from "../x509.js";
import { PolicyGate } from "./tenant-gate.js";

/** What the server would make of somebody who shows these certificates now. */
export interface ExplainedIdentity {
  /** Or why nobody. */
  readonly identity: Identity | IdentityRefused;
  /** Each question that is asked, in order, with its answer. */
  readonly steps: readonly Step[];
  /** What to do where he is nobody, if there is something. */
  readonly remedy: string | undefined;
  /** What is wrong with files that only tenants name, and which revocation lists have expired and are accepted. */
  readonly findings: readonly Finding[];
}

/**
 * By the files that a server with this configuration would go by. None of them is changed, and no server is asked.
 * @param bytes a certificate and, in PEM, what is brought along to lead from there to an authority
 * @throws OperatorError when the files cannot be used, or the bytes are no certificate
 */
export async function explainIdentity(config: Config, bytes: Buffer): Promise<ExplainedIdentity> {
  const presented = await presentedIn(bytes);
  const { policy, report } = await loadPolicy(await PolicyFiles.read(config.policyDir));
  if (policy === undefined)
    throw new OperatorError(`the policy in ${config.policyDir} cannot be used`, report.findings);
  const { breakGlass } = config;
  const files = new Map<string, readonly string[]>();
  const gate = new PolicyGate(
    policy.compiled,
    ({ tenant, name }) => tenant === breakGlass?.tenant && name === breakGlass.name,
    () => files,
  );
  const { trust, tenantFiles, findings } = await readTrust(config.tls, gate.files);
  for (const [name, fingerprints] of tenantFiles) files.set(name, fingerprints);
  const options = { nowMs: Date.now() };
  const steps = trust.explain(presented, gate, options);
  try {
    return { identity: trust.judge(presented, gate, options), steps, remedy: undefined, findings };
  } catch (error) {
    if (!(error instanceof IdentityRefused)) throw error;
    return { identity: error, steps, remedy: remediesHere[error.problem], findings };
  }
}

/** What to do about a refusal, for whoever has this before him already. */
const remediesHere: typeof remedies = {
  ...remedies,
  untrusted:
    "if it is to be trusted, put the authority at which it ends into the file of --ca, or whatever leads from there to one of --ca " +
    "behind the certificate in its file, each behind what it has signed",
  no_name:
    'rules in the file of --identity can read it from something else, or map a value to a name, as map: { "Acme Inc.": acme } does: ' +
    "write or change that file, try it with this command (docs/identity.md has examples), and give it to the server",
};

/** As a server would see them. */
function seenOf(leaf: Buffer, others: readonly Buffer[]): readonly Buffer[] {
  try {
    const [own, ...rest] = [leaf, ...others].map(x509Of);
    return linkedCertificates(own!, rest).map(({ raw }) => raw);
  } catch {
    // What is wrong with one of them is the first answer.
    return others;
  }
}

async function presentedIn(bytes: Buffer): Promise<Presented> {
  // DER, of whatever: what is wrong with it is the first answer.
  if (isDer(bytes) || !bytes.includes("-----BEGIN")) return { leaf: bytes, others: [] };
  try {
    const [leaf, ...others] = await pemBlocks(bytes, "CERTIFICATE");
    if (leaf === undefined) throw new OperatorError("there is no certificate in it");
    return { leaf, others: seenOf(leaf, others) };
  } catch (error) {
    if (!(error instanceof PemError)) throw error;
    throw new OperatorError(`this is not PEM as it should be: ${error.message}`, [], { cause: error });
  }
}

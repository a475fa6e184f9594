/** `aclog certs inspect`: what a certificate says about itself. */
import type { Command } from "commander";
import type { CertificateSummary } from "../pki/index.js";
import { naming, readCertificateFile } from "./certs-flags.js";
import { print } from "./output.js";
import { list } from "./table.js";

const purpose = "cannot inspect";

export function addInspect(certs: Command): void {
  certs
    .command("inspect")
    .summary("show what a certificate says about itself")
    .description("Show what a certificate says about itself. Nothing is verified.")
    .argument("<FILE>", "PEM or DER")
    .option("--json", "print one object")
    .addHelpText("after", "\nExample:\n  aclog certs inspect certs/server.crt")
    .action(inspect);
}

async function inspect(path: string, { json }: { readonly json?: true }): Promise<void> {
  const { inspectCertificate } = await import("../pki/index.js");
  const bytes = await readCertificateFile(path, purpose);
  const summary = await naming(path, purpose, () => inspectCertificate(bytes));
  await print(json ? `${JSON.stringify(summary)}\n` : await list(rowsOf(summary)));
}

function rowsOf(summary: CertificateSummary): Readonly<Record<string, string>> {
  const { notBefore, notAfter, daysLeft } = summary;
  const validity = daysLeft < 0 ? "expired" : notBefore > new Date() ? "not valid yet" : `${daysLeft} days left`;
  return {
    subject: summary.subject || "none",
    issuer: summary.issuer,
    serial: summary.serial,
    valid: `${notBefore.toISOString()} to ${notAfter.toISOString()} (${validity})`,
    key: summary.keyBits === undefined ? summary.keyType : `${summary.keyType} ${summary.keyBits}`,
    "key usage": summary.keyUsage?.join(", ") ?? "any",
    "extended key usage": summary.extendedKeyUsage?.join(", ") ?? "any",
    names: summary.subjectAltNames.join(", ") || "none",
    authority: summary.isCa ? "yes" : "no",
    sha256: summary.fingerprint256,
  };
}

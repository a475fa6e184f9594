/** `aclog certs`: an authority, and certificates for their whole life. */
import type { Command } from "commander";
import { addCheckCertificate } from "./certs-check.js";
import { addInit } from "./certs-init.js";
import { addInspect } from "./certs-inspect.js";
import { addIssue } from "./certs-issue.js";
import { addListCertificates } from "./certs-list.js";
import { addRenew } from "./certs-renew.js";
import { addLists, addRevokeCertificate } from "./certs-revoke.js";

export function addCerts(program: Command): void {
  const certs = program
    .command("certs")
    .summary("make, renew, revoke and look into certificates")
    .description("Make an authority, and issue, renew, revoke, list, inspect and check certificates.");
  for (const add of [addInit, addIssue, addRenew, addRevokeCertificate, addLists]) add(certs);
  for (const add of [addListCertificates, addInspect, addCheckCertificate]) add(certs);
}

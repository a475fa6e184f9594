/** One CA for all systems: made by aclog, and the same certificates for every server and client. */
import { join } from "node:path";
import { run } from "../processes.mjs";

const cli = new URL("../../bin/aclog.cjs", import.meta.url).pathname;

/** Paths: `ca`, `server`, `client` (acme/billing, who may little) and `admin` (acme/root), each `{ ca, cert, key }`. */
export async function makeCertificates(directory) {
  await run(process.execPath, [cli, "certs", "init", "--dir", directory]);
  const ca = join(directory, "ca.crt");
  const pair = (name) => ({ ca, cert: join(directory, `${name}.crt`), key: join(directory, `${name}.key`) });
  return { ca, server: pair("server"), client: pair("clients/acme/billing"), admin: pair("clients/acme/root") };
}

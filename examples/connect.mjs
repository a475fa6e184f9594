// What every example begins with: a client from the certificates that `make run` or `make certs` has made.
//
//   ACLOG_ADDRESS  the server, or several with commas between them; default localhost:8400
//   ACLOG_AS       whose certificate to use, such as acme/billing; each example has a default
//   ACLOG_CERTS    where the certificates are; default ./certs
import { join } from "node:path";
import { Client } from "aclog";

const { ACLOG_ADDRESS = "localhost:8400", ACLOG_CERTS = "certs" } = process.env;

export const address = ACLOG_ADDRESS.split(",");

/** Where a client's certificates are. */
export function filesOf(principal) {
  const stem = join(ACLOG_CERTS, "clients", principal);
  return { ca: join(ACLOG_CERTS, "ca.crt"), cert: `${stem}.crt`, key: `${stem}.key` };
}

/** A client that reads its files at the first call, and again when they change. */
export function connect(principal) {
  return Client.connect({ address, files: filesOf(process.env.ACLOG_AS ?? principal) });
}

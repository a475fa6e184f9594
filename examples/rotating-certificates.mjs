// Keeps calling while its certificate is replaced, first from files and then from a function.
//
//   node examples/rotating-certificates.mjs       Ctrl-C stops it
//   ./aclog certs issue acme/billing --force      in another terminal, while it runs
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { Client } from "aclog";
import { address, connect, filesOf } from "./connect.mjs";

const stopping = new AbortController();
process.once("SIGINT", () => stopping.abort());
const { signal } = stopping;

const { ca, cert, key } = filesOf(process.env.ACLOG_AS ?? "acme/billing");

/** What a vault or a sidecar would be asked for: PEM. Here it reads files too. */
async function askForCertificates() {
  console.log("asked for certificates");
  return { ca: await readFile(ca), cert: await readFile(cert), key: await readFile(key) };
}

let serialNumber;
/** Says so when there is another certificate. */
async function tellOfReplacement() {
  const pem = await readFile(cert, "utf8").catch(() => "");
  // Just being written, it is looked at again a second later.
  if (!pem.includes("-----END CERTIFICATE-----")) return;
  const found = new X509Certificate(pem).serialNumber;
  if (found === serialNumber) return;
  serialNumber = found;
  console.log(`the files hold certificate ${found} now: fromFiles calls with it within two seconds,`);
  console.log("fromFunction once the one that it has is about to expire");
}

// Looks at its files when a call starts, at most every two seconds. Calls under way stay on their connection.
const fromFiles = connect("acme/billing");
// Asks at the first call, and again shortly before the certificate expires or after a connection failed.
const fromFunction = Client.connect({ address, credentials: askForCertificates });
try {
  while (!signal.aborted) {
    await tellOfReplacement();
    for (const [name, client] of Object.entries({ fromFiles, fromFunction })) {
      const answer = await client.produce("tick", { topic: "orders" }).then(
        ({ offset }) => `stored at offset ${offset}`,
        (error) => error.message,
      );
      console.log(`${name}: ${answer}`);
    }
    await setTimeout(1000, undefined, { signal }).catch(() => undefined);
  }
} finally {
  await Promise.all([fromFiles.close(), fromFunction.close()]);
}

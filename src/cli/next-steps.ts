/** What a newcomer can try once the server serves: commands that work when pasted into a second terminal. */
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAddress } from "../address.js";
import { defaultAddress, defaultCertificates } from "./connection.js";

/** Text for a terminal; `pid` is the server's, `address` and `adminAddress` are where the server listens. */
export function nextSteps(address: string, adminAddress: string, pid: number): string {
  const aclog = launcher();
  const at = addressFlag(address);
  // Node is certain to be here; curl is not.
  const question = `fetch('http://${reachable(adminAddress)}/readyz').then((r) => r.text()).then((t) => process.stdout.write(t))`;
  const probe = `  Ask whether it is ready:\n    node -e "${question}"\n`;
  const reload = `  Put an edited policy in force:\n    kill -HUP ${pid}\n`;
  if (!existsSync(join(defaultCertificates, "clients", "acme", "billing.crt"))) return `\n${probe}${reload}`;
  // No comments behind the commands: zsh would take them for arguments.
  return `
Try these in a second terminal, in the same directory:

  A client that may produce orders:
    ${aclog} produce${at} --as acme/billing --topic orders --value 'hello'
  One that may consume them:
    ${aclog} consume${at} --as acme/reports --topic orders --from earliest
  The same, waiting for what comes:
    ${aclog} consume${at} --as acme/reports --topic orders --follow
  One that may do nothing, and is refused:
    ${aclog} produce${at} --as acme/nobody --topic orders --value 'let me in'
${probe}${reload}`;
}

// Inside a checkout its launcher, elsewhere what the launcher starts: a bare name may be nobody's, or someone else's.
function launcher(): string {
  const path = fileURLToPath(new URL("../../aclog", import.meta.url));
  if (existsSync(path)) return fromHere(path);
  return `node ${fromHere(fileURLToPath(new URL("../../bin/aclog.cjs", import.meta.url)))}`;
}

function fromHere(path: string): string {
  const shortest = relative(process.cwd(), path);
  return quoted(shortest.startsWith(".") ? shortest : `./${shortest}`);
}

/** For a shell, where it needs that: a space would end the word, and brackets would stand for file names. */
function quoted(word: string): string {
  return /^[\w./:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function addressFlag(address: string): string {
  const { host = "", port } = parseAddress(reachable(address)) ?? {};
  // The server's certificate is for localhost too, and a name spares the client an address without one.
  // Not so ::1, because localhost may be 127.0.0.1 alone.
  const named = host === "127.0.0.1" ? `localhost:${port}` : reachable(address);
  return named === defaultAddress ? "" : ` --address ${quoted(named)}`;
}

/** A server that listens everywhere is called at localhost. */
function reachable(address: string): string {
  return address.replace(/^(0\.0\.0\.0|\[::\]):/, "localhost:");
}

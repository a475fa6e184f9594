/** What the peers have in common: programs of Debian packages, and client libraries in a package of their own. */
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";

const clients = new URL("../peers/node_modules/", import.meta.url).pathname;
// Debian keeps servers in sbin, which is not on everybody's path.
const places = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];

/** Why a peer cannot be measured here and what to do about it, in one line; undefined when it can. */
export async function missing({ programs, packages, library }) {
  for (const program of programs)
    if ((await pathOf(program)) === undefined)
      return `there is no ${program}: apt-get install ${packages.join(" ")}, or make bench-peers as root`;
  if (!(await exists(join(clients, library)))) return `there is no ${library} client: npm ci --prefix bench/peers`;
}

/** Where a program is, or undefined. */
export async function pathOf(program) {
  for (const place of places) if (await exists(join(place, program))) return join(place, program);
}

function exists(path) {
  return access(path).then(
    () => true,
    () => false,
  );
}

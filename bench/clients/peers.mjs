/** The peers' client libraries are in a package of their own, so that nothing of them is installed with aclog. */
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(new URL("../peers/package.json", import.meta.url));

export const peerLibrary = (name) => import(pathToFileURL(require.resolve(name)));

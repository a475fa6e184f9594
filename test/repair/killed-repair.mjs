// Repairs a data directory with the built code, and ends without a word before the N-th call that changes a file.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [data, at] = process.argv.slice(2);
let calls = 0;

function counted(owner, name) {
  const own = owner[name];
  owner[name] = function (...args) {
    if (++calls === Number(at)) process.kill(process.pid, "SIGKILL");
    return own.apply(this, args);
  };
}

const handle = await fs.promises.open(process.execPath, "r");
const handles = Object.getPrototypeOf(handle);
await handle.close();
for (const name of ["rename", "rm", "unlink", "link", "mkdir"]) counted(fs.promises, name);
for (const name of ["write", "writev", "writeFile", "sync", "datasync", "truncate"]) counted(handles, name);
syncBuiltinESMExports();

const { repair } = await import(pathToFileURL(join(process.env.ACLOG_DIST, "repair/index.js")).href);
await repair(data, { yes: true });
process.send({ calls });
process.disconnect();

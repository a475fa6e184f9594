// With `node --import`: kills this very process right before the n-th change that it makes to a file or a folder, as a power
// cut of the process would; KILL_AT_STEP says which, counted from 1.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

let left = Number(process.env["KILL_AT_STEP"]);

function counting(change) {
  return (...args) => {
    if (--left === 0) process.kill(process.pid, "SIGKILL");
    return change(...args);
  };
}

for (const name of ["rename", "link", "unlink", "mkdir"]) fs.promises[name] = counting(fs.promises[name]);
const { open } = fs.promises;
const openForWriting = counting(open);
fs.promises.open = (path, flags, mode) => (flags === "wx" ? openForWriting : open)(path, flags, mode);
syncBuiltinESMExports();

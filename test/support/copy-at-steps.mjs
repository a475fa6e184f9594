// With `node --import`: right before each change that this process makes to a file or a folder, copies the folder FOLDER to
// COPIES/NUMBER, counted from 1. It is what the process would leave if it were killed at that moment.
import fs from "node:fs";
import { join } from "node:path";
import { syncBuiltinESMExports } from "node:module";

const { FOLDER, COPIES } = process.env;
let step = 0;

function copying(change) {
  return (...args) => {
    // At once: nothing else may go on in between.
    fs.cpSync(FOLDER, join(COPIES, `${++step}`), { recursive: true });
    return change(...args);
  };
}

for (const name of ["rename", "link", "unlink", "mkdir"]) fs.promises[name] = copying(fs.promises[name]);
const { open } = fs.promises;
const openForWriting = copying(open);
fs.promises.open = (path, flags, mode) => (flags === "wx" ? openForWriting : open)(path, flags, mode);
syncBuiltinESMExports();

#!/usr/bin/env node
"use strict";
// CommonJS, because the size of libuv's thread pool is read once, before the first import of an ES module has run.
// Journal, segments, reads and checkpoints share it; four threads would let a checkpoint hold up a reader.
process.env.UV_THREADPOOL_SIZE ??= "16";
// What a connection receives is memory outside of V8's heap, which V8 counts all the same: it would collect the whole heap
// for every few megabytes that came. With room for as much again, and once more, it takes a third less CPU to store 1 KiB records
// (docs/performance.md). Whoever sets the flag on the command line means it.
if (!process.execArgv.some((flag) => /^--heap[-_]growing[-_]percent/.test(flag))) {
  require("node:v8").setFlagsFromString("--heap-growing-percent=200");
}
/** Node opens some hundred files at a time while it loads: where it may not, none of what could put it into words is there. */
function inWords(error) {
  if (error?.code !== "EMFILE" && error?.code !== "ENFILE") return undefined;
  const { soft } = process.report.getReport().userLimits.open_files;
  const limit =
    error.code === "EMFILE" ? `this process may have ${soft} files open` : "the system has no more open files to give";
  const message = `${limit}, which is too few to start: aclog needs 256, and a server one more for each connection; raise the limit (ulimit -n 20000) and start again`;
  return process.argv.includes("--json") ? JSON.stringify({ error: "OPERATOR_ERROR", message }) : `aclog: ${message}`;
}

import("../dist/cli/main.js")
  .then(({ main }) => main(process.argv))
  .catch((error) => {
    console.error(inWords(error) ?? error);
    process.exitCode = 1;
  });

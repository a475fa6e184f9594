#!/usr/bin/env node
"use strict";
// CommonJS, because the size of libuv's thread pool is read once, before the first import of an ES module has run.
// Journal, segments, reads and checkpoints share it; four threads would let a checkpoint hold up a reader.
process.env.UV_THREADPOOL_SIZE ??= "16";
import("../dist/cli/main.js").then(
  ({ main }) => main(process.argv),
  (error) => {
    console.error(error);
    process.exitCode = 1;
  },
);

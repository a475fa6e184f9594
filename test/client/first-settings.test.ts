import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { TestAuthority } from "../support/certificates.js";

const built = resolve(process.env["ACLOG_DIST"] ?? fileURLToPath(new URL("../../dist", import.meta.url)));

test("a connection that the server lets go with its first bytes is followed by another", async () => {
  const authority = await TestAuthority.create();
  const { certPem: cert, keyPem: key } = authority.server();
  // Where calls are tried again on the dead connection, the process comes to nothing else, its own timers included.
  const child = fork(new URL("let-go.mjs", import.meta.url), {
    env: { ...process.env, ACLOG_DIST: built },
    timeout: 20_000,
    killSignal: "SIGKILL",
  });
  child.send({ ca: authority.caPem, cert, key });
  assert.deepEqual(await once(child, "exit"), [0, null]);
});

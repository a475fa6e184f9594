import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { TestAuthority } from "../support/certificates.js";

const built = resolve(process.env["ACLOG_DIST"] ?? fileURLToPath(new URL("../../dist", import.meta.url)));

test("a process outlives connections that are reset while they are read and written", async () => {
  const authority = await TestAuthority.create();
  const { certPem: cert, keyPem: key } = authority.server();
  const child = fork(new URL("reset-again.mjs", import.meta.url), { env: { ...process.env, ACLOG_DIST: built } });
  child.send({ rounds: 30, ca: authority.caPem, cert, key });
  assert.deepEqual(await once(child, "exit"), [0, null]);
});

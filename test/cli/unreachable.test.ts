import assert from "node:assert/strict";
import { test } from "vitest";
import { shortened, whyUnreachable } from "../../src/cli/unreachable.js";
import { isUnreached } from "../../src/unreached.js";

const before = "No connection established. Last error: ";
const failures = [
  // what grpc-js says                                                    short                             advice
  ["Error: connect ECONNREFUSED ::1:1. Resolution note: ", "connect ECONNREFUSED ::1:1", /Nobody listens/],
  ["read ECONNRESET (2026-01-02T03:04:05.678Z)", "read ECONNRESET", /does not accept this certificate\. Its log/],
  ["Failed to connect (2026-01-02T03:04:05.678Z)", "Failed to connect", /does not accept this certificate\. Its log/],
  [
    "Client network socket disconnected before secure TLS connection was established",
    "Client network socket disconnected before secure TLS connection was established",
    /closed the connection at once: .*another service's port/,
  ],
  ["Error: socket hang up", "socket hang up", /does not accept this certificate\. Its log/],
  ["Error: unable to verify the first certificate", "unable to verify the first certificate", /check --ca/],
  ["Error: certificate has expired", "certificate has expired", /has expired: its operator/],
  [
    "Error: 805C061F4B7F0000:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../deps/openssl/openssl/ssl/record/ssl3_record.c:350:\n",
    "wrong version number",
    /does not speak TLS/,
  ],
  ["Error [ERR_TLS_CERT_ALTNAME_INVALID]: Host: a.", "ERR_TLS_CERT_ALTNAME_INVALID: Host: a.", /not for the name in/],
  [
    "round_robin: No connection established. Last error: No connection established. Last error: read ECONNRESET",
    "read ECONNRESET",
    /does not accept this certificate/,
  ],
  ["Error: something new", "something new", /^No answer came from host:1\.$/],
] as const;
for (const [said, short, advice] of failures) {
  test(`${JSON.stringify(said)} is told on one line, with advice`, () => {
    assert.equal(shortened(before + said), before + short);
    assert.match(whyUnreachable(before + said, "host:1", { cert: "client.crt", ca: "ca.crt" }), advice);
  });
}

const ways = [
  // what grpc-js says                                              unreached
  [`${before}connect ECONNREFUSED ::1:1. Resolution note: `, true],
  [`round_robin: ${before}read ECONNRESET`, true],
  ["No connection established", true],
  ["Name resolution failed for target dns:nowhere:8400", true],
  ["read ECONNRESET", false],
  ["Connection dropped", false],
  ["Received RST_STREAM with code 2 triggered by internal client error: read ECONNRESET", false],
] as const;
for (const [said, unreached] of ways) {
  test(`${JSON.stringify(said)} is said ${unreached ? "where no connection came about" : "of one that was lost"}`, () => {
    assert.equal(isUnreached(said), unreached);
  });
}

import { expect, test } from "vitest";
import { type CredentialsInForce, EndWarnings } from "../../src/credentials/index.js";
import { Authority, IdentityRules, Trust, readRevocationList } from "../../src/identity/index.js";
import { MintedAuthority } from "../support/minted.js";

const dayMs = 86_400_000;
const startMs = Date.now();

/** All of it made now: a server's certificate for so many days, an authority for a year, a list for ten days. */
async function inForceFor(days: number): Promise<CredentialsInForce> {
  const minted = new MintedAuthority({ name: "ours", notAfter: new Date(startMs + 365 * dayMs) });
  const authorities = [Authority.of(minted.der, "ca.crt")];
  const times = { thisUpdate: new Date(startMs), nextUpdate: new Date(startMs + 10 * dayMs) };
  const list = await readRevocationList(minted.list(times));
  const none = Buffer.alloc(0);
  return {
    server: { cert: none, key: none, subject: "CN=log", fingerprint256: "AB", startMs, endMs: startMs + days * dayMs },
    ca: none,
    lists: [{ list, source: "ours.crl", signer: authorities[0] }],
    tenantFiles: new Map(),
    trust: new Trust({ authorities, lists: [list], rules: IdentityRules.builtIn, expiredLists: "refuse" }),
  };
}

/** On which days there is a warning of what, when it is looked at several times a day. */
async function warnedOn(days: number): Promise<Record<string, number[]>> {
  const inForce = await inForceFor(days);
  const warnings = new EndWarnings();
  const said: Record<string, number[]> = {};
  for (let hour = 0; hour <= 370 * 24; hour += 6) {
    for (const { kind, hasEnded } of warnings.due(inForce, "server.crt", startMs + hour * 3_600_000))
      (said[hasEnded ? `${kind} has ended` : kind] ??= []).push(hour / 24);
  }
  return said;
}

test("there is a warning 30, 14, 7, 3 and 1 days before a certificate ends, once each, and when it has ended", async () => {
  const said = await warnedOn(100);
  expect(said["server"]).toEqual([70, 86, 93, 97, 99]);
  expect(said["server has ended"]).toEqual([100]);
  expect(said["authority"]).toEqual([335, 351, 358, 362, 364].map((day) => expect.closeTo(day, 0) as number));
});

test("of a list in the last fifth of its life, and when it has ended", async () => {
  const said = await warnedOn(100);
  expect([said["revocation list"], said["revocation list has ended"]]).toEqual(
    [[8], [10]].map((days) => days.map((day) => expect.closeTo(day, 0) as number)),
  );
});

test("none of a certificate that is made for a few days because of the days that it is made for", async () => {
  expect((await warnedOn(7))["server"]).toEqual([6]);
});

import { X509Certificate } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { beforeAll, expect, test } from "vitest";
import type { Connection } from "../../src/identity/index.js";
import { type ExpiryWarning, ExpiryWarnings } from "../../src/node/expiry-warnings.js";
import { TestAuthority } from "../support/certificates.js";

const dayMs = 24 * 3_600_000;
/** The second at which every certificate here ends. */
const endsMs = Math.ceil(Date.now() / 1000) * 1000 + dayMs;

let authority: TestAuthority;
let made = 0;

beforeAll(async () => {
  authority = await TestAuthority.create();
});

/** What is known of a connection whose certificate is good for so many days in all. */
function connected(lifeDays: number): Connection {
  const notBefore = new Date(endsMs - lifeDays * dayMs);
  const issued = authority.issue({ principal: "acme/billing", notBefore, notAfter: new Date(endsMs) });
  const { serialNumber: serial, fingerprint256 } = new X509Certificate(issued.der);
  const principal = { tenant: "acme", name: "billing" };
  const identity = { principal, serial, subject: "", issuer: "", fingerprint256, endsMs };
  return { id: ++made, identity, presented: { leaf: issued.der, others: [] } } as Partial<Connection> as Connection;
}

/** The warnings at each look at these connections, when so many days are left. */
async function stepsAt(connections: readonly Connection[], looks: readonly number[]): Promise<number[][]> {
  const given: ExpiryWarning[] = [];
  await using warnings = new ExpiryWarnings(connections, (warning) => given.push(warning));
  const steps: number[][] = [];
  for (const daysLeft of looks) {
    await warnings.look(endsMs - daysLeft * dayMs);
    steps.push(given.splice(0).map(({ withinDays }) => withinDays));
  }
  return steps;
}

test("a certificate is warned of once at each step; of steps that went by unseen, the last one counts", async () => {
  const looks = [30.1, 30, 15, 14, 2.9, 1.1, 0.5, 0.1];
  expect(await stepsAt([connected(365)], looks)).toEqual([[], [30], [], [14], [3], [], [1], []]);
});

test("a short-lived certificate is warned of only at steps within the last third of its life", async () => {
  const looks = [30, 14, 7, 3, 1];
  expect(await stepsAt([connected(90)], looks)).toEqual([[30], [14], [7], [3], [1]]);
  expect(await stepsAt([connected(30)], looks)).toEqual([[], [], [7], [3], [1]]);
  expect(await stepsAt([connected(2)], looks)).toEqual([[], [], [], [], []]);
});

test("several connections under one certificate, and those that come later, are one warning", async () => {
  const first = connected(365);
  const given: ExpiryWarning[] = [];
  await using warnings = new ExpiryWarnings([first, { ...first }], (warning) => given.push(warning));
  const nowMs = endsMs - 6 * dayMs;
  await warnings.look(nowMs);
  warnings.note({ ...first }, nowMs);
  expect(given).toEqual([{ connection: first, withinDays: 7 }]);
  warnings.note(connected(365), nowMs);
  expect(given).toHaveLength(2);
});

test("those that stay are looked at again every now and then", async () => {
  const stays = connected(365);
  const warned = new EventEmitter();
  const warning = once(warned, "warning");
  const warnings = new ExpiryWarnings([stays], ({ connection }) => warned.emit("warning", connection), 1);
  expect(await warning).toEqual([stays]);
  await warnings[Symbol.asyncDispose]();
});

test("what is kept of certificates is bounded, and what was forgotten is not warned of again at every look", async () => {
  const first = connected(365);
  const others = Array.from({ length: 10_000 }, (_, index) => ({
    ...first,
    identity: { ...first.identity, fingerprint256: `${index}` },
  }));
  let count = 0;
  await using warnings = new ExpiryWarnings([first, ...others], () => count++);
  const nowMs = endsMs - 6 * dayMs;
  await warnings.look(nowMs);
  expect(count).toBe(10_001);
  await warnings.look(nowMs);
  expect(count).toBe(10_001);
  // The first one is forgotten, the last one is not.
  warnings.note({ ...others.at(-1)! }, nowMs);
  expect(count).toBe(10_001);
  warnings.note({ ...first }, nowMs);
  expect(count).toBe(10_002);
});

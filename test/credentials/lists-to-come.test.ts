import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { Credentials } from "../../src/credentials/index.js";
import { OperatorError } from "../../src/errors.js";
import { type ListOptions, MintedAuthority } from "../support/minted.js";

const minuteMs = 60_000;
const noop = (): void => undefined;

/** How many each of the lists that count has revoked. */
function revokedBy({ inForce }: Credentials): number[] {
  return Array.from(inForce.trust.listsInUse, ({ size }) => size);
}

test("a list that is not valid yet waits for its date, those made meanwhile count, and with it there is no start", async () => {
  // The clock alone: files are still looked at a few times a second.
  vi.useFakeTimers({ toFake: ["Date"] });
  onTestFinished(() => void vi.useRealTimers());
  const folder = await mkdtemp(join(tmpdir(), "aclog-lists-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const authority = new MintedAuthority({ name: "ours" });
  const [one, two] = [authority.client("acme/one").serial, authority.client("acme/two").serial];
  const { certPem, keyPem } = authority.server();
  const path = (name: string): string => join(folder, name);
  const files = { ca: path("ca.crt"), cert: path("server.crt"), key: path("server.key"), identity: undefined };
  await writeFile(files.ca, authority.certPem);
  await writeFile(files.cert, certPem);
  await writeFile(files.key, keyPem);
  const crl = { path: path("lists"), isOptional: false };
  await mkdir(crl.path);
  const put = (name: string, minutes: number, revoked: ListOptions["revoked"] = []): Promise<void> =>
    writeFile(
      path(`lists/${name}`),
      authority.list({ thisUpdate: new Date(Date.now() + minutes * minuteMs), revoked }),
    );
  let onMended = noop;
  const isMended = new Promise<void>((resolve) => (onMended = resolve));
  const observer = { onChanged: noop, onUnchanged: noop, onRefused: noop, onMended, onLooked: noop, onProblem: noop };
  const open = () => Credentials.open({ ...files, crl, crlExpired: "refuse" }, observer, { pollMs: 20 });

  await put("first.crl", -60);
  await using credentials = await open();
  await put("later.crl", 30, [one, two]);
  const problem = /^the revocation list of CN=ours is not valid before 20.*Z: compare the clocks/;
  const early = { findings: [{ source: path("lists/later.crl"), problem: expect.stringMatching(problem) as string }] };
  await expect(credentials.reload()).rejects.toMatchObject(early);
  await expect(open()).rejects.toMatchObject(early);
  await put("first.crl", -1, [one]);
  await expect(credentials.reload()).rejects.toThrow(OperatorError);
  expect(revokedBy(credentials)).toEqual([1]);

  vi.setSystemTime(Date.now() + 31 * minuteMs);
  await isMended;
  expect(revokedBy(credentials)).toEqual([2]);
  // A clock that is set back takes nothing back.
  vi.setSystemTime(Date.now() - 31 * minuteMs);
  await put("first.crl", -1);
  await expect(credentials.reload()).rejects.toMatchObject(early);
  expect(revokedBy(credentials)).toEqual([2]);
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { initCertificates, renewLists } from "../../src/pki/index.js";
import { Workplace } from "../cli/command.js";
import { CertificateFolder } from "../support/certificate-folder.js";

const built = new URL("../../dist/pki/index.js", import.meta.url).href;
const support = (name: string): string => fileURLToPath(new URL(`../support/${name}`, import.meta.url));
const billing = '{ tenant: "acme", name: "billing" }';

/** Runs a script in a process of its own; what signal ended it. */
async function child(
  folder: CertificateFolder,
  script: string,
  { preload, ...settings }: { readonly preload?: string; readonly [name: string]: string } = {},
): Promise<string | null> {
  const whole = `import * as pki from ${JSON.stringify(built)}; const folder = ${JSON.stringify(folder.path)}; ${script}`;
  const first = preload === undefined ? [] : ["--import", support(preload)];
  const env = { ...process.env, ...settings };
  const running = spawn(process.execPath, [...first, "--input-type=module", "-e", whole], { env, stdio: "inherit" });
  const [code, signal] = (await once(running, "exit")) as [number | null, string | null];
  if (code !== 0 && signal === null) throw new Error(`it ended with ${code}`);
  return signal;
}

test("a renewal that is killed at any step leaves a folder in which the next run finds everything in order", async () => {
  await using folder = await CertificateFolder.make();
  await using copies = await Workplace.make();
  await folder.issue("acme/billing");
  const before = await folder.files();
  // One run, and what it would leave at each step: a process for each would take a hundred times as long.
  const renew = `await pki.renewCertificate(folder, ${billing}, { revokeOld: true });`;
  await child(folder, renew, { preload: "copy-at-steps.mjs", FOLDER: folder.path, COPIES: copies.path });

  const steps = await readdir(copies.path);
  expect(steps.length).toBeGreaterThan(20);
  for (const step of steps) {
    const where = `killed at step ${step}`;
    const left = new CertificateFolder(join(copies.path, step));
    await renewLists(left.path);
    expect(await left.fits("clients/acme/billing"), where).toBe(true);
    expect(
      (await left.files()).filter((file) => file !== "ca.crl"),
      where,
    ).toEqual(before);
    const index = await left.index();
    const { serialNumber } = await left.certificate("clients/acme/billing.crt");
    expect(
      index.map((line) => line[1]),
      where,
    ).toContain(serialNumber);
    expect(new Set(index.map((line) => line[1])).size, where).toBe(index.length);
    const revoked = index.filter((line) => line[0] === "revoked").map((line) => line[1]);
    expect(
      (await left.lists())[0]!.revoked.map(({ serial }) => serial),
      where,
    ).toEqual(revoked);
  }
});

test("what an init had made ready when it was killed, the next one completes and then finds", async () => {
  await using folder = await CertificateFolder.make();
  await Promise.all(["ca.crt", "ca.key"].map((file) => rm(join(folder.path, file))));
  // By then every file is written, and some are in place.
  const init = "await pki.initCertificates(folder, { principals: [], force: false });";
  expect(await child(folder, init, { preload: "kill-at-step.mjs", KILL_AT_STEP: "15" })).toBe("SIGKILL");
  expect((await folder.files()).length).toBeGreaterThan(6);
  const again = initCertificates(folder.path, { principals: [], force: false });
  await expect(again).rejects.toThrow("has 5 of these 5 files already");
  expect(await folder.files()).toEqual(["ca.crl", "ca.crt", "ca.key", "index.txt", "server.crt", "server.key"]);
  expect([await folder.fits("ca"), await folder.fits("server")]).toEqual([true, true]);
});

test("processes that issue at the same time all find their way into the index, each with a serial number of its own", async () => {
  await using folder = await CertificateFolder.make();
  const names = ["one", "two", "three", "four"];
  for (const name of names) await folder.issue(`acme/${name}`);
  const renew = (name: string) => `await pki.renewCertificate(folder, { tenant: "acme", name: "${name}" }, {});`;
  await Promise.all(names.map((name) => child(folder, renew(name) + renew(name))));
  const index = await folder.index();
  expect(new Set(index.map((line) => line[1])).size).toBe(12);
  for (const name of names) {
    expect(index.filter((line) => line[6] === `clients/acme/${name}.crt`)).toHaveLength(3);
    expect(await folder.fits(`clients/acme/${name}`)).toBe(true);
  }
});

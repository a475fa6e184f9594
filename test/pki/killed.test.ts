import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { initCertificates, renewLists } from "../../src/pki/index.js";
import { CertificateFolder } from "../support/certificate-folder.js";

const built = new URL("../../dist/pki/index.js", import.meta.url).href;
const killer = fileURLToPath(new URL("../support/kill-at-step.mjs", import.meta.url));
const billing = '{ tenant: "acme", name: "billing" }';

/** Runs a script in a process of its own; what signal ended it. */
async function child(folder: CertificateFolder, script: string, killAtStep?: number): Promise<string | null> {
  const whole = `import * as pki from ${JSON.stringify(built)}; const folder = ${JSON.stringify(folder.path)}; ${script}`;
  const preload = killAtStep === undefined ? [] : ["--import", killer];
  const env = { ...process.env, KILL_AT_STEP: `${killAtStep}` };
  const running = spawn(process.execPath, [...preload, "--input-type=module", "-e", whole], { env, stdio: "inherit" });
  const [code, signal] = (await once(running, "exit")) as [number | null, string | null];
  if (code !== 0 && signal === null) throw new Error(`it ended with ${code}`);
  return signal;
}

test("a renewal that is killed at any step leaves a folder in which the next run finds everything in order", async () => {
  let killed = 0;
  const tryStep = async (step: number): Promise<boolean> => {
    await using folder = await CertificateFolder.make();
    await folder.issue("acme/billing");
    const before = await folder.files();
    const signal = await child(folder, `await pki.renewCertificate(folder, ${billing}, { revokeOld: true });`, step);
    if (signal === "SIGKILL") killed++;

    await renewLists(folder.path);
    const where = `killed at step ${step}`;
    expect(await folder.fits("clients/acme/billing"), where).toBe(true);
    expect(
      (await folder.files()).filter((file) => file !== "ca.crl"),
      where,
    ).toEqual(before);
    const index = await folder.index();
    const { serialNumber } = await folder.certificate("clients/acme/billing.crt");
    expect(
      index.map((line) => line[1]),
      where,
    ).toContain(serialNumber);
    expect(new Set(index.map((line) => line[1])).size, where).toBe(index.length);
    const revoked = index.filter((line) => line[0] === "revoked").map((line) => line[1]);
    expect(
      (await folder.lists())[0]!.revoked.map(({ serial }) => serial),
      where,
    ).toEqual(revoked);
    return signal === "SIGKILL";
  };
  // Two at a time, until a run gets through.
  for (let step = 1; (await Promise.all([tryStep(step), tryStep(step + 1)])).every(Boolean); step += 2);
  expect(killed).toBeGreaterThan(20);
});

test("what an init had made ready when it was killed, the next one completes and then finds", async () => {
  await using folder = await CertificateFolder.make();
  await Promise.all(["ca.crt", "ca.key"].map((file) => rm(join(folder.path, file))));
  // By then every file is written, and some are in place.
  const init = "await pki.initCertificates(folder, { principals: [], force: false });";
  expect(await child(folder, init, 15)).toBe("SIGKILL");
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

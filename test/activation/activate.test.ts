import { watch } from "node:fs";
import { chmod, mkdir, readFile, readdir, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PolicyActivation } from "../../src/activation/index.js";
import { PolicyFiles } from "../../src/authz/index.js";
import { replaceFile } from "../../src/authoring/index.js";
import { ActivationPlace, allowed, bytesOf, policyOf } from "./activation-place.js";

const [a, b, c] = [policyOf("orders"), policyOf("returns"), policyOf("orders", "returns")];
const author = "ops/root";

async function versionOf(texts: Record<string, string>): Promise<string> {
  return (await PolicyFiles.of("", bytesOf(texts))).version;
}

test("a policy that is activated is in force, kept, and in the files; who it was and what it came from is in the history", async () => {
  await using place = await ActivationPlace.create("orders");
  const activation = await place.open();
  const first = activation.status().active;
  expect(first).toMatchObject({ version: await versionOf(a), author: "files", how: "start", basedOn: undefined });
  const started = Date.now();
  const second = await activation.activate(bytesOf(b), { basedOn: first.version, author });
  expect(second).toMatchObject({ version: await versionOf(b), author, how: "activate", basedOn: first.version });
  expect(second.activatedMs).toBeGreaterThanOrEqual(started);
  expect(allowed(activation, "orders", "returns")).toEqual(["returns"]);
  expect(await place.texts()).toEqual(b);
  expect(activation.status()).toMatchObject({ active: second, filesVersion: second.version, refused: [] });
  expect(activation.history()).toEqual([second, first]);
  // And after a restart all of it is so again.
  const again = await place.open();
  expect(again.status()).toMatchObject({ active: second, refused: [] });
  expect(again.history()).toEqual([second, first]);
  expect(allowed(again, "orders", "returns")).toEqual(["returns"]);
});

test("any version that is kept can be rolled back to", async () => {
  await using place = await ActivationPlace.create("orders");
  const activation = await place.open();
  const first = activation.status().active.version;
  const second = (await activation.activate(bytesOf(b), { basedOn: first, author })).version;
  const third = await activation.rollback(first, { basedOn: second, author });
  expect(third).toMatchObject({ version: first, how: "rollback", basedOn: second });
  expect(allowed(activation, "orders", "returns")).toEqual(["orders"]);
  expect(await place.texts()).toEqual(a);
  expect(activation.history().map(({ version }) => version)).toEqual([first, second, first]);
  await expect(activation.rollback("0123456789ab", { basedOn: first, author })).rejects.toMatchObject({
    reason: "POLICY_VERSION_UNKNOWN",
  });
  const loaded = await activation.load(second);
  expect(loaded.rows.rules.map(({ pattern }) => pattern)).toEqual(["returns"]);
  expect((await activation.active()).files.version).toBe(first);
});

test("what is asked about a version that is kept does not wait for its matrix, which passed once", async () => {
  const topics = Array.from({ length: 40 }, (_, number) => `topic-${number}`);
  await using place = await ActivationPlace.create(...topics);
  const shut = Array.from({ length: 1_000 }, (_, number) => `acme/shut-${number}`);
  const rules = ["allow", "deny"].map((effect) => `p, role:shut, acme, *, *, ${effect}\n`);
  await place.folder.write({
    ...policyOf(...topics),
    "policy.csv": [...rules, ...shut.map((name) => `g, ${name}, role:shut, acme\n`)].join(""),
    "matrix.csv": shut.map((name) => `${name}, acme, *, *, deny\n`).join(""),
  });
  const activation = await place.open();
  const { version } = activation.status().active;
  const msOf = async (work: () => Promise<unknown>): Promise<number> => {
    const started = performance.now();
    await work();
    return performance.now() - started;
  };
  const { bytes } = (await activation.load(version)).files;
  const tried = await msOf(() => activation.validate(bytes));
  for (const work of [() => activation.load(version), () => activation.active()]) {
    expect(await msOf(work)).toBeLessThan(tried / 3);
  }
});

test("of changes that were made from the same version one comes into force, and the others are told so", async () => {
  await using place = await ActivationPlace.create("orders");
  const activation = await place.open();
  const basedOn = activation.status().active.version;
  const outcomes = await Promise.allSettled(
    [b, c, b].map((texts) => activation.activate(bytesOf(texts), { basedOn, author })),
  );
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected"]);
  for (const outcome of outcomes.slice(1)) {
    const inForce = await versionOf(b);
    expect(outcome).toMatchObject({ reason: { reason: "POLICY_MOVED", facts: { basedOn, inForce } } });
  }
  expect(await place.texts()).toEqual(b);
});

test("a policy with mistakes, or that its own matrix does not hold for, changes nothing, and every finding is told", async () => {
  await using place = await ActivationPlace.create("orders");
  const activation = await place.open();
  const before = activation.status();
  const mistakes = [
    { ...b, "policy.csv": "p, acme/billing, acme, orders, produce, Deny\nnonsense\n" },
    { ...b, "matrix.csv": a["matrix.csv"] },
    { "policy.csv": b["policy.csv"] },
  ];
  for (const texts of mistakes) {
    const activating = activation.activate(bytesOf(texts), { basedOn: before.active.version, author });
    const refused = (await activating.catch((error: unknown) => error)) as { findings: { source: string }[] };
    expect(refused).toMatchObject({ reason: "POLICY_REFUSED" });
    expect(refused.findings.length).toBeGreaterThan(0);
    expect(JSON.stringify(refused)).not.toContain(place.folder.path);
  }
  expect(activation.status()).toEqual(before);
  expect(await place.texts()).toEqual(a);
  expect(await readdir(join(place.dataDir, "policy", "versions"))).toEqual([before.active.version]);
});

test("files that someone is editing are not overwritten, but where he has written the same, or it is asked for", async () => {
  await using place = await ActivationPlace.create("orders");
  const activation = await place.open();
  const { version: basedOn } = activation.status().active;
  const edited = { ...a, "tenants.yaml": `${a["tenants.yaml"]}  initech: {}\n` };
  await place.folder.write(edited);
  await expect(activation.activate(bytesOf(b), { basedOn, author })).rejects.toMatchObject({
    reason: "POLICY_FILES_EDITED",
    facts: { files: "tenants.yaml", inForce: basedOn },
  });
  await expect(activation.rollback(basedOn, { basedOn, author })).rejects.toMatchObject({
    reason: "POLICY_FILES_EDITED",
  });
  expect(await place.texts()).toEqual(edited);
  expect(allowed(activation, "orders", "returns")).toEqual(["orders"]);
  await activation.activate(bytesOf(b), { basedOn, author, overwrite: true });
  expect(await place.texts()).toEqual(b);
  await place.folder.write({ "policy.csv": c["policy.csv"] });
  await activation.activate(bytesOf(c), { basedOn: await versionOf(b), author });
  expect(await place.texts()).toEqual(c);
});

test("of an activation and a grant at the same time neither undoes what the other has done", async () => {
  await using place = await ActivationPlace.create("orders");
  const path = join(place.folder.path, "policy.csv");
  const grant = { path, before: Buffer.from(a["policy.csv"]), after: `${a["policy.csv"]}# granted\n` };
  const activation = await place.open();
  const { version: basedOn } = activation.status().active;
  // The command is between its look at the file and its change.
  await writeFile(join(place.folder.path, ".policy.csv.lock"), "");
  await expect(activation.activate(bytesOf(b), { basedOn, author })).rejects.toMatchObject({
    reason: "POLICY_FILES_EDITED",
    facts: { files: "policy.csv" },
  });
  await rm(join(place.folder.path, ".policy.csv.lock"));
  expect(await place.texts()).toEqual(a);
  // The server is between its look at the files and their change.
  const folder = watch(place.folder.path);
  const isLocked = new Promise<void>((resolve) =>
    folder.on("change", (_, name) => {
      if (name === ".policy.csv.lock") resolve();
    }),
  );
  const granting = isLocked.then(() => replaceFile(grant));
  const results = await Promise.allSettled([activation.activate(bytesOf(b), { basedOn, author }), granting]);
  folder.close();
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  expect(await place.texts()).toEqual(b);
  await expect(replaceFile(grant)).rejects.toThrow(/has changed meanwhile/);
});

test("a lock that a killed server has left is gone with the next start, and that of a command is not", async () => {
  await using place = await ActivationPlace.create("orders");
  await symlink("held-by-aclog-serve", join(place.folder.path, ".policy.csv.lock"));
  await writeFile(join(place.folder.path, ".matrix.csv.lock"), "");
  await place.open();
  const left = (await readdir(place.folder.path)).filter((name) => name.endsWith(".lock"));
  expect(left).toEqual([".matrix.csv.lock"]);
});

test("only files that differ are replaced, and they keep their modes", async () => {
  await using place = await ActivationPlace.create("orders");
  const path = (name: string): string => join(place.folder.path, name);
  await chmod(path("policy.csv"), 0o640);
  const activation = await place.open();
  const before = await stat(path("model.conf"), { bigint: true });
  await activation.activate(bytesOf(b), { basedOn: activation.status().active.version, author });
  expect((await stat(path("policy.csv"))).mode & 0o777).toBe(0o640);
  const after = await stat(path("model.conf"), { bigint: true });
  expect([after.ino, after.ctimeNs]).toEqual([before.ino, before.ctimeNs]);
});

test("a folder that a ConfigMap made, or that is a link, is not written to, and nothing changes at all", async () => {
  await using place = await ActivationPlace.create("orders");
  const { path } = place.folder;
  // As Kubernetes lays it out: each file a link into ..data, and that a link to a folder with a time in its name.
  await mkdir(join(path, "..2026"));
  for (const name of Object.keys(a)) {
    await rename(join(path, name), join(path, "..2026", name));
    await symlink(join("..data", name), join(path, name));
  }
  await symlink("..2026", join(path, "..data"));
  const activation = await place.open();
  const before = activation.status();
  const kept = await readdir(join(place.dataDir, "policy", "versions"));
  const activating = (): Promise<unknown> =>
    activation.activate(bytesOf(b), { basedOn: before.active.version, author });
  await expect(activating()).rejects.toMatchObject({ reason: "POLICY_FILES_UNWRITABLE" });
  await rename(path, `${path}.real`);
  await symlink(`${path}.real`, path);
  try {
    await expect(activating()).rejects.toMatchObject({ reason: "POLICY_FILES_UNWRITABLE" });
  } finally {
    await rm(path);
    await rename(`${path}.real`, path);
  }
  expect(activation.status()).toEqual(before);
  expect(allowed(activation, "orders", "returns")).toEqual(["orders"]);
  expect(await readdir(join(place.dataDir, "policy", "versions"))).toEqual(kept);
  expect((await readdir(path)).filter((name) => name.includes("aclog"))).toEqual([]);
});

test("a kept version that was changed on the disk is refused with words, and never used", async () => {
  await using place = await ActivationPlace.create("orders");
  const activation = await place.open();
  const first = activation.status().active.version;
  const second = (await activation.activate(bytesOf(b), { basedOn: first, author })).version;
  const damaged = join(place.dataDir, "policy", "versions", first, "policy.csv");
  await writeFile(damaged, (await readFile(damaged, "utf8")).replace("orders", "*"));
  await expect(activation.rollback(first, { basedOn: second, author })).rejects.toMatchObject({
    reason: "POLICY_VERSION_DAMAGED",
  });
  await expect(activation.load(first)).rejects.toThrow("damaged");
  expect(activation.status().active.version).toBe(second);
});

test("what was refused before its turn came changes nothing, and an activation waits for what was let in before", async () => {
  await using place = await ActivationPlace.create("orders");
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const activation = await place.open({ settled: () => released });
  const { version: basedOn } = activation.status().active;
  const judgeAgain = (): never => {
    throw new Error("not any more");
  };
  await expect(activation.activate(bytesOf(b), { basedOn, author, judgeAgain })).rejects.toThrow("not any more");
  expect(await place.texts()).toEqual(a);
  let isOver = false;
  const activating = activation.activate(bytesOf(b), { basedOn, author }).then(() => (isOver = true));
  await place.until(() => place.activated.length === 1);
  expect([allowed(activation, "returns"), isOver]).toEqual([["returns"], false]);
  release();
  await activating;
});

test("validating says what is wrong and changes nothing", async () => {
  await using place = await ActivationPlace.create("orders");
  const activation = await place.open();
  const before = activation.status();
  expect(await activation.validate(bytesOf(b))).toMatchObject({ version: await versionOf(b), findings: [] });
  const report = await activation.validate({ ...bytesOf(b), "policy.csv": Buffer.from("p\n") });
  expect(report.findings.map(({ source }) => source)).toContain("policy.csv");
  expect(activation.status()).toEqual(before);
});

test("a first start refuses bad files before anything is made on disk", async () => {
  await using place = await ActivationPlace.create("orders");
  await place.folder.write({ "policy.csv": "nonsense\n" });
  const where = { policyDir: place.folder.path, dataDir: place.dataDir };
  await expect(PolicyActivation.refuseFirstStart(where)).rejects.toThrow("policy.csv:1");
  expect(await readdir(place.dataDir)).toEqual([]);
  await expect(place.open()).rejects.toThrow("policy.csv:1");
});

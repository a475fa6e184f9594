import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { PolicyActivation } from "../../src/activation/index.js";
import { policyFileNames } from "../../src/authz/index.js";
import type { DiskModel } from "../support/disk-model.js";
import { allowed, bytesOf, policyOf } from "./activation-place.js";

/** A folder for both, so that a crash leaves both as they were at one moment. */
const disk = vi.hoisted(() => ({ model: undefined as DiskModel | undefined }));
vi.mock("node:fs/promises", async (importOriginal) => {
  const { DiskModel: Model } = await import("../support/disk-model.js");
  disk.model ??= new Model();
  return disk.model.wrap(await importOriginal());
});
const model = disk.model!;
afterEach(() => {
  model.failBy(() => undefined);
  model.stop();
});

// Each differs from the one before in every file that can be told from outside, and allows what no mixture of them does.
const a = policyOf("orders");
const b = { ...policyOf("returns"), "tenants.yaml": `${a["tenants.yaml"]}  initech: {}\n` };
const author = "ops/root";

/** With `make disk-faults` every call fails once, otherwise one in four. */
const isLong = process.env["ACLOG_DISK_FAULTS"] === "all";

async function place(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "aclog-crash-"));
  onTestFinished(async () => {
    model.stop();
    await rm(root, { recursive: true, force: true });
  });
  await mkdir(join(root, "data"));
  await mkdir(join(root, "policy"));
  for (const name of policyFileNames) await writeFile(join(root, "policy", name), a[name]);
  return root;
}

async function directoryOfImages(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "aclog-images-"));
  onTestFinished(() => rm(path, { recursive: true }));
  return path;
}

function openIn(root: string): Promise<PolicyActivation> {
  const nothing = (): void => undefined;
  return PolicyActivation.open({
    policyDir: join(root, "policy"),
    dataDir: join(root, "data"),
    pollMs: 60_000,
    settled: () => Promise.resolve(),
    observer: { onDenied: nothing, onActivated: nothing, onUnchanged: nothing, onRefused: nothing, onProblem: nothing },
  });
}

/** Where an activation was killed when some of the files were replaced. */
async function halfDone(root: string, images: string): Promise<string> {
  const half = join(images, "half");
  let renames = 0;
  await using activation = await openIn(root);
  model.watch(root, async (step) => {
    if (/^rename .*aclog-new/.test(step) && ++renames === 2) model.copyAfterKill(half);
    return Promise.resolve();
  });
  await activation.activate(bytesOf(b), { basedOn: activation.status().active.version, author });
  model.stop();
  return half;
}

/**
 * What is in force there is one of the two, whole, and so are the files; and the other one can follow.
 * @returns which
 */
async function check(root: string, where: string, goOn = true): Promise<"a" | "b"> {
  await using activation = await openIn(root);
  const topics = allowed(activation, "orders", "returns").join();
  expect(["orders", "returns"], where).toContain(topics);
  const [name, texts] = topics === "orders" ? (["a", a] as const) : (["b", b] as const);
  const found = await readdir(join(root, "policy"));
  expect(found.toSorted(), where).toEqual(policyFileNames.toSorted());
  for (const file of policyFileNames)
    expect(await readFile(join(root, "policy", file), "utf8"), where).toBe(texts[file]);
  expect(activation.status().refused, where).toEqual([]);
  const { version } = activation.status().active;
  const kept = await readdir(join(root, "data", "policy", "versions"));
  expect(kept.toSorted(), where).toEqual([...new Set(activation.history().map((each) => each.version))].toSorted());
  if (goOn) await activation.activate(bytesOf(name === "a" ? b : a), { basedOn: version, author });
  return name;
}

test("a kill and a power cut at every step of an activation leave one policy whole, in force and in the files", async () => {
  const root = await place();
  await using activation = await openIn(root);
  const images = await directoryOfImages();
  let steps = 0;
  model.watch(root, async () => {
    steps++;
    model.copyAfterKill(join(images, `kill ${steps}`));
    model.copyAfterPowerCut(join(images, `power cut ${steps}`));
    return Promise.resolve();
  });
  const { version: basedOn } = activation.status().active;
  await activation.activate(bytesOf(b), { basedOn, author });
  await model.copyBetween((at) => {
    at.copyAfterPowerCut(join(images, "end"));
  });
  model.stop();
  expect(steps).toBeGreaterThan(15);
  const found: string[] = [];
  for (let step = 1; step <= steps; step++)
    for (const crash of ["kill", "power cut"])
      found.push(await check(join(images, `${crash} ${step}`), `${crash} ${step}`, step % 6 === 0));
  expect(new Set(found)).toEqual(new Set(["a", "b"]));
  // What was answered stays.
  expect(await check(join(images, "end"), "end")).toBe("b");
});

test("a kill at every step of finishing what a kill has cut short leaves no mixture either", async () => {
  const root = await place();
  const images = await directoryOfImages();
  const half = await halfDone(root, images);
  const mixed = await Promise.all(policyFileNames.map((name) => readFile(join(half, "policy", name), "utf8")));
  const isNew = mixed.map((text, index) => text === b[policyFileNames[index]!]);
  expect(isNew).toContain(true);
  expect(isNew).toContain(false);
  let steps = 0;
  model.watch(half, async () => {
    model.copyAfterKill(join(images, `again-${++steps}`));
    model.copyAfterPowerCut(join(images, `power-${steps}`));
    return Promise.resolve();
  });
  await (await openIn(half))[Symbol.asyncDispose]();
  model.stop();
  expect(steps).toBeGreaterThan(4);
  for (let step = 1; step <= steps; step++) {
    for (const kind of ["again", "power"])
      expect(await check(join(images, `${kind}-${step}`), `${kind} ${step}`, step === steps)).toBe("b");
  }
});

test("files that were edited after such a kill are not taken as they are, until all of them are written", async () => {
  const root = await place();
  const images = await directoryOfImages();
  const half = await halfDone(root, images);
  await writeFile(join(half, "policy", "matrix.csv"), "# whatever\n");
  await using activation = await openIn(half);
  expect(activation.status().active).toMatchObject({ how: "start" });
  expect(activation.status().refused.map(({ source }) => source)).toEqual(["matrix.csv"]);
  expect(allowed(activation, "orders", "returns")).toEqual(["orders"]);
  await expect(activation.reload()).rejects.toThrow("was cut short");
  const c = policyOf("orders", "returns");
  for (const name of policyFileNames) await writeFile(join(half, "policy", name), `${c[name]}# anew\n`);
  expect(await activation.reload()).toMatchObject({ changed: true });
  expect(allowed(activation, "orders", "returns")).toEqual(["orders", "returns"]);
});

test("wherever the disk fails once, either all of the new policy is in force or all of the old one, and the next attempt succeeds", async () => {
  const root = await place();
  const copies = await directoryOfImages();
  await (await openIn(root))[Symbol.asyncDispose]();
  for (const operation of ["open", "write", "sync", "rename", "mkdir"] as const) {
    for (let nth = 1, isReached = true; isReached; nth += isLong ? 1 : 4) {
      const copy = join(copies, `${operation}-${nth}`);
      await cp(root, copy, { recursive: true });
      await using activation = await openIn(copy);
      const { version: basedOn } = activation.status().active;
      let calls = 0;
      model.watch(copy);
      model.failBy((asked) => (asked === operation && ++calls === nth ? "EIO" : undefined));
      const where = `${operation} ${nth}`;
      const error = await activation.activate(bytesOf(b), { basedOn, author }).then(
        () => undefined,
        (failure: unknown) => failure,
      );
      model.failBy(() => undefined);
      model.stop();
      isReached = calls >= nth;
      const isNew = error === undefined;
      expect(allowed(activation, "orders", "returns"), where).toEqual([isNew ? "returns" : "orders"]);
      for (const name of policyFileNames)
        expect(await readFile(join(copy, "policy", name), "utf8"), where).toBe((isNew ? b : a)[name]);
      if (!isNew) await activation.activate(bytesOf(b), { basedOn, author });
      expect(allowed(activation, "orders", "returns"), where).toEqual(["returns"]);
    }
  }
});

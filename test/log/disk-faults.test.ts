import { cp, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { ServiceError } from "../../src/errors.js";
import { type TopicSettings, defaultTopicSettings } from "../../src/log/port.js";
import { appendDescribed } from "../support/described-records.js";
import type { DiskModel, Operation } from "../support/disk-model.js";
import { type OpenStore, openStore, temporaryDirectory } from "../support/log-harness.js";
import { TopicCaller } from "../support/topic-caller.js";
import { TopicLedger } from "../support/topic-ledger.js";

/**
 * Fails the N-th call of each kind that the engine makes, for every N until it makes no N-th, once or from then on. The short
 * form tries a few N of each; ACLOG_DISK_FAULTS=all tries all of them (`make disk-faults`).
 */

const disk = vi.hoisted(() => ({ model: undefined as DiskModel | undefined }));
vi.mock("node:fs/promises", async (importOriginal) => {
  const { DiskModel: Model } = await import("../support/disk-model.js");
  disk.model ??= new Model();
  return disk.model.wrap(await importOriginal());
});
const model = disk.model!;
let unwatch: () => void = () => undefined;
beforeAll(() => (unwatch = model.watchDirectWrites()));
afterAll(() => unwatch());
afterEach(() => {
  model.failBy(() => undefined);
  model.stop();
});

const isLong = process.env["ACLOG_DISK_FAULTS"] === "all";
const options = { segmentBytes: 2048, compactedSegmentBytes: 2048, reclaimBytes: 200, journalFileBytes: 48 * 1024 };
const compacting: TopicSettings = { ...defaultTopicSettings, compact: true };

interface Fault {
  readonly operation: Operation;
  readonly code: string;
  readonly lasts: boolean;
  /** Part of the paths that are concerned. */
  readonly below: "" | "/tenants/" | "/journal/";
}

const operations: readonly Operation[] = ["open", "read", "write", "sync", "rename", "unlink", "truncate", "mkdir"];
const faults: readonly Fault[] = [
  ...operations.flatMap((operation) =>
    [true, false].flatMap((lasts) =>
      (["/tenants/", "/journal/"] as const).map((below) => ({ operation, code: "EIO", lasts, below })),
    ),
  ),
  { operation: "write", code: "short", lasts: true, below: "" },
  { operation: "write", code: "ENOSPC", lasts: false, below: "" },
  { operation: "sync", code: "ENOSPC", lasts: false, below: "" },
  { operation: "rename", code: "ENOSPC", lasts: false, below: "" },
  { operation: "mkdir", code: "ENOSPC", lasts: false, below: "" },
  { operation: "open", code: "EMFILE", lasts: false, below: "" },
];

/** Makes the N-th such call fail; returns whether there was one. */
function failNth({ operation, code, lasts, below }: Fault, nth: number): () => boolean {
  let calls = 0;
  model.failBy((asked, path) => {
    if (asked !== operation || !path.includes(below)) return undefined;
    calls++;
    return calls === nth || (lasts && calls > nth) ? code : undefined;
  });
  return () => calls >= nth;
}

/** Every N in the long form; in the short form one, another for each kind of fault, of those that every run reaches. */
async function forEachNth(fault: Fault, run: (nth: number) => Promise<boolean>): Promise<void> {
  const start = isLong ? 1 : 1 + ((faults.indexOf(fault) * 5) % 23);
  for (let nth = start; (await run(nth)) && isLong; nth++);
}

/** What callers do. Those that are refused are told why, with a reason that they can act on. */
async function live(open: OpenStore, caller: TopicCaller): Promise<void> {
  const { store } = open;
  const has = (topic: string): boolean => store.find("acme", topic) !== undefined;
  const steps: readonly (() => Promise<void>)[] = [
    () => caller.create("bills"),
    () => caller.create("gone"),
    () => caller.append("orders", 6),
    () => (has("gone") ? caller.append("gone", 3) : Promise.resolve()),
    () => (has("bills") ? caller.append("bills", 8) : Promise.resolve()),
    () => caller.trim("orders", store.find("acme", "orders")!.range().next - 6n),
    () => caller.maintain(),
    () => (has("gone") ? caller.delete("gone") : Promise.resolve()),
    () => caller.append("orders", 6),
    () => caller.configure("orders", compacting),
    () => (has("bills") ? caller.append("bills", 12) : Promise.resolve()),
    () => caller.maintain(),
    () => caller.append("orders", 3),
  ];
  for (const step of steps) {
    await step().catch((error: unknown) => {
      if (!(error instanceof ServiceError)) throw error;
      expect(["TOPIC_STORAGE_FAILED", "JOURNAL_FAILED", "STORAGE_FULL"]).toContain(error.reason);
    });
  }
}

/** What is there after a start is what callers were told, and it can be gone on with. */
async function checkImage(path: string, ledger: TopicLedger): Promise<void> {
  for (let start = 0; start < 2; start++) {
    await using open = await openStore(path, options);
    expect(open.failedTopics).toEqual([]);
    expect(open.report.damaged).toEqual([]);
    await ledger.check(open.store, "acme");
    for (const log of open.store.topics("acme")) {
      await appendDescribed(log, 4, 90);
      const life = ledger.current(log.topic)!;
      life.attempted += 4n;
      life.acknowledged = log.range().next;
    }
  }
  await rm(path, { recursive: true });
}

const nameOf = ({ operation, code, lasts, below }: Fault): string =>
  `${code} ${lasts ? "from" : "at"} the N-th ${operation} ${below === "" ? "anywhere" : `in ${below.replaceAll("/", "")}`}`;

describe("while it serves", () => {
  test.each(faults.map((fault) => [nameOf(fault), fault] as const))(
    "%s: what callers were told is so, then and after a restart",
    async (_name, fault) => {
      await using directory = await temporaryDirectory();
      const seed = join(directory.path, "seed");
      const before = new TopicLedger();
      {
        await using open = await openStore(seed, options);
        const caller = new TopicCaller(open.store, before);
        await caller.create("orders");
        await caller.append("orders", 4);
      }
      await forEachNth(fault, async (nth) => {
        const path = join(directory.path, "data");
        await cp(seed, path, { recursive: true });
        model.watch(path);
        let ledger: TopicLedger;
        let reached: boolean;
        {
          await using open = await openStore(path, options);
          const caller = new TopicCaller(open.store, before.snapshot());
          const wasReached = failNth(fault, nth);
          await live(open, caller);
          reached = wasReached();
          // A journal that failed, or a topic, stays so.
          model.failBy(() => undefined);
          ({ ledger } = caller);
          if (fault.below === "/tenants/") expect(open.failures, `${nth}`).toEqual([]);
          await checkLive(open, ledger);
          for (const kind of ["kill", "cut"] as const) {
            const snapshot = ledger.snapshot();
            const image = join(directory.path, kind);
            await model.copyBetween((now) =>
              kind === "kill" ? now.copyAfterKill(image) : now.copyAfterPowerCut(image),
            );
            await checkImage(image, snapshot).catch((error: unknown) => {
              throw new Error(`${nth}, ${kind}`, { cause: error });
            });
          }
        }
        model.stop();
        await checkImage(path, ledger).catch((error: unknown) => {
          throw new Error(`${nth}, closed`, { cause: error });
        });
        return reached;
      });
    },
    isLong ? 3_600_000 : 60_000,
  );
});

/** Whatever was acknowledged can be read; who has not failed takes more. */
async function checkLive({ store, failures, failedTopics }: OpenStore, ledger: TopicLedger): Promise<void> {
  const readable = ledger.snapshot();
  await readable.check(store, "acme").catch((error: unknown) => {
    // Nobody knows whether it is deleted.
    if (!(error instanceof ServiceError) || error.reason !== "TOPIC_STORAGE_FAILED") throw error;
    expect(ledger.current("gone")?.deleting).toBe(true);
  });
  if (failures.length > 0) return;
  // After the call that found the disk full, it looks again now and then.
  await vi.waitFor(() => expect(store.isFull).toBe(false), 10_000);
  for (const log of store.topics("acme")) {
    if (failedTopics.some(({ topicId }) => topicId === log.topicId)) continue;
    const life = ledger.current(log.topic)!;
    life.attempted += 4n;
    await appendDescribed(log, 4, 90);
    life.acknowledged = log.range().next;
  }
}

describe("while it starts", () => {
  test.each(faults.map((fault) => [nameOf(fault), fault] as const))(
    "%s: it starts, or does not, and loses nothing",
    async (_name, fault) => {
      await using directory = await temporaryDirectory();
      const seed = join(directory.path, "seed");
      const live = join(directory.path, "live");
      await mkdir(live);
      model.watch(live);
      let ledger: TopicLedger;
      {
        await using open = await openStore(live, options);
        const caller = new TopicCaller(open.store);
        for (const topic of ["orders", "bills", "idle"]) await caller.create(topic);
        for (let n = 0; n < 4; n++) for (const topic of ["orders", "bills"]) await caller.append(topic, 2);
        await caller.append("idle", 1);
        ({ ledger } = caller);
        await model.copyBetween((now) => now.copyAfterKill(seed));
        model.stop();
      }
      await forEachNth(fault, async (nth) => {
        const path = join(directory.path, "data");
        await cp(seed, path, { recursive: true });
        model.watch(path);
        const wasReached = failNth(fault, nth);
        const opened = await openStore(path, options).catch(() => undefined);
        if (opened !== undefined) {
          model.failBy(() => undefined);
          await ledger.check(opened.store, "acme");
          await opened[Symbol.asyncDispose]();
        }
        const reached = wasReached();
        model.failBy(() => undefined);
        const cut = join(directory.path, "cut");
        model.copyAfterPowerCut(cut);
        model.stop();
        await checkImage(cut, ledger.snapshot()).catch((error: unknown) => {
          throw new Error(`${nth}, cut`, { cause: error });
        });
        await checkImage(path, ledger.snapshot()).catch((error: unknown) => {
          throw new Error(`${nth}, closed`, { cause: error });
        });
        return reached;
      });
    },
    isLong ? 3_600_000 : 60_000,
  );
});

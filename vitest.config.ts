import { statfsSync } from "node:fs";
import { defineConfig } from "vitest/config";

/** They judge how long something takes, or what memory it holds: nothing else runs beside them. */
const measuring = [
  "test/authz/pace.test.ts",
  "test/identity/connections.test.ts",
  "test/identity/revocation-list.test.ts",
  "test/node/drain.test.ts",
  "test/node/policy-activation.test.ts",
  "test/node/policy-change.test.ts",
  "test/service/long-lists.test.ts",
  "test/transport/floods.test.ts",
  "test/transport/lifetime.test.ts",
  "test/transport/streams.test.ts",
];

/** They start no server and no process: what one file has loaded serves the next. */
const together = ["authoring", "authz", "config", "identity", "review", "wire"].map(
  (folder) => `test/${folder}/*.test.ts`,
);

/** What a disk does with a sync they ask a model of one, if at all: most of their time they waited for real syncs. */
const inMemory = ["activation", "cli", "conformance", "log", "repair"].map((folder) => `test/${folder}/*.test.ts`);

/** So do these. Their servers and clients are of one kind: what one file has loaded serves the next. */
const servers = ["client", "node", "service", "tenancy", "transport"].map((folder) => `test/${folder}/*.test.ts`);

/** Here processes write for as long as the test takes, and the disk is what keeps them to a pace. */
const atTheDisksPace = ["backup", "compaction-store", "crash", "limits"].map((name) => `test/log/${name}.test.ts`);

const memory = "/dev/shm";
const memoryBytes = 2 * 1024 ** 3;

/** Undefined, and so the disk's, where there is no such directory or little room in it. */
function memoryDirectory(): string | undefined {
  try {
    const { bavail, bsize } = statfsSync(memory);
    return bavail * bsize < memoryBytes ? undefined : memory;
  } catch {
    return undefined;
  }
}
const directory = process.env["TMPDIR"] ?? memoryDirectory();
const env = directory === undefined ? {} : { env: { TMPDIR: directory } };

export default defineConfig({
  test: {
    // Real servers, certificates and disks: slow is not the same as stuck.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    projects: [
      {
        extends: true,
        test: {
          name: "side by side",
          include: ["test/**/*.test.ts"],
          exclude: [...measuring, ...together, ...inMemory, ...servers],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "in memory",
          include: inMemory,
          exclude: atTheDisksPace,
          ...env,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "servers",
          include: servers,
          exclude: measuring,
          ...env,
          isolate: false,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: "at the disk's pace", include: atTheDisksPace, maxWorkers: 2, sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        test: {
          name: "together",
          include: together,
          exclude: measuring,
          isolate: false,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: { name: "alone", include: measuring, maxWorkers: 1, sequence: { groupOrder: 2 } },
      },
    ],
  },
});

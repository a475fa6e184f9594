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
          exclude: [...measuring, ...together],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
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

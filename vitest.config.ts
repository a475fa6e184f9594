import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Real servers, certificates and disks: slow is not the same as stuck.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
  },
});

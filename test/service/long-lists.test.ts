import { monitorEventLoopDelay } from "node:perf_hooks";
import { expect, test } from "vitest";
import { MemoryStore, defaultTopicSettings } from "../../src/log/index.js";
import { TopicService } from "../../src/service/index.js";
import { TenantLogs } from "../../src/tenancy/tenant-logs.js";
import { defaultTenantLimits } from "../../src/tenant-limits.js";
import { ask, authorizerFor } from "../authz/policy-folder.js";

const signal = new AbortController().signal;

test("ten thousand topics are listed by the policy, page by page, without holding up anyone", async () => {
  await using store = new MemoryStore();
  for (let number = 0; number < 10_000; number++) await store.create("acme", `t${number}`, defaultTopicSettings);
  const service = new TopicService(new TenantLogs(store, () => defaultTenantLimits));
  const { authorizer, denials } = await authorizerFor(
    "p, acme/all, acme, *, describe, allow\np, acme/few, acme, t77*, describe, allow\np, acme/few, acme, t777, describe, deny\n",
  );
  const list = async (principal: string): Promise<string[]> => {
    const names: string[] = [];
    for (let after = ""; ;) {
      const isShown = (topic: string): boolean => authorizer.permits(ask(principal, "describe", "acme", topic));
      const wanted = { caller: "acme", tenant: "acme", prefix: "t", after, size: 1000, isShown };
      const { topics, isLast } = await service.list(wanted, signal);
      names.push(...topics.map(({ topic }) => topic));
      if (isLast) return names;
      after = names.at(-1)!;
    }
  };
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const all = await list("acme/all");
  expect(all).toHaveLength(10_000);
  expect(all).toEqual([...all].sort());
  const few = Array.from({ length: 10_000 }, (_, number) => `t${number}`).filter((name) => name.startsWith("t77"));
  expect(await list("acme/few")).toEqual(few.filter((name) => name !== "t777").sort());
  expect(await list("acme/nobody")).toEqual([]);
  delay.disable();
  // A machine that does something else is slow in all of them.
  expect(delay.percentile(90) / 1e6).toBeLessThan(25);
  expect(denials).toEqual([]);
});

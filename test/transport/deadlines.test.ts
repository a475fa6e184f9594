import { once } from "node:events";
import type { ClientHttp2Session } from "node:http2";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Cancelled } from "../../src/errors.js";
import { MemoryStore } from "../../src/log/index.js";
import { LogService } from "../../src/service/index.js";
import { TenantLogs } from "../../src/tenancy/tenant-logs.js";
import { defaultTenantLimits } from "../../src/tenant-limits.js";
import { type ProduceRequest, readProduceRequest } from "../../src/wire/requests.js";
import { EngineServer } from "../support/grpc-server.js";
import { framed, openCall } from "../support/http2-client.js";
import { consumeBytes, produceBytes } from "../support/raw-client.js";
import { type TestNode, startTestNode } from "../support/test-node.js";

let node: TestNode;
beforeAll(async () => (node = await startTestNode()));
afterAll(() => node[Symbol.asyncDispose]());

/** Resolves when the server has taken all that was sent before. */
async function roundTrip(session: ClientHttp2Session): Promise<void> {
  await new Promise((resolve) => session.ping(resolve));
}

test("a request that was not finished by its deadline is not stored", async () => {
  const session = node.http2("acme/root");
  const call = openCall(session, "Produce", { "grpc-timeout": "50m" });
  call.write(framed(produceBytes({ topic: "late", records: ["v"] })));
  const [headers] = (await once(call, "response")) as [Record<string, string>];
  expect(headers["grpc-status"]).toBe("4");
  call.end();
  await roundTrip(session);
  expect(await node.valuesOf("acme", "late")).toBeUndefined();
  session.destroy();
});

test("a request that a busy server comes to after its deadline is not stored, although no timer has said so yet", async () => {
  const appended: string[] = [];
  await using server = await EngineServer.start({
    append: async ({ source }) => {
      appended.push(source.includes("busy") ? "busy" : "late");
      // Whatever else keeps a process from its timers.
      const until = performance.now() + 150;
      while (performance.now() < until);
      return { durable: Promise.resolve({ offset: 0n, count: 1 }) };
    },
  });
  const session = server.http2("acme/root");
  const [busy, late] = [openCall(session, "Produce"), openCall(session, "Produce", { "grpc-timeout": "100m" })];
  await roundTrip(session);
  const ends = [busy, late].map((call) => once(call, "response") as Promise<[Record<string, string>]>);
  busy.end(framed(produceBytes({ topic: "orders", records: ["busy"] })));
  late.end(framed(produceBytes({ topic: "orders", records: ["late"] })));
  const [, [headers]] = (await Promise.all(ends)) as [unknown, [Record<string, string>]];
  expect(headers["grpc-status"]).toBe("4");
  expect(appended).toEqual(["busy"]);
  session.destroy();
});

test("who gives up while his topic is made has nothing stored", async () => {
  await using store = new MemoryStore();
  const service = new LogService(new TenantLogs(store, () => defaultTenantLimits));
  const { records } = readProduceRequest(produceBytes({ records: ["v"] })) as ProduceRequest;
  const target = { tenant: "acme", topic: "new", topicId: undefined };
  const options = { expectedOffset: undefined, mayCreate: () => true };
  await expect(service.produce(target, records, { ...options, hasGone: () => true })).rejects.toThrow(Cancelled);
  expect(store.find("acme", "new")?.range().next).toBe(0n);
  await service.produce(target, records, { ...options, hasGone: () => false });
  expect(store.find("acme", "new")?.range().next).toBe(1n);
});

test("who waits is forgotten at once when his deadline passes, he cancels, or his connection goes", async () => {
  await node.as("acme/root").produce("v", { topic: "waited" });
  const waiting = framed(consumeBytes({ topic: "waited", start: "LATEST", maxWaitMs: 60_000 }));
  for (const end of ["deadline", "cancel", "connection"]) {
    for (const method of ["Consume", "ConsumeStream"]) {
      const session = node.http2("acme/root");
      const call = openCall(session, method, end === "deadline" ? { "grpc-timeout": "300m" } : {});
      call.end(waiting);
      call.resume();
      await node.metricReaches("aclog_waiting_readers", 1);
      expect(await node.metric(`aclog_open_calls{method="/log.v1.Log/${method}"}`)).toBe(1);
      if (end === "cancel") call.close(8);
      else if (end === "connection") session.destroy();
      await node.metricReaches("aclog_waiting_readers", 0);
      expect(await node.metric(`aclog_open_calls{method="/log.v1.Log/${method}"}`)).toBe(0);
      session.destroy();
    }
  }
});

test("a stream whose reader takes nothing does not outlive its deadline for long", async () => {
  await node.as("acme/root").produce(new Array<string>(32).fill("x".repeat(64 * 1024)), { topic: "much" });
  const session = node.http2("acme/root");
  const stalled = openCall(session, "ConsumeStream", { "grpc-timeout": "100m" });
  stalled.end(framed(consumeBytes({ topic: "much" })));
  stalled.pause();
  await node.metricReaches('aclog_open_calls{method="/log.v1.Log/ConsumeStream"}', 1);
  await node.metricReaches('aclog_open_calls{method="/log.v1.Log/ConsumeStream"}', 0);
  session.destroy();
});

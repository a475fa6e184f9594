import { once } from "node:events";
import { SpanKind, SpanStatusCode, context, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { afterAll, beforeAll, expect, test } from "vitest";
import { framed, openCall } from "../support/http2-client.js";
import { consumeBytes, produceBytes } from "../support/raw-client.js";
import { type TestNode, startTestNode } from "../support/test-node.js";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const parentId = "b7ad6b7169203331";

let node: TestNode;
const exporter = new InMemorySpanExporter();
/** What a processor of the operator's does wrong, at the moment. */
let defect: "onStart" | "onEnd" | undefined;

beforeAll(async () => {
  node = await startTestNode();
  // As an operator would register it, and later than the server started.
  const faulty: SpanProcessor = {
    onStart: () => failIf("onStart"),
    onEnd: () => failIf("onEnd"),
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [faulty, new SimpleSpanProcessor(exporter)] }),
  );
});
afterAll(() => node[Symbol.asyncDispose]());

function failIf(wrong: typeof defect): void {
  if (defect === wrong) throw new Error("an SDK with a defect");
}

/** One call until its end, with headers of its own. */
async function call(
  principal: string,
  method: string,
  message: Buffer,
  headers: Record<string, string>,
): Promise<void> {
  const session = node.http2(principal);
  const stream = openCall(session, method, headers);
  stream.end(framed(message));
  await once(stream.resume(), "close");
  session.destroy();
}

async function spanOf(requestId: string): Promise<ReadableSpan> {
  for (;;) {
    const span = exporter.getFinishedSpans().find(({ attributes }) => attributes["aclog.request_id"] === requestId);
    if (span !== undefined) return span;
    await new Promise(setImmediate);
  }
}

const produce = produceBytes({ topic: "secret.topic", records: ["secret value"] });

test("each call is a span below the caller's, with who called and how it ended, and nothing of what was sent", async () => {
  const traceparent = `00-${traceId}-${parentId}-01`;
  await call("acme/root", "Produce", produce, { traceparent, "x-request-id": "ok" });
  const span = await spanOf("ok");
  expect(span.name).toBe("log.v1.Log/Produce");
  expect(span.kind).toBe(SpanKind.SERVER);
  expect(span.spanContext().traceId).toBe(traceId);
  expect(span.parentSpanContext?.spanId).toBe(parentId);
  expect(span.status.code).toBe(SpanStatusCode.UNSET);
  expect(span.attributes).toEqual({
    "rpc.system": "grpc",
    "rpc.service": "log.v1.Log",
    "rpc.method": "Produce",
    "rpc.grpc.status_code": 0,
    "network.peer.address": expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string,
    "aclog.request_id": "ok",
    "aclog.tenant": "acme",
    "aclog.principal": "acme/root",
  });
  expect(JSON.stringify([span.attributes, span.events])).not.toContain("secret");
});

test("a span ends however its call does", async () => {
  await node.as("acme/root").produce("v", { topic: "a" });
  const waiting = consumeBytes({ topic: "a", start: "LATEST", maxWaitMs: 60_000 });
  await call("acme/nobody", "Produce", produce, { "x-request-id": "denied" });
  await call("acme/root", "Consume", waiting, { "x-request-id": "late", "grpc-timeout": "30m" });
  const session = node.http2("acme/root");
  for (const [requestId, method] of [
    ["cancelled", "ConsumeStream"],
    ["gone", "Consume"],
  ] as const) {
    const stream = openCall(session, method, { "x-request-id": requestId });
    stream.end(framed(waiting));
    await node.metricReaches("aclog_waiting_readers", 1);
    if (requestId === "cancelled") stream.close(8);
    else session.destroy();
    await node.metricReaches("aclog_waiting_readers", 0);
  }
  const ends: unknown[] = [];
  for (const requestId of ["denied", "late", "cancelled", "gone"]) {
    const { attributes, status } = await spanOf(requestId);
    ends.push([requestId, attributes["rpc.grpc.status_code"], status.code]);
  }
  expect(ends).toEqual([
    // By the conventions, only what the server is to blame for is an error of its span.
    ["denied", 7, SpanStatusCode.UNSET],
    ["late", 4, SpanStatusCode.ERROR],
    ["cancelled", 1, SpanStatusCode.UNSET],
    ["gone", 1, SpanStatusCode.UNSET],
  ]);
});

test("what a caller says of its trace cannot hurt, and an SDK that throws keeps no call from being served", async () => {
  await call("acme/root", "Produce", produce, { traceparent: "00-zz-zz-zz", "x-request-id": "odd" });
  expect((await spanOf("odd")).parentSpanContext).toBeUndefined();
  for (defect of ["onStart", "onEnd"] as const) await node.as("acme/root").produce(defect, { topic: "served" });
  defect = undefined;
  expect(await node.valuesOf("acme", "served")).toEqual(["onStart", "onEnd"]);
});

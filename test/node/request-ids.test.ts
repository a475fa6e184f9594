import { once } from "node:events";
import { Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { framed, openCall } from "../support/http2-client.js";
import { consumeBytes, produceBytes } from "../support/raw-client.js";
import { type TestNode, startTestNode } from "../support/test-node.js";

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

let node: TestNode;
beforeAll(async () => (node = await startTestNode()));
afterAll(() => node[Symbol.asyncDispose]());

/** The id that a call was given back, in its headers, also where they are all that there is. */
async function answeredId(method: string, message: Buffer, given?: string): Promise<unknown> {
  const session = node.http2("acme/root");
  const call = openCall(session, method, given === undefined ? {} : { "x-request-id": given });
  call.end(framed(message));
  const [headers] = (await once(call, "response")) as [Record<string, unknown>];
  session.destroy();
  return headers["x-request-id"];
}

const produce = produceBytes({ topic: "a", records: ["v"] });

test.each(["a", 'visible-ASCII:{"}\\\\~!', "x".repeat(128)])("a call that brings the id %s keeps it", async (id) => {
  expect(await answeredId("Produce", produce, id)).toBe(id);
  expect(await node.log.until(({ requestId }) => requestId === id)).toMatchObject({
    msg: "call",
    method: "/log.v1.Log/Produce",
    principal: "acme/root",
  });
});

test.each([
  ["none", undefined],
  ["an empty one", ""],
  ["too long a one", "x".repeat(129)],
  ["one with a blank", "a b"],
  ["two of them", "a, b"],
  ["one that is not ASCII", "ü"],
])("a call that brings %s gets a new one", async (_what, id) => {
  const printed = vi.spyOn(console, "error");
  const ids = [await answeredId("Produce", produce, id), await answeredId("Produce", produce, id)];
  for (const each of ids) expect(each).toMatch(uuid);
  expect(ids[0]).not.toBe(ids[1]);
  await node.log.until(({ requestId }) => requestId === ids[1]);
  // grpc-js would print what it cannot read, past the log.
  expect(printed).not.toHaveBeenCalled();
});

test("a refusal without a message gives it back too, and both of its lines in the log have it", async () => {
  const metadata = new Metadata();
  metadata.set("x-request-id", "refused-7");
  const { code, words } = await node.raw("acme/nobody").call("Produce", [produce], metadata);
  expect(code).toBe("PERMISSION_DENIED");
  const denied = await node.log.until(({ msg, requestId }) => msg === "denied" && requestId === "refused-7");
  const refused = await node.log.until(({ msg, requestId }) => msg === "call refused" && requestId === "refused-7");
  expect(words).toContain(denied["id"]);
  expect(refused["details"]).toContain(denied["id"]);
  expect(await answeredId("Produce", Buffer.from([0xff]), "unreadable-8")).toBe("unreadable-8");
});

test("a request that is refused while its stream goes on is in the log with its caller, and counted", async () => {
  await using own = await startTestNode();
  const metadata = new Metadata();
  metadata.set("x-request-id", "stream-10");
  const call = own.raw("acme/nobody").open("ProduceStream", metadata);
  call.send(produceBytes({ topic: "orders", records: ["v"], requestId: 5n }));
  await call.received(1);
  const line = { requestId: "stream-10", method: "/log.v1.Log/ProduceStream", principal: "acme/nobody" };
  const refused = await own.log.until(({ msg }) => msg === "request refused");
  expect(refused).toMatchObject({ ...line, code: "PERMISSION_DENIED" });
  expect(refused["peer"]).toMatch(/^127\.0\.0\.1:\d+$/);
  const denied = own.log.lines.find(({ msg }) => msg === "denied");
  expect(refused["details"]).toContain(denied!["id"]);
  expect(await own.metric('aclog_refused_requests_total{code="PERMISSION_DENIED"}')).toBe(1);
  // The stream itself has ended well, and its end is no second refusal.
  call.halfClose();
  expect((await call.end()).code).toBe("OK");
  expect(own.log.lines.filter(({ msg }) => msg.includes("refused"))).toHaveLength(1);
});

test("what is decided about an open stream later has the id of the stream", async () => {
  await using own = await startTestNode();
  await own.as("acme/root").produce("v", { topic: "orders" });
  const metadata = new Metadata();
  metadata.set("x-request-id", "stream-9");
  const call = own.raw("acme/root").open("ConsumeStream", metadata);
  call.send(consumeBytes({ topic: "orders" }));
  call.halfClose();
  await call.received(1);
  await own.writePolicy({
    "policy.csv": "p, acme/root, acme, *, produce, allow\n",
    "matrix.csv": "# states nothing\n",
  });
  await own.reloadPolicy();
  expect((await call.end()).code).toBe("PERMISSION_DENIED");
  const lines = own.log.lines.filter(({ requestId }) => requestId === "stream-9");
  expect(lines.map(({ msg }) => msg)).toEqual(["denied", "call refused"]);
});

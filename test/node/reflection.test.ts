import { afterAll, beforeAll, expect, test } from "vitest";
import { type TestNode, startTestNode } from "../support/test-node.js";

/** Beyond it Node 20 writes to a connection in the midst of reading from it. */
const maxPendingBytes = 4096;

const paths = ["v1", "v1alpha"].map((version) => `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`);

let node: TestNode;

beforeAll(async () => {
  node = await startTestNode({ config: { reflection: true } });
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
});

test.each(paths)("no answer of %s is so large that Node writes it in the midst of reading", async (path) => {
  const files = ["log.v1.Log", "log.v1.Topics", "log.v1.Offsets", "admin.v1.Connections"].map((service) =>
    request(4, service),
  );
  const health = request(4, "grpc.health.v1.Health");
  // Of as many bytes as are taken: a tag, a length of two bytes, and the text.
  const longest = [3, 4, 7].map((field) => request(field, "a".repeat(512 - 3)));
  const asked = [...files, health, ...longest];
  const answered = await node.raw("acme/nobody").call(path, asked);
  expect(answered.code).toBe("OK");
  expect(answered.messages).toHaveLength(asked.length);
  // Five bytes of frame are in front of each message.
  const largest = Math.max(...answered.messages.map(({ length }) => length + 5));
  expect(largest).toBeGreaterThan(1000);
  expect(largest).toBeLessThan(maxPendingBytes - 512);
});

test.each(paths)("%s lists every service", async (path) => {
  const answer = await node.raw("acme/nobody").answer(path, request(7, "*"));
  const services = ["Log", "Topics", "Offsets"].map((name) => `log.v1.${name}`);
  for (const name of [...services, "policy.v1.Policy", "admin.v1.Connections", "grpc.health.v1.Health"])
    expect(answer.toString("latin1")).toContain(name);
});

test.each(paths)("%s refuses a request that would come back in a large answer", async (path) => {
  const answered = await node.raw("acme/nobody").call(path, [request(4, "a".repeat(512 - 2))]);
  expect(answered).toMatchObject({ code: "INTERNAL", messages: [] });
});

/** A ServerReflectionRequest. 3: a file by its name; 4: by a symbol; 7: a list of services. */
function request(field: number, text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = bytes.length < 0x80 ? [bytes.length] : [(bytes.length % 0x80) | 0x80, bytes.length >> 7];
  return Buffer.concat([Buffer.from([(field << 3) | 2, ...length]), bytes]);
}

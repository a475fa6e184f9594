import { deflateSync } from "node:zlib";
import { Client, compressionAlgorithms, credentials } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { framed, openCall } from "../support/http2-client.js";
import { produceBytes, produced } from "../support/raw-client.js";
import { type TestNode, startTestNode } from "../support/test-node.js";

let node: TestNode;
beforeAll(async () => (node = await startTestNode()));
afterAll(() => node[Symbol.asyncDispose]());

const asIs = (bytes: Buffer): Buffer => bytes;

test.each(["gzip", "deflate"] as const)("a grpc-js client may send its requests through %s", async (algorithm) => {
  const { ca, cert, key } = node.keysOf("acme/root");
  const pems = [ca, key, cert].map((pem) => Buffer.from(pem));
  const client = new Client(node.address, credentials.createSsl(...pems), {
    "grpc.default_compression_algorithm": compressionAlgorithms[algorithm],
  });
  const values = [`${algorithm} `.repeat(50_000), "short"];
  const request = produceBytes({ topic: algorithm, records: values });
  const answer = await new Promise<Buffer>((resolve, reject) =>
    client.makeUnaryRequest("/log.v1.Log/Produce", asIs, asIs, request, (error, bytes) =>
      error === null ? resolve(bytes!) : reject(error),
    ),
  );
  expect(produced(answer).count).toBe(2);
  expect(await node.valuesOf("acme", algorithm)).toEqual(values);
  client.close();
});

test("what swells beyond the largest message is refused, and not stored", async () => {
  const session = node.http2("acme/root");
  const call = openCall(session, "Produce", { "grpc-encoding": "deflate" });
  const swelling = produceBytes({ topic: "swelling", records: ["x".repeat(5 * 1024 * 1024)] });
  call.end(framed(deflateSync(swelling), 1));
  const headers = await new Promise<Record<string, unknown>>((resolve) => call.once("response", resolve));
  expect(headers["grpc-status"]).toBe("8");
  expect(await node.valuesOf("acme", "swelling")).toBeUndefined();
  session.destroy();
});

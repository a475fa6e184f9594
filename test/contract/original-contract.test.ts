import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  Client as GrpcClient,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ServiceError,
  credentials,
  loadPackageDefinition,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type TestNode, smallStorage, startTestNode } from "../support/test-node.js";

/** The contract as clients of old have it. It knows nothing of tenants, topics, batches or headers. */
const originalProto = `
syntax = "proto3";
package log.v1;
service Log {
  rpc Produce(ProduceRequest) returns (ProduceResponse) {}
  rpc Consume(ConsumeRequest) returns (ConsumeResponse) {}
  rpc ConsumeStream(ConsumeRequest) returns (stream ConsumeResponse) {}
  rpc ProduceStream(stream ProduceRequest) returns (stream ProduceResponse) {}
}
message Record { bytes value = 1; uint64 offset = 2; }
message ProduceRequest { Record record = 1; }
message ProduceResponse { uint64 offset = 1; }
message ConsumeRequest { uint64 offset = 1; }
message ConsumeResponse { Record record = 1; }
`;

interface OriginalRecord {
  readonly value: Buffer;
  readonly offset: string;
}
type Answer<Response> = (error: ServiceError | null, response: Response) => void;
interface OriginalClient extends GrpcClient {
  produce(request: object, answer: Answer<{ offset: string }>): void;
  consume(request: object, answer: Answer<{ record: OriginalRecord }>): void;
  produceStream(): ClientDuplexStream<object, { offset: string }>;
  consumeStream(request: object): ClientReadableStream<{ record: OriginalRecord }>;
}

let node: TestNode;
let client: OriginalClient;

beforeAll(async () => {
  node = await startTestNode({ storage: smallStorage });
  const file = join(node.directory, "original.proto");
  await writeFile(file, originalProto);
  const { log } = loadPackageDefinition(loadSync(file, { longs: String, defaults: true })) as unknown as {
    log: { v1: { Log: new (address: string, channel: ReturnType<typeof credentials.createSsl>) => OriginalClient } };
  };
  const { ca, cert, key } = node.keysOf("acme/root");
  const channel = credentials.createSsl(Buffer.from(ca), Buffer.from(key), Buffer.from(cert));
  client = new log.v1.Log(node.address, channel);
});
afterAll(async () => {
  client.close();
  await node[Symbol.asyncDispose]();
});

function produce(value: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = { record: { value: Buffer.from(value), offset: "99" } };
    client.produce(request, (error, response) => (error ? reject(error) : resolve(response.offset)));
  });
}

function consume(offset: string): Promise<OriginalRecord> {
  return new Promise((resolve, reject) => {
    client.consume({ offset }, (error, response) => (error ? reject(error) : resolve(response.record)));
  });
}

const values = Array.from({ length: 100 }, (_, index) => `record ${index}`);

// In this order: each goes on where the one before stopped.
test("Produce gives offsets from 0 on, whatever offset the client sends", async () => {
  for (let index = 0; index < 10; index++) expect(await produce(values[index]!)).toBe(`${index}`);
});

test("Consume gives what was produced", async () => {
  for (let index = 0; index < 10; index++) {
    expect(await consume(`${index}`)).toEqual({ value: Buffer.from(values[index]!), offset: `${index}` });
  }
});

test("ProduceStream answers each record in turn", async () => {
  const stream = client.produceStream();
  for (const value of values.slice(10)) stream.write({ record: { value: Buffer.from(value) } });
  stream.end();
  const offsets: string[] = [];
  for await (const { offset } of stream as AsyncIterable<{ offset: string }>) offsets.push(offset);
  expect(offsets).toEqual(values.slice(10).map((_, index) => `${index + 10}`));
});

test("ConsumeStream gives one record in each message, from the offset on, and tails", async () => {
  const stream = client.consumeStream({ offset: "5" });
  const records: OriginalRecord[] = [];
  for await (const { record } of stream as AsyncIterable<{ record: OriginalRecord }>) {
    records.push(record);
    if (records.length === 95) void produce("one more");
    if (records.length === 96) break;
  }
  expect(records.map(({ offset }) => offset)).toEqual(Array.from({ length: 96 }, (_, index) => `${index + 5}`));
  expect(records.map(({ value }) => value.toString())).toEqual([...values.slice(5), "one more"]);
});

test.each(["101", "9223372036854775808", "18446744073709551615"])("Consume at %s is OUT_OF_RANGE", async (offset) => {
  await expect(consume(offset)).rejects.toMatchObject({ code: 11 });
});

test("an empty value is a record too", async () => {
  const offset = await produce("");
  expect(await consume(offset)).toEqual({ value: Buffer.alloc(0), offset });
});

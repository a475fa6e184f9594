/**
 * The ceiling: grpc-js as fast as it can be for the same methods and the same mutual TLS. Requests are taken as bytes and
 * answered at once with bytes that were made before. No policy, no identity, no checks, no disk, nothing kept.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Metadata, Server, ServerCredentials, loadPackageDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const { values: files } = parseArgs({
  options: { ca: { type: "string" }, cert: { type: "string" }, key: { type: "string" } },
});
const proto = new URL("../../proto/", import.meta.url).pathname;
const definition = loadSync("log/v1/log.proto", { includeDirs: [proto], longs: Number });
const { service } = loadPackageDefinition(definition).log.v1.Log;
const asIs = (bytes) => bytes;
const inBytes = { requestDeserialize: asIs, responseSerialize: asIs };
const answer = service.Produce.responseSerialize({ offset: 1_000_000, count: 1 });

/** Who reads what others produce just now; empty unless a row is about that. */
const readers = new Set();

/** A response with so many records, as aclog would send it. It is made once and sent over and over. */
const responses = new Map();
function responseOf(count, bytes) {
  const key = `${count} ${bytes}`;
  const record = (_, at) => ({ value: Buffer.alloc(bytes, 120), offset: 1_000_000 + at, timestampMs: Date.now() });
  if (!responses.has(key))
    responses.set(key, service.ConsumeStream.responseSerialize({ records: Array.from({ length: count }, record) }));
  return responses.get(key);
}

const server = new Server();
server.addService(
  {
    Produce: { ...service.Produce, ...inBytes },
    ProduceStream: { ...service.ProduceStream, ...inBytes },
    ConsumeStream: { ...service.ConsumeStream, responseSerialize: asIs },
  },
  {
    Produce: (_call, done) => done(null, answer),
    ProduceStream: (call) => {
      call.on("data", (request) => {
        // A request's records have the same bytes as a response's.
        for (const reader of readers) reader.write(request);
        call.write(answer);
      });
      call.on("end", () => call.end());
    },
    // The size of its records is in the topic's name, such as `read.100`; `tail.…` is given what others produce.
    ConsumeStream: (call) => {
      const { maxRecords, topic } = call.request;
      if (topic.startsWith("tail")) {
        readers.add(call);
        call.on("cancelled", () => readers.delete(call));
        call.sendMetadata(new Metadata());
        return;
      }
      const response = responseOf(maxRecords, Number(topic.split(".")[1]));
      const send = () => {
        while (!call.cancelled && call.write(response));
      };
      call.on("drain", send);
      send();
    },
  },
);
const pem = (path) => readFileSync(path);
const pair = { cert_chain: pem(files.cert), private_key: pem(files.key) };
server.bindAsync("127.0.0.1:0", ServerCredentials.createSsl(pem(files.ca), [pair], true), (error, port) => {
  if (error !== null) throw error;
  process.stdout.write(`${JSON.stringify({ address: `127.0.0.1:${port}` })}\n`);
});
process.on("SIGTERM", () => process.exit());

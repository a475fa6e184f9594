/**
 * grpc-js as anyone would use it for the same contract: the same messages, the same mutual TLS, handlers that answer at
 * once. No policy, no identity, no checks, no disk, nothing kept.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Server, ServerCredentials, loadPackageDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const { values: files } = parseArgs({
  options: { ca: { type: "string" }, cert: { type: "string" }, key: { type: "string" } },
});
const proto = new URL("../proto/", import.meta.url).pathname;
const definition = loadSync("log/v1/log.proto", { includeDirs: [proto], longs: Number });
const { Log } = loadPackageDefinition(definition).log.v1;

let next = 0;
const take = ({ records }) => {
  const offset = next;
  next += records.length;
  return { offset, count: records.length };
};

/** Messages that are made once and sent over and over, by the number and the size of their records. */
const batches = new Map();
function batchOf(count, bytes) {
  const key = `${count} ${bytes}`;
  const value = Buffer.alloc(bytes, 120);
  const made = batches.get(key) ?? {
    records: Array.from({ length: count }, (_, offset) => ({ value, offset, timestampMs: Date.now() })),
  };
  batches.set(key, made);
  return made;
}

const server = new Server();
// Like Log, but that its responses are serialised already: as fast as grpc-js can be.
const encode = Log.service.ConsumeStream.responseSerialize;
const encoded = new Map();
server.addService(
  {
    ...Log.service,
    ConsumeStream: {
      ...Log.service.ConsumeStream,
      responseSerialize: (response) => response.bytes ?? encode(response),
    },
  },
  {
    Produce: ({ request }, answer) => answer(null, take(request)),
    ProduceStream: (call) => {
      call.on("data", (request) => call.write(take(request)));
      call.on("end", () => call.end());
    },
    // The size of its records is in the topic's name: `100` or `100.encoded`.
    ConsumeStream: (call) => {
      const { maxRecords, topic } = call.request;
      const [bytes, kind] = topic.split(".").slice(-2);
      const batch = batchOf(maxRecords || 1, Number(bytes));
      if (kind === "encoded" && !encoded.has(batch)) encoded.set(batch, { bytes: encode(batch) });
      const response = kind === "encoded" ? encoded.get(batch) : batch;
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

/** One client process and one kind of work, on one connection, through the plain stub: the same for every server. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { credentials } from "@grpc/grpc-js";
import { LogStub } from "../dist/wire/definition.js";

const { address, certs, work, valueBytes, seconds, records, messageBytes, topic } = JSON.parse(process.argv[2]);

const read = (name) => readFile(join(certs, name));
const context = createSecureContext({
  ca: await read("ca.crt"),
  cert: await read("clients/acme/root.crt"),
  key: await read("clients/acme/root.key"),
  minVersion: "TLSv1.3",
});
const stub = new LogStub(address, credentials.createFromSecureContext(context), {
  "grpc.max_receive_message_length": 16 * 1024 * 1024,
});
const record = { value: Buffer.alloc(valueBytes, 120) };

/** Calls one after the other on each of `lanes`, for as long as the bench lasts; the first half second is for warming up. */
async function unary(lanes) {
  const request = { records: [record], topic };
  const call = () =>
    new Promise((resolve, reject) => stub.Produce(request, (error) => (error ? reject(error) : resolve())));
  const micros = [];
  const begin = performance.now() + 500;
  const end = begin + seconds * 1000;
  const lane = async () => {
    for (let started = performance.now(); started < end; started = performance.now()) {
      await call();
      if (started >= begin) micros.push((performance.now() - started) * 1000);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  micros.sort((a, b) => a - b);
  const at = (share) => Math.round(micros[Math.floor(micros.length * share)] ?? 0);
  return { perSecond: micros.length / seconds, p50Micros: at(0.5), p99Micros: at(0.99) };
}

/** Batches of 100 over one stream, as fast as they are taken; at most 64 are unanswered. */
async function pipelined() {
  const request = { records: new Array(100).fill(record), topic };
  const call = stub.ProduceStream();
  const begin = performance.now() + 500;
  const end = begin + seconds * 1000;
  let unanswered = 0;
  let counted = 0;
  await new Promise((resolve, reject) => {
    const send = () => {
      while (unanswered < 64 && performance.now() < end) {
        unanswered++;
        call.write(request);
      }
      if (performance.now() >= end) call.end();
    };
    call.on("data", ({ count }) => {
      unanswered--;
      const now = performance.now();
      if (now >= begin && now < end) counted += count;
      send();
    });
    call.on("error", reject);
    call.on("end", resolve);
    send();
  });
  return { perSecond: counted / seconds };
}

/** Stores what `consume` is going to read. */
async function fill() {
  const request = { records: new Array(1000).fill(record), topic };
  const call = stub.ProduceStream();
  let left = records / 1000;
  await new Promise((resolve, reject) => {
    call.on("data", () => {
      if (left-- > 0) call.write(request);
      else call.end();
    });
    call.on("error", reject);
    call.on("end", resolve);
    for (let sent = 0; sent < 8 && left-- > 0; sent++) call.write(request);
  });
  return { perSecond: 0 };
}

/** The records of a serialised ConsumeResponse: whole frames of field 1. */
function countRecords(message) {
  let count = 0;
  for (let at = 0; message[at] === 0x0a; count++) {
    let length = 0;
    at++;
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++];
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    at += length;
  }
  return count;
}

/** Reads so many records. The messages are counted and not decoded: the server is what is measured. */
async function consume() {
  const serialize = LogStub.service.ConsumeStream.requestSerialize;
  const path = LogStub.service.ConsumeStream.path;
  const request = { topic, start: "EARLIEST", maxRecords: 100_000, maxBytes: messageBytes };
  const call = stub.makeServerStreamRequest(path, serialize, (bytes) => bytes, request);
  let count = 0;
  const begin = performance.now();
  await new Promise((resolve, reject) => {
    call.on("data", (message) => {
      count += countRecords(message);
      if (count >= records) {
        resolve();
        call.cancel();
      }
    });
    call.on("error", (error) => (count >= records ? undefined : reject(error)));
  });
  return { perSecond: count / ((performance.now() - begin) / 1000) };
}

const works = { unary1: () => unary(1), unary64: () => unary(64), pipelined, fill, consume };
const result = await works[work]();
stub.close();
process.send(result);

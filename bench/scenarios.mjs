/**
 * What is measured. Every scenario runs the same client code against both servers: raw grpc-js, serialised requests that
 * are made once, answers as bytes. So what a client costs is the same, and as little as can be.
 */
import { Metadata } from "@grpc/grpc-js";
import { asIs, records, requests } from "./messages.mjs";
import { distribution } from "./report.mjs";

const path = (method) => `/log.v1.Log/${method}`;
/** Of the tenant's own, which its root may make and use. Bare servers read the size of their records from it. */
const topicOf = (bytes, kind) => `bench.${bytes}.${kind}`;

/** So many calls at a time, a new one for each that was answered. */
function unary(inFlight, bytes) {
  const request = requests.produce({ topic: topicOf(bytes, "unary"), records: records(1, bytes) });
  const call = (client) =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(path("Produce"), asIs, asIs, request, new Metadata(), {}, (error, answer) =>
        error === null ? resolve(answer) : reject(error),
      );
    });
  return {
    name: `unary calls of ${bytes} B, ${inFlight} in flight`,
    unit: "calls/s",
    run: async (client, seconds) => {
      const times = [];
      const started = performance.now();
      const until = started + seconds * 1000;
      const worker = async () => {
        while (performance.now() < until) {
          const sent = performance.now();
          await call(client);
          times.push(performance.now() - sent);
        }
      };
      await Promise.all(Array.from({ length: inFlight }, worker));
      const elapsed = (performance.now() - started) / 1000;
      return { rate: times.length / elapsed, milliseconds: distribution(times) };
    },
  };
}

/** Batches down one stream, so many unanswered at a time. */
function produceStream(batch, bytes, unanswered) {
  const request = requests.produce({ topic: topicOf(bytes, "stream"), records: records(batch, bytes) });
  return {
    name: `records by stream, ${batch} × ${bytes} B, ${unanswered} open`,
    unit: "records/s",
    run: async (client, seconds) => {
      const call = client.makeBidiStreamRequest(path("ProduceStream"), asIs, asIs, new Metadata(), {});
      const started = performance.now();
      const until = started + seconds * 1000;
      let answered = 0;
      for (let sent = 0; sent < unanswered; sent++) call.write(request);
      await new Promise((resolve, reject) => {
        call.on("data", () => {
          answered++;
          if (performance.now() < until) call.write(request);
          else call.end();
        });
        call.on("end", resolve);
        call.on("error", reject);
      });
      return { rate: (answered * batch) / ((performance.now() - started) / 1000) };
    },
  };
}

/** Over and over from the start of a topic of so many records. */
function consumeStream(batch, bytes, kind, what) {
  const total = batch === 1 ? 50_000 : 500_000;
  const topic = topicOf(bytes, kind);
  const request = requests.consume({ topic, start: "EARLIEST", maxRecords: batch, maxBytes: 4 << 20 });
  const read = (client) =>
    new Promise((resolve, reject) => {
      const call = client.makeServerStreamRequest(path("ConsumeStream"), asIs, asIs, request, new Metadata(), {});
      const got = { records: 0, messages: 0 };
      call.on("data", (message) => {
        got.messages++;
        got.records += countRecords(message);
        if (got.records >= total) call.cancel();
      });
      call.on("error", () => (got.records >= total ? resolve(got) : reject(new Error("the stream broke off"))));
    });
  return {
    name: `records read, ${bytes} B, ${what}`,
    unit: "records/s",
    prepare: async (client, server) => {
      if (server === "aclog") await fill(client, topic, total, bytes);
    },
    run: async (client, seconds) => {
      const sum = { records: 0, messages: 0 };
      const started = performance.now();
      while (performance.now() < started + seconds * 1000) {
        const got = await read(client);
        sum.records += got.records;
        sum.messages += got.messages;
      }
      const rate = sum.records / ((performance.now() - started) / 1000);
      return { rate, perMessage: sum.records / sum.messages };
    },
  };
}

async function fill(client, topic, total, bytes) {
  const batch = 1000;
  const request = requests.produce({ topic, records: records(batch, bytes) });
  const call = client.makeBidiStreamRequest(path("ProduceStream"), asIs, asIs, new Metadata(), {});
  for (let sent = 0; sent < total; sent += batch) call.write(request);
  call.end();
  await new Promise((resolve, reject) =>
    call
      .on("data", () => undefined)
      .on("end", resolve)
      .on("error", reject),
  );
}

/** Field 1, by hopping from length to length: nothing is decoded. */
function countRecords(message) {
  let count = 0;
  for (let at = 0; at < message.length;) {
    const tag = message[at++];
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    if ((tag & 7) === 2) at += value;
    if (tag === 0x0a) count++;
  }
  return count;
}

export const scenarios = [
  unary(1, 100),
  unary(64, 100),
  unary(64, 1024),
  produceStream(100, 100, 64),
  consumeStream(1000, 100, "batches", "batches of 1,000"),
  consumeStream(1000, 100, "encoded", "the same; bare: encoded before"),
  consumeStream(1, 100, "single", "one a message"),
];

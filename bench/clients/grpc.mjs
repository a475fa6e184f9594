/**
 * grpc-js without a typed client: requests that are made once, answers as bytes, so that what a client costs is as little
 * as can be. For the bare server, and for aclog where a row asks what the server can do by itself.
 */
import { Client, Metadata, credentials } from "@grpc/grpc-js";
import { asIs, countRecords, records, requestIdOf, requests, withRequestId } from "../messages.mjs";
import { read } from "./pem.mjs";

const path = (method) => `/log.v1.Log/${method}`;
const batchRecords = 100;
/** Records that may be unanswered when it goes as fast as it can. */
const windowRecords = 12_800;

/** @param connection `repeats`: a read never ends, and each of its messages holds as many records as the first one */
export async function connect({ host, port, tls, repeats = false }) {
  const { ca, cert, key } = read(tls);
  const client = new Client(`${host}:${port}`, credentials.createSsl(ca, key, cert), {
    // A window that does not hold up what is sent in batches.
    "grpc-node.flow_control_window": 4 * 1024 * 1024,
  });
  const open = () => client.makeBidiStreamRequest(path("ProduceStream"), asIs, asIs, new Metadata(), {});
  const consume = (request, from = "EARLIEST") =>
    client.makeServerStreamRequest(
      path("ConsumeStream"),
      asIs,
      asIs,
      requests.consume({ start: from, ...request }),
      new Metadata(),
      {},
    );
  let shared;

  return {
    produce: {
      // One stream for all callers; its answers come in the order of its requests.
      "ProduceStream, raw": (topic, value, batch) => {
        const request = batchRequest(topic, value, batch);
        return () => (shared ??= inOrder(open())).ask(request);
      },
    },
    topics: {
      // With request ids, answers about one topic do not wait for those about another.
      "ProduceStream with request ids, raw": (topic, value, batch) => {
        const request = batchRequest(topic, value, batch);
        return () => (shared ??= byId(open())).ask(request);
      },
    },
    unary: {
      "Produce, raw": (topic, value, batch) => {
        const request = batchRequest(topic, value, batch);
        return () =>
          new Promise((resolve, reject) => {
            client.makeUnaryRequest(path("Produce"), asIs, asIs, request, new Metadata(), {}, (error) =>
              error === null ? resolve() : reject(error),
            );
          });
      },
    },
    flood: {
      "ProduceStream, raw": async (topic, value, until) => {
        const request = batchRequest(topic, value, batchRecords);
        const answers = await pump(open(), () => (performance.now() < until ? request : undefined));
        return answers * batchRecords;
      },
    },
    read: {
      "ConsumeStream, raw": (topic, total, until, bytes) =>
        new Promise((resolve, reject) => {
          // As many as fit the size of message that the typed client asks for.
          const maxRecords = Math.min(1000, Math.floor((256 * 1024) / (bytes + 20)));
          const call = consume({ topic, maxRecords, maxBytes: 256 * 1024 });
          let got = 0;
          let each;
          let done = false;
          const enough = repeats ? Infinity : total;
          call.on("data", (message) => {
            got += repeats ? (each ??= countRecords(message)) : countRecords(message);
            if (done || (got < enough && performance.now() < until)) return;
            done = true;
            call.cancel();
          });
          call.on("error", (error) => (done ? resolve(got) : reject(error)));
        }),
    },
    tail: {
      "ProduceStream → ConsumeStream, raw": {
        sender: (topic) => {
          const stream = inOrder(open());
          return (value) => stream.ask(requests.produce({ topic, records: [{ value }] }));
        },
        follow: async (topic, bytes, onValue) => {
          const call = consume({ topic, maxRecords: 1000, maxBytes: 256 * 1024 });
          call.on("data", (message) => {
            for (const value of valuesOf(message, bytes)) onValue(value);
          });
          const ended = new Promise((resolve) => call.on("error", resolve));
          await new Promise((resolve) => call.once("metadata", resolve));
          return () => {
            call.cancel();
            return ended;
          };
        },
      },
    },
    async fill(topic, value, total) {
      const whole = batchRequest(topic, value, batchRecords);
      let left = total;
      await pump(open(), () => {
        const count = Math.min(batchRecords, left);
        left -= count;
        if (count === batchRecords) return whole;
        return count === 0 ? undefined : batchRequest(topic, value, count);
      });
    },
    createTopic: () => undefined,
    discard: () => undefined,
    close: () => client.close(),
  };
}

function batchRequest(topic, value, batch) {
  return requests.produce({ topic, records: records(batch, value.length) });
}

/** Asks for each answer with its request, on a stream whose answers come in order. */
function inOrder(stream) {
  const waiting = [];
  let failure;
  stream.on("data", () => waiting.shift().resolve());
  stream.on("error", (error) => {
    failure = error;
    for (const { reject } of waiting) reject(error);
  });
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) return reject(failure);
        waiting.push({ resolve, reject });
        stream.write(request);
      }),
  };
}

/** Asks on a stream whose answers say which request they are for. */
function byId(stream) {
  const waiting = new Map();
  let last = 0;
  stream.on("data", (message) => {
    const id = requestIdOf(message);
    waiting.get(id).resolve();
    waiting.delete(id);
  });
  stream.on("error", (error) => {
    for (const { reject } of waiting.values()) reject(error);
  });
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        waiting.set(++last, { resolve, reject });
        stream.write(withRequestId(request, last));
      }),
  };
}

/** Keeps the window full of what `next` gives, until it gives nothing, and resolves with how many answers came. */
function pump(stream, next) {
  return new Promise((resolve, reject) => {
    let answers = 0;
    const send = () => {
      const request = next();
      if (request === undefined) stream.end();
      else stream.write(request);
      return request !== undefined;
    };
    stream.on("data", () => {
      answers++;
      if (!stream.writableEnded) send();
    });
    stream.on("end", () => resolve(answers));
    stream.on("error", reject);
    for (let open = 0; open < windowRecords / batchRecords && send(); open++);
  });
}

/** The values of a message whose records all have values of one size: each is the first field of its record. */
function* valuesOf(message, bytes) {
  const head = bytes < 128 ? 2 : 3;
  for (let at = 0; at < message.length;) {
    if (message[at] !== 0x0a) return;
    let length = message[at + 1];
    let start = at + 2;
    if (length >= 128) length = (length & 127) | (message[start++] << 7);
    yield message.subarray(start + head, start + head + bytes);
    at = start + length;
  }
}

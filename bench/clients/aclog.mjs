/** aclog's own typed client, as its documentation uses it. */
import { Client } from "../../dist/client/index.js";
import { read } from "./pem.mjs";

/** What a batch holds: enough records that what a message costs by itself does not count. */
const batchRecords = (value) => Math.max(1, Math.min(1000, Math.floor((128 * 1024) / value.length)));

export async function connect({ host, port, tls }) {
  const client = Client.connect({ address: `${host}:${port}`, ...read(tls) });

  async function produceMany(topic, batches) {
    let records = 0;
    for await (const { count } of client.produceMany(batches, { topic })) records += count;
    return records;
  }

  const producing = {
    "client.produce": (topic, value, batch) => {
      const records = new Array(batch).fill(value);
      return () => client.produce(records, { topic });
    },
  };

  return {
    produce: producing,
    topics: producing,
    flood: {
      "client.produceMany": (topic, value, until) => produceMany(topic, batchesUntil(value, until)),
      "client.import": async (topic, value, until) =>
        (await client.import(batchesUntil(value, until), { topic })).count,
    },
    read: {
      "client.followBatches": async (topic, total, until) => {
        let records = 0;
        for await (const batch of client.followBatches({ topic })) {
          for (const { value } of batch.records) if (value.length > 0) records++;
          if (records >= total || performance.now() > until) break;
        }
        return records;
      },
      "client.follow": async (topic, total, until) => {
        let records = 0;
        for await (const { value } of client.follow({ topic })) {
          if (value.length > 0) records++;
          if (records === total || (records % 1000 === 0 && performance.now() > until)) break;
        }
        return records;
      },
    },
    tail: {
      "client.produce → client.follow": {
        sender: (topic) => (value) => client.produce(value, { topic }),
        follow: async (topic, _bytes, onValue) => {
          const leaving = new AbortController();
          const following = (async () => {
            for await (const { value } of client.follow({ topic, signal: leaving.signal })) onValue(value);
          })();
          return () => {
            leaving.abort();
            return following;
          };
        },
      },
    },
    fill: (topic, value, records) => produceMany(topic, batchesOf(value, records)),
    createTopic: (topic) => client.topics.create(topic),
    discard: (topic) => client.topics.delete(topic),
    close: () => client.close(),
  };
}

function* batchesUntil(value, until) {
  const batch = new Array(batchRecords(value)).fill(value);
  while (performance.now() < until) yield batch;
}

function* batchesOf(value, records) {
  const most = batchRecords(value);
  const batch = new Array(most).fill(value);
  for (let left = records; left > 0; left -= most) yield left >= most ? batch : batch.slice(0, left);
}

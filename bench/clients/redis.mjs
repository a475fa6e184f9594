/** Redis by its own client, which by itself sends together what is asked for in one turn of the event loop. */
import { peerLibrary } from "./peers.mjs";
import { read } from "./pem.mjs";

const { RESP_TYPES, createClient } = await peerLibrary("redis");

/** Commands in one pipeline, and pipelines that may be unanswered, when it goes as fast as it can. */
const batch = 1000;
const batches = 2;
const page = 1000;
const keyOf = (topic) => `bench:${topic}`;

export async function connect({ host, port, username, password, tls }) {
  const client = createClient({ username, password, RESP: 2, socket: { host, port, tls: true, ...read(tls) } });
  await client.connect();
  // Values are bytes, as with every other system.
  const inBytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  const add = (topic, value) => client.xAdd(keyOf(topic), "*", { v: value });

  async function addAll(topic, value, more) {
    let records = 0;
    const pipeline = async () => {
      while (more(records)) {
        records += batch;
        const commands = client.multi();
        for (let at = 0; at < batch; at++) commands.xAdd(keyOf(topic), "*", { v: value });
        await commands.execAsPipeline();
      }
    };
    await Promise.all(Array.from({ length: batches }, pipeline));
    return records;
  }

  return {
    produce: { XADD: (topic, value) => () => add(topic, value) },
    flood: { "XADD, pipelines": (topic, value, until) => addAll(topic, value, () => performance.now() < until) },
    read: {
      XRANGE: async (topic, total, until) => {
        let records = 0;
        let from = "-";
        while (records < total && performance.now() < until) {
          const entries = await inBytes.xRange(keyOf(topic), from, "+", { COUNT: page });
          records += entries.length;
          if (entries.length < page) break;
          from = `(${entries.at(-1).id}`;
        }
        return records;
      },
    },
    tail: {
      "XADD → XREAD BLOCK": {
        sender: (topic) => (value) => add(topic, value),
        follow: async (topic, _bytes, onValue) => {
          // A command that blocks needs a connection of its own.
          const reader = await inBytes.duplicate().connect();
          let open = true;
          const reading = (async () => {
            for (let id = "0"; open;) {
              const streams = await reader.xRead({ key: keyOf(topic), id }, { BLOCK: 0 });
              for (const { id: at, message } of streams[0].messages) {
                id = at;
                onValue(message.v);
              }
            }
          })().catch((error) => {
            if (open) throw error;
          });
          return async () => {
            open = false;
            reader.destroy();
            await reading;
          };
        },
      },
    },
    fill: (topic, value, total) => addAll(topic, value, (records) => records < total),
    createTopic: () => undefined,
    discard: (topic) => client.unlink(keyOf(topic)),
    close: () => client.close(),
  };
}

/** etcd by the client that its users take in Node, etcd3: a record is a key, whose name has its number. */
import { peerLibrary } from "./peers.mjs";
import { read } from "./pem.mjs";

const { Etcd3 } = await peerLibrary("etcd3");

/** Puts in one transaction (etcd allows 128), and transactions that may be unanswered, when it goes as fast as it can. */
const batch = 100;
const batches = 16;
const page = 1000;
const prefixOf = (topic) => `bench/${topic}/`;
// `0` is the character behind `/`.
const endOf = (topic) => `bench/${topic}0`;

/** @param connection `allow`: a user that is to be let at the bench's keys, and authorization to be switched on */
export async function connect({ host, port, tls, allow }) {
  const { ca, cert, key } = read(tls);
  const client = new Etcd3({
    hosts: `https://${host}:${port}`,
    credentials: { rootCertificate: ca, certChain: cert, privateKey: key },
    grpcOptions: { "grpc.max_receive_message_length": -1 },
  });
  if (allow !== undefined) await authorize(client, allow);
  let last = 0;
  const keyOf = (topic) => Buffer.from(`${prefixOf(topic)}${(++last).toString().padStart(12, "0")}`);
  const put = (topic, value) => client.kv.put({ key: keyOf(topic), value });

  async function putAll(topic, value, more) {
    let records = 0;
    const lane = async () => {
      while (more(records)) {
        records += batch;
        const puts = Array.from({ length: batch }, () => ({ request_put: { key: keyOf(topic), value } }));
        await client.kv.txn({ success: puts });
      }
    };
    await Promise.all(Array.from({ length: batches }, lane));
    return records;
  }

  const putting = { put: (topic, value) => () => put(topic, value) };
  return {
    produce: putting,
    unary: putting,
    flood: {
      "transactions of 100 puts": (topic, value, until) => putAll(topic, value, () => performance.now() < until),
    },
    read: {
      "range of 1,000": async (topic, total, until) => {
        let records = 0;
        let from = Buffer.from(prefixOf(topic));
        while (records < total && performance.now() < until) {
          const { kvs } = await client.kv.range({ key: from, range_end: Buffer.from(endOf(topic)), limit: page });
          records += kvs.length;
          if (kvs.length < page) break;
          from = Buffer.concat([kvs.at(-1).key, Buffer.of(0)]);
        }
        return records;
      },
    },
    tail: {
      "put → watch": {
        sender: (topic) => (value) => put(topic, value),
        follow: async (topic, _bytes, onValue) => {
          const watcher = await client.watch().prefix(prefixOf(topic)).create();
          watcher.on("put", ({ value }) => onValue(value));
          return () => watcher.cancel();
        },
      },
    },
    fill: (topic, value, total) => putAll(topic, value, (records) => records < total),
    createTopic: () => undefined,
    // Deleting would write as much again; its records stay.
    discard: () => undefined,
    close: () => client.close(),
  };
}

async function authorize(client, name) {
  // It goes by the certificate's name; a password is asked for all the same.
  const password = crypto.randomUUID();
  await client.auth.userAdd({ name: "root", password });
  await client.auth.roleAdd({ name: "root" });
  await client.auth.userGrantRole({ user: "root", role: "root" });
  await client.auth.userAdd({ name, password });
  await client.auth.roleAdd({ name: "bench" });
  const perm = { permType: "Readwrite", key: Buffer.from("bench/"), range_end: Buffer.from("bench0") };
  await client.auth.roleGrantPermission({ name: "bench", perm });
  await client.auth.userGrantRole({ user: name, role: "bench" });
  await client.auth.authEnable();
}

/** NATS by its own clients, @nats-io/transport-node and @nats-io/jetstream. */
import { peerLibrary } from "./peers.mjs";

const { connect: dial } = await peerLibrary("@nats-io/transport-node");
const { jetstream, jetstreamManager } = await peerLibrary("@nats-io/jetstream");

/** Messages that may be unanswered when it goes as fast as it can. */
const window = 4096;
/** What a consumer asks for ahead. */
const ahead = { max_messages: 10_000 };
const subjectOf = (topic) => `bench.${topic}`;
const streamOf = (topic) => topic.replaceAll(".", "-");

export async function connect({ host, port, tls, admin }) {
  const as = ({ ca, cert, key }) =>
    dial({ servers: `${host}:${port}`, tls: { caFile: ca, certFile: cert, keyFile: key } });
  const [connection, manager] = await Promise.all([as(tls), as(admin)]);
  const js = jetstream(connection);
  const streams = (await jetstreamManager(manager)).streams;

  /** JetStream's own protocol without a promise for each message: one inbox for all the acks, which are counted. */
  function publishAll(topic, value, more) {
    const subject = subjectOf(topic);
    const reply = `_INBOX.${streamOf(topic)}.${Math.random().toString(36).slice(2)}`;
    return new Promise((resolve, reject) => {
      let [sent, acked, done] = [0, 0, false];
      const fill = () => {
        while (!done && sent - acked < window) {
          if (more(sent)) {
            connection.publish(subject, value, { reply });
            sent++;
          } else done = true;
        }
      };
      const acks = connection.subscribe(reply, {
        callback: (error, message) => {
          if (error ?? message.string().includes('"error"')) return reject(error ?? new Error(message.string()));
          acked++;
          if (done && acked === sent) {
            acks.unsubscribe();
            resolve(sent);
          } else if (sent - acked <= window / 2) fill();
        },
      });
      fill();
    });
  }

  async function consume(topic, onValue) {
    const consumer = await js.consumers.get(streamOf(topic));
    return consumer.consume({ ...ahead, callback: ({ data }) => onValue(data) });
  }

  return {
    produce: {
      "js.publish": (topic, value) => {
        const subject = subjectOf(topic);
        return () => js.publish(subject, value);
      },
    },
    flood: {
      // The clock is asked once for many messages: asking costs as much as sending.
      "publish, acks counted": (topic, value, until) =>
        publishAll(topic, value, (sent) => sent % 64 !== 0 || performance.now() < until),
    },
    read: {
      "ordered consumer": (topic, total, until) =>
        new Promise((resolve, reject) => {
          let records = 0;
          let messages;
          let done = false;
          const onValue = () => {
            if (done) return;
            records++;
            done = records === total || (records % 1000 === 0 && performance.now() > until);
            if (done)
              void Promise.resolve(messages)
                .then((open) => open.close())
                .then(() => resolve(records));
          };
          messages = consume(topic, onValue);
          messages.catch(reject);
        }),
    },
    tail: {
      "js.publish → ordered consumer": {
        sender: (topic) => (value) => js.publish(subjectOf(topic), value),
        follow: async (topic, _bytes, onValue) => {
          const messages = await consume(topic, (data) =>
            onValue(Buffer.from(data.buffer, data.byteOffset, data.length)),
          );
          return () => messages.close();
        },
      },
    },
    fill: (topic, value, records) => publishAll(topic, value, (sent) => sent < records),
    createTopic: (topic) =>
      streams.add({ name: streamOf(topic), subjects: [subjectOf(topic)], storage: "file", num_replicas: 1 }),
    discard: (topic) => streams.delete(streamOf(topic)),
    close: () => Promise.all([connection.close(), manager.close()]),
  };
}

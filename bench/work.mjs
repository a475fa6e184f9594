/** The kinds of work. Each runs in a client's process, does what one row says for so many seconds, and gives figures. */
import { distribution } from "./statistics.mjs";

export const valueOf = (bytes) => Buffer.alloc(bytes, 120);

export const work = {
  /** So many callers, each with one record under way; with `topics`, each caller has a topic of its own. */
  async produce(client, way, { topic, topics, bytes, batch = 1, callers, seconds }) {
    const value = valueOf(bytes);
    const sends = Array.from({ length: callers }, (_, at) => {
      const name = topics === undefined ? topic : `${topic}.${at % topics}`;
      return way(name, value, batch);
    });
    const times = [];
    const started = performance.now();
    const until = started + seconds * 1000;
    await Promise.all(
      sends.map(async (send) => {
        for (let sent = performance.now(); sent < until;) {
          await send();
          const now = performance.now();
          times.push(now - sent);
          sent = now;
        }
      }),
    );
    return { records: times.length * batch, seconds: since(started), ...distribution(times) };
  },

  /** As fast as it goes, with as much under way as is best for the system. */
  async flood(client, way, { topic, bytes, seconds }) {
    const started = performance.now();
    const records = await way(topic, valueOf(bytes), started + seconds * 1000);
    return { records, seconds: since(started) };
  },

  /** From the start of a topic that holds so many records, over and over. */
  async read(client, way, { topic, bytes, total, seconds }) {
    const started = performance.now();
    const until = started + seconds * 1000;
    let records = 0;
    while (performance.now() < until) records += await way(topic, total, until, bytes);
    return { records, seconds: since(started) };
  },

  /** Records at a steady rate, and how long each takes from the call that sends it to the reader that waits for it. */
  async tail(client, way, { topic, bytes, perSecond, seconds }) {
    const sent = [];
    const times = [];
    const total = Math.round(perSecond * seconds);
    const arrived = withResolvers();
    const stop = await way.follow(topic, bytes, (value) => {
      times.push(performance.now() - sent[value.readUInt32LE()]);
      if (times.length === total) arrived.resolve();
    });
    const send = way.sender(topic);
    const started = performance.now();
    const answers = [];
    while (sent.length < total) {
      for (const due = (performance.now() - started) * (perSecond / 1000); sent.length < Math.min(total, due);) {
        const value = valueOf(bytes);
        value.writeUInt32LE(sent.length);
        sent.push(performance.now());
        answers.push(send(value));
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await Promise.all(answers);
    const late = setTimeout(() => arrived.reject(new Error("not every record arrived within 10 s")), 10_000);
    await arrived.promise;
    clearTimeout(late);
    const result = { records: total, seconds: since(started), ...distribution(times) };
    await stop();
    return result;
  },
};
// Calls without a stream, and those about many topics, are the same work by other ways.
work.unary = work.produce;
work.topics = work.produce;

function since(started) {
  return (performance.now() - started) / 1000;
}

/** Node 20 has no Promise.withResolvers. */
function withResolvers() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}

/** A client's process: it is told over IPC which client to connect, and which work to do with it. */
import { work } from "./work.mjs";

let client;

const methods = {
  async open({ module, connection }) {
    const { connect } = await import(new URL(`clients/${module}.mjs`, import.meta.url));
    client = await connect(connection);
  },
  run: ({ kind, way, params }) => work[kind](client, client[kind][way], params),
  prepare: ({ topic, value, records }) => client.fill(topic, value, records),
  createTopic: ({ topic }) => client.createTopic(topic),
  discard: ({ topic }) => client.discard(topic),
  close: () => client?.close(),
};

process.on("message", async ({ id, method, args }) => {
  try {
    process.send({ id, result: await methods[method](args) });
  } catch (error) {
    process.send({ id, error: error?.stack ?? `${error}` });
  }
});
process.on("disconnect", () => process.exit());

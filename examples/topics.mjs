// Makes a topic, changes how long its records are kept, and removes it again.
//
//   node examples/topics.mjs [TOPIC]
import { connect } from "./connect.mjs";

const [name = "example.metrics"] = process.argv.slice(2);
const dayMs = 24 * 60 * 60 * 1000;

const client = connect("acme/root");
try {
  const made = await client.topics.create(name, { settings: { retentionMs: 7 * dayMs } });
  console.log(`made ${made.tenant}/${made.topic} with id ${made.topicId.toString("hex")}`);
  const { topicId } = made;

  // Null takes a limit off; what is not named stays as it is.
  const { settings } = await client.topics.update(name, {
    topicId,
    settings: { retentionMs: null, retentionRecords: 1_000_000 },
  });
  console.log(`keeps ${settings.retentionRecords} records for ${settings.retentionMs ?? "any number of"} milliseconds`);

  await client.produce(["a", "b", "c"], { topic: name, topicId });
  const { startOffset, highWaterMark } = await client.topics.truncate(name, { topicId, before: 2n });
  console.log(`holds offsets ${startOffset} to ${highWaterMark - 1n}`);

  for await (const { topic, storedBytes } of client.topics.list({ prefix: "example." })) {
    console.log(`${topic} takes ${storedBytes} bytes`);
  }

  // By its id: whoever makes a topic of the same name meanwhile does not lose it.
  await client.topics.delete(name, { topicId });
  console.log(`removed ${name}`);
} finally {
  await client.close();
}

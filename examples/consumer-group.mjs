// Follows a topic on behalf of a consumer group, and goes on where it left off when it is started again.
//
//   node examples/consumer-group.mjs [TOPIC] [GROUP]       Ctrl-C stops it
//   ./aclog produce --as acme/root --topic example.grouped --value 'hello'       gives it something to do
//
// A record is handled at least once: the position is committed after the work, so that a crash in between brings the
// record again.
import { connect } from "./connect.mjs";

const [topic = "example.grouped", group = "example"] = process.argv.slice(2);
const stopping = new AbortController();
process.once("SIGINT", () => stopping.abort());

const client = connect("acme/root");
try {
  // What does not exist cannot be followed.
  await client.topics.create(topic).catch((error) => {
    if (error.reason !== "TOPIC_EXISTS") throw error;
  });
  const committed = await client.offsets.fetch({ topic, group });
  // The id keeps the position from being taken for one in a topic that was deleted and made anew under the same name.
  const { topicId } = committed;
  const from = committed.offset ?? "earliest";
  console.log(`following ${topic} from ${from}`);

  let next = committed.offset;
  const commit = async () => {
    if (next !== undefined) await client.offsets.commit({ topic, group, topicId, offset: next });
  };
  let uncommitted = 0;
  for await (const { offset, value } of client.follow({ topic, topicId, from, signal: stopping.signal })) {
    console.log(`${offset} ${value}`);
    next = offset + 1n;
    // Each commit is one write on the server: one for a hundred records costs little and repeats little.
    if (++uncommitted === 100) {
      await commit();
      uncommitted = 0;
    }
  }
  await commit();
  console.log(`stopped before ${next ?? "the first record"}`);

  for await (const position of client.offsets.list({ topic })) {
    console.log(`consumer group ${position.group} is at ${position.offset} in ${topic}, ${position.lag} behind`);
  }
} finally {
  await client.close();
}

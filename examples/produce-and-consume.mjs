// Stores a batch and reads it back.
//
//   make run                                    in one terminal
//   node examples/produce-and-consume.mjs       in another one
import { connect } from "./connect.mjs";

const client = connect("acme/root");
try {
  // An atomic batch: all of it is on the server's disk when this resolves, or none of it is stored.
  const { offset, count } = await client.produce(
    ["just text", { key: "order-17", value: "with a key", headers: [{ name: "source", value: "shop" }] }],
    { topic: "orders" },
  );
  console.log(`stored ${count} records from offset ${offset}`);

  const { records, highWaterMark } = await client.consume({ topic: "orders", from: offset });
  for (const { offset, timestampMs, key, value } of records) {
    console.log(`${offset} ${new Date(timestampMs).toISOString()} [${key}] ${value}`);
  }
  console.log(`the next record gets offset ${highWaterMark}`);

  // Many batches over one stream: none waits for the answer to the one before. Answers come in order.
  const batches = [["one", "two"], ["three"]];
  for await (const { offset, count } of client.produceMany(batches, { topic: "orders" })) {
    console.log(`stored ${count} more from offset ${offset}`);
  }
} finally {
  await client.close();
}

// Stores every line of a file as a record, in batches, with one answer at the end.
//
//   node examples/import-file.mjs FILE [TOPIC]
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createInterface } from "node:readline";
import { connect } from "./connect.mjs";

const [file, topic = "orders"] = process.argv.slice(2);
if (file === undefined) {
  console.error("usage: node examples/import-file.mjs FILE [TOPIC]");
  process.exit(2);
}

/** Lines in batches of a thousand, or of 256 KiB if that comes first. */
async function* batches(input) {
  let batch = [];
  let bytes = 0;
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    batch.push(line);
    bytes += line.length;
    if (batch.length === 1000 || bytes >= 256 * 1024) {
      yield batch;
      batch = [];
      bytes = 0;
    }
  }
  if (batch.length > 0) yield batch;
}

const client = connect("acme/root");
try {
  const { size } = await stat(file);
  const input = createReadStream(file);
  const { count, firstOffset, lastOffset, seconds } = await client.import(batches(input), {
    topic,
    // The server slows the file down when it cannot keep up, so this is close to what it has.
    onProgress: ({ records }) => console.error(`${records} records, ${input.bytesRead} of ${size} bytes read`),
  });
  const offsets = count === 0 ? "" : `, offsets ${firstOffset} to ${lastOffset}`;
  console.log(`stored ${count} records${offsets}, in ${seconds.toFixed(2)} s`);
} finally {
  await client.close();
}

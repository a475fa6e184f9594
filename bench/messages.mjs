/** The contract's messages, as bytes that are made once. */
import { loadSync } from "@grpc/proto-loader";

const proto = new URL("../proto/", import.meta.url).pathname;
const definition = loadSync("log/v1/log.proto", { includeDirs: [proto], longs: Number });
const { Produce, ConsumeStream } = definition["log.v1.Log"];

export const requests = { produce: Produce.requestSerialize, consume: ConsumeStream.requestSerialize };
export const asIs = (bytes) => bytes;
export const records = (count, bytes) => Array.from({ length: count }, () => ({ value: Buffer.alloc(bytes, 120) }));

/** As gRPC sends it: a flag, the length, the bytes. */
export function framed(message) {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** How many records a response holds: field 1, by hopping from length to length; nothing is decoded. */
export function countRecords(message) {
  let count = 0;
  for (let at = 0; at < message.length;) {
    const tag = message[at++];
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    if ((tag & 7) === 2) at += value;
    if (tag === 0x0a) count++;
  }
  return count;
}

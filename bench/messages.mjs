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

/** The same request with an id, field 6: added at its end, so that nothing else of it is made again. */
export function withRequestId(request, id) {
  const field = [0x30];
  for (; id >= 0x80; id = Math.floor(id / 128)) field.push((id & 0x7f) | 0x80);
  return Buffer.concat([request, Buffer.from([...field, id])]);
}

/** The id of the request that an answer is for, field 3. @throws Error for an answer that is an error, or has none */
export function requestIdOf(message) {
  let id;
  hop(message, (tag, value) => {
    if (tag === 0x18) id = value;
    if (tag === 0x22) throw new Error("a request was refused");
  });
  if (id === undefined) throw new Error("an answer says not which request it is for");
  return id;
}

/** How many records a response holds: field 1, by hopping from length to length; nothing is decoded. */
export function countRecords(message) {
  let count = 0;
  hop(message, (tag) => {
    if (tag === 0x0a) count++;
  });
  return count;
}

/** Each field's tag, with its value if that is a number, or its length. */
function hop(message, onField) {
  for (let at = 0; at < message.length;) {
    const tag = message[at++];
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    if ((tag & 7) === 2) at += value;
    onField(tag, value);
  }
}

// Records that say where they belong and who sent them, so that whatever is read can be judged by itself. Used by the child
// and by whoever looks on.

/** Few keys that come again and again, one that comes rarely, and sometimes none. */
export function keyAt(offset) {
  if (offset % 11 === 0) return "";
  return offset % 50 === 7 ? `rare ${offset}` : `key ${offset % 6}`;
}

const lengths = [60, 180, 75, 420, 60, 1300, 90];

/** What the attempt of that number stores at the offset. */
export function valueOf(topicId, offset, attempt) {
  const length = offset % 97 === 96 ? 9000 : lengths[(offset + attempt) % lengths.length];
  return `${topicId} ${offset} ${attempt} `.padEnd(length, String.fromCharCode(97 + ((offset + attempt) % 26)));
}

/** Of a serialised ConsumeResponse: offset, value and key of each record. */
export function consumeResponseRecords(bytes) {
  const records = [];
  for (let at = 0; at < bytes.length;) {
    const [tag, length, from] = fieldAt(bytes, at);
    if (tag === 1) records.push(recordOf(bytes.subarray(from, from + length)));
    at = from + length;
  }
  return records;
}

function recordOf(bytes) {
  const record = { offset: 0, value: Buffer.alloc(0), key: "" };
  for (let at = 0; at < bytes.length;) {
    const [head, afterHead] = varintAt(bytes, at);
    const [number, afterNumber] = varintAt(bytes, afterHead);
    at = afterNumber;
    if ((head & 7) === 2) at += number;
    const content = bytes.subarray(afterNumber, at);
    if (head >> 3 === 1) record.value = content;
    if (head >> 3 === 2) record.offset = number;
    if (head >> 3 === 5) record.key = content.toString();
  }
  return record;
}

function fieldAt(bytes, at) {
  const [head, afterHead] = varintAt(bytes, at);
  const [length, from] = varintAt(bytes, afterHead);
  return [head >> 3, length, from];
}

/** Times are beyond what a bitwise operator takes. */
function varintAt(bytes, at) {
  let value = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[at++];
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return [value, at];
  }
}

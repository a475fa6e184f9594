/** Protobuf bytes put together by hand, also those that no encoder would write. */

export function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

export function tag(field: number, type: number): Buffer {
  return varint((BigInt(field) << 3n) | BigInt(type));
}

export function varintField(field: number, value: bigint): Buffer {
  return concat(tag(field, 0), varint(value));
}

export function bytesField(field: number, content: Buffer): Buffer {
  return concat(tag(field, 2), varint(BigInt(content.length)), content);
}

export function concat(...parts: readonly Buffer[]): Buffer {
  return Buffer.concat(parts);
}

/** Writes an unsigned integer up to 2^53, little-endian, in 8 bytes: an offset or a time, without a bigint in between. */
export function writeUint64(target: Buffer, value: number, position: number): void {
  target.writeUInt32LE(value % 0x1_0000_0000, position);
  target.writeUInt32LE(Math.floor(value / 0x1_0000_0000), position + 4);
}

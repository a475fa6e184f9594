import { fileDescriptorSet } from "./generated/descriptors.js";
import { WireReader } from "./reader.js";

/** Every file of the contract and of health as a serialised google.protobuf.FileDescriptorProto: what reflection shows. */
export function fileDescriptors(): Buffer[] {
  const set = Buffer.from(fileDescriptorSet, "base64");
  const reader = new WireReader(set, 0, set.length, "descriptors");
  const files: Buffer[] = [];
  // A FileDescriptorSet has one field, and it is repeated.
  while (!reader.done) {
    reader.tag();
    const length = reader.length();
    files.push(set.subarray(reader.position, reader.position + length));
    reader.position += length;
  }
  return files;
}

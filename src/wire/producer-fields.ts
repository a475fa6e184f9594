import { InvalidField } from "../errors.js";
import type { WireReader } from "./reader.js";
import { wireType } from "./reader.js";
import { expectType } from "./records.js";
import { readNested, readNumber, uint32 } from "./request-fields.js";

/** What a request says of the producer that it comes from. */
export interface ProducerFields {
  /** 1 to 64 bytes, as a string of as many characters. */
  readonly id: string;
  /** An unsigned number of 32 bits. */
  readonly epoch: number;
  /** The number of the batch's first record among all records of this producer; an unsigned number of 64 bits. */
  readonly sequence: bigint;
}

const maxIdBytes = 64;
const maxSequence = 2n ** 64n - 1n;

/** Reads a message `Producer`. @throws MalformedMessage, InvalidField naming the field that is at fault */
export function readProducer(outer: WireReader, type: number): ProducerFields {
  let id = "";
  let epoch = 0n;
  let sequence = 0n;
  readNested(outer, type, "producer", [1, 3], (reader, field, fieldType) => {
    switch (field) {
      case 1: {
        expectType(reader, field, fieldType, wireType.bytes);
        const length = reader.length();
        id = reader.buffer.toString("latin1", reader.position, reader.position + length);
        reader.position += length;
        break;
      }
      case 2:
        epoch = readNumber(reader, field, fieldType);
        break;
      case 3:
        sequence = readNumber(reader, field, fieldType);
        break;
      default:
        reader.skip(fieldType);
    }
  });
  if (id.length < 1 || id.length > maxIdBytes) {
    throw new InvalidField("producer.id", `${id.length} bytes, and an id has 1 to ${maxIdBytes}`);
  }
  return Object.freeze({ id, epoch: uint32("producer.epoch", epoch), sequence });
}

/** The next batch has a number as well. @throws InvalidField where that would need more than 64 bits */
export function checkSequence({ sequence }: ProducerFields, count: number): void {
  if (sequence + BigInt(count) > maxSequence) {
    throw new InvalidField("producer.sequence", `${sequence} and ${count} records are more than ${maxSequence}`);
  }
}

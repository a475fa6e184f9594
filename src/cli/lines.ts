/** Lines as records: bytes, not text, so that what is not UTF-8 arrives as it was. */

const maxBatchRecords = 500;

const newline = 0x0a;

/** A line that no record can hold. */
export class LineTooLong extends Error {
  /** Counts from 1. */
  readonly line: number;

  constructor(line: number) {
    super(`line ${line} is too long`);
    this.line = line;
  }
}

/** What lines may take, in bytes. */
export interface LineLimits {
  readonly maxLineBytes: number;
  /** A batch holds no more, but for one longer line. */
  readonly maxBatchBytes: number;
  /** What each line counts in a batch beside its own bytes. */
  readonly besideLine: number;
}

/**
 * The lines of `input` without their newlines, in batches of at most 500 lines and `maxBatchBytes`. A line that is there
 * is never held back for more to come. A last line without a newline counts; an empty line is a line.
 * @throws LineTooLong for a line of more than `maxLineBytes`, once every line before it is given
 */
export async function* batchesOfLines(
  input: AsyncIterable<Buffer>,
  limits: LineLimits,
): AsyncGenerator<Buffer[], void, undefined> {
  const { maxLineBytes } = limits;
  let count = 0;
  let begun: Buffer[] = [];
  let begunBytes = 0;
  for await (const chunk of input) {
    const lines: Buffer[] = [];
    let start = 0;
    let isTooLong = false;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      isTooLong = begunBytes + end - start > maxLineBytes;
      if (isTooLong) break;
      const rest = chunk.subarray(start, end);
      lines.push(begun.length === 0 ? rest : Buffer.concat([...begun, rest]));
      [begun, begunBytes] = [[], 0];
      start = end + 1;
    }
    if (start < chunk.length) begun.push(chunk.subarray(start));
    begunBytes += chunk.length - start;
    count += lines.length;
    yield* inBatches(lines, limits);
    // Before its end has come: a line without one must not fill the memory.
    if (isTooLong || begunBytes > maxLineBytes) throw new LineTooLong(count + 1);
  }
  if (begunBytes > 0) yield [Buffer.concat(begun)];
}

function* inBatches(
  lines: readonly Buffer[],
  { maxBatchBytes, besideLine }: LineLimits,
): Generator<Buffer[], void, undefined> {
  let batch: Buffer[] = [];
  let bytes = 0;
  for (const line of lines) {
    const more = line.length + besideLine;
    if (batch.length === maxBatchRecords || (batch.length > 0 && bytes + more > maxBatchBytes)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(line);
    bytes += more;
  }
  if (batch.length > 0) yield batch;
}

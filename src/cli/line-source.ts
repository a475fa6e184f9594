/** Lines of a file or of stdin that become records. */
import { createReadStream, fstatSync, statSync, type Stats } from "node:fs";
import type { Readable } from "node:stream";
import { Option } from "commander";
import type { CallError, RecordInput } from "../client/index.js";
import { whyUnreadable } from "../read-file.js";
import { batchesOfLines, LineTooLong, type LineLimits } from "./lines.js";
import { NotARecord, recordFromJson } from "./record-json.js";
import { exactSize, grouped, parseSize } from "./units.js";

/** The lines end here, and why; what came before is given already. */
export class UnusableInput extends Error {}

/** What a line is. */
export interface LineForm extends LineLimits {
  /** What to say of a longer one. */
  readonly rule: string;
  /** @throws NotARecord */
  readonly toRecord: (line: Buffer) => RecordInput;
}

/** Key and value of one record (docs/errors.md, limits). */
const maxRecordBytes = 1024 * 1024;

/** What the flags say of lines and of the requests that take them. */
export interface LineFlags {
  readonly recordKey?: string;
  /** Most bytes of the records of one request. */
  readonly batchBytes: number;
}

/** Each line is the value of a record, its bytes as they are. */
export function plainLines({ recordKey, batchBytes }: LineFlags): LineForm {
  const keyBytes = Buffer.byteLength(recordKey ?? "");
  const key = keyBytes === 0 ? "" : ", its key among them";
  return {
    // Checked here, because the server could only name the record by its place in the request.
    maxLineBytes: maxRecordBytes - keyBytes,
    maxBatchBytes: batchBytes,
    besideLine: keyBytes,
    rule: `a record holds at most ${grouped(maxRecordBytes)} bytes${key}`,
    toRecord: (value) => ({ value, key: recordKey }),
  };
}

/** Each line is a record as `aclog consume --json` prints it. A byte takes at most six in JSON, as `\u0001` does. */
export function jsonLines({ batchBytes }: LineFlags): LineForm {
  return {
    maxLineBytes: 8 * maxRecordBytes,
    maxBatchBytes: batchBytes,
    // A record never takes more than the JSON that tells of it.
    besideLine: 0,
    rule: `a record takes at most ${grouped(8 * maxRecordBytes)} bytes of JSON`,
    toRecord: recordFromJson,
  };
}

const defaultBatchBytes = 256 * 1024;

/** Gives `batchBytes`. */
export function batchBytesOption(): Option {
  const help = "send no more at a time, for a tenant whose limit batch_bytes is less";
  return new Option("--batch-bytes <SIZE>", help)
    .default(defaultBatchBytes, exactSize(defaultBatchBytes))
    .argParser(parseSize);
}

/** What to add to the refusal of a request that was more than the tenant may send at a time. */
export function smallerBatches(
  { facts: { limit, maximum } }: CallError,
  { batchBytes }: LineFlags,
): string | undefined {
  if (limit !== "batch_bytes" || maximum === undefined || Number(maximum) >= batchBytes) return undefined;
  return `--batch-bytes ${maximum} sends no more at a time.`;
}

/** How to store the rest when `stored` lines are, and the next record gets the offset `next`. */
export function goOn(stored: number, next: bigint): string {
  return `${linesAre(stored)} stored: go on with line ${stored + 1} and --expected-offset ${next}`;
}

/** `1 line is`, `2,000 lines are`. */
export function linesAre(count: number): string {
  return `${grouped(count)} ${count === 1 ? "line is" : "lines are"}`;
}

export class LineSource implements Disposable {
  /** As messages call it. */
  readonly name: string;
  /** In bytes; undefined where nobody knows, as in a pipe. */
  readonly size: number | undefined;
  readonly #open: () => Readable;
  #input: Readable | undefined;
  #bytesRead = 0;

  /** A file that is not there shows when its lines are asked for. No file: stdin. */
  constructor(file: string | undefined) {
    this.name = file ?? "stdin";
    this.size = sizeOf(() => (file === undefined ? fstatSync(process.stdin.fd) : statSync(file)));
    // Not yet: nobody would hear that it is not there.
    this.#open = () => (file === undefined ? process.stdin : createReadStream(file));
    if (file === undefined && process.stdin.isTTY) process.stderr.write("Each line is a record; Ctrl-D ends.\n");
  }

  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** In batches; a line that is there is never held back for more. @throws UnusableInput */
  async *records(form: LineForm): AsyncGenerator<RecordInput[], void, undefined> {
    let count = 0;
    try {
      for await (const lines of batchesOfLines(this.#chunks(), form)) {
        const { records, fault } = recordsOf(lines, form);
        count += records.length;
        if (records.length > 0) yield records;
        if (fault !== undefined) throw fault;
      }
    } catch (error) {
      throw new UnusableInput(this.#problem(error, count + 1, form), { cause: error });
    }
  }

  /** Nobody reads on: an open stdin would keep the process waiting for a line. */
  [Symbol.dispose](): void {
    this.#input?.destroy();
  }

  async *#chunks(): AsyncGenerator<Buffer, void, undefined> {
    this.#input = this.#open();
    for await (const chunk of this.#input) {
      this.#bytesRead += (chunk as Buffer).length;
      yield chunk as Buffer;
    }
  }

  #problem(error: unknown, line: number, { rule }: LineForm): string {
    if (error instanceof NotARecord) return `line ${line} of ${this.name} is no record: ${error.message}`;
    if (error instanceof LineTooLong) return `line ${error.line} of ${this.name} is too long: ${rule}`;
    return `cannot read ${this.name}: ${whyUnreadable(error)}`;
  }
}

/** Up to the first line that is none. */
function recordsOf(
  lines: readonly Buffer[],
  { toRecord }: LineForm,
): { readonly records: RecordInput[]; readonly fault?: NotARecord } {
  const records: RecordInput[] = [];
  for (const line of lines) {
    try {
      records.push(toRecord(line));
    } catch (error) {
      if (!(error instanceof NotARecord)) throw error;
      return { records, fault: error };
    }
  }
  return { records };
}

function sizeOf(look: () => Stats): number | undefined {
  try {
    const found = look();
    return found.isFile() ? found.size : undefined;
  } catch {
    // That it cannot be read is told when it is read.
    return undefined;
  }
}

/** Records as callers write and read them, and as the wire has them. */

/** A name and a value beside a record's own. Text is sent as UTF-8. */
export interface HeaderInput {
  readonly name: string;
  readonly value: Uint8Array | string;
}

/** What to store: a value alone, or with a key and headers. Text is sent as UTF-8. */
export type RecordInput =
  | Uint8Array
  | string
  | {
      readonly value?: Uint8Array | string | undefined;
      readonly key?: Uint8Array | string | undefined;
      readonly headers?: readonly HeaderInput[] | undefined;
    };

/** A stored record. Its buffers share memory with the message that brought it: copy what is kept for long. */
export interface ConsumedRecord {
  readonly offset: bigint;
  /** When the server committed it, in milliseconds since 1970. */
  readonly timestampMs: number;
  readonly value: Buffer;
  /** Empty if it has none. */
  readonly key: Buffer;
  readonly headers: readonly { readonly name: string; readonly value: Buffer }[];
}

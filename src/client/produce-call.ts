/** One call of `produce`, from when it is made until its promise is settled. Light: there may be very many at a time. */
import type { ProduceResult } from "./client.js";
import type { EncodedRecords } from "./encoding.js";
import type { NamedTopic } from "./requests.js";

/** Where a call is that nobody has answered. */
export interface Holder {
  /** What to say of a call whose deadline passes here. */
  readonly lateness: string;
  /** What the last attempt got, if there was one since the last answer. */
  readonly failure: Error | undefined;
  /** The call has been settled otherwise: nobody waits for it any more. */
  drop(call: ProduceCall): void;
}

/** What is told when a call has been settled. */
export interface SettledListener {
  settled(call: ProduceCall): void;
}

export class ProduceCall {
  readonly target: NamedTopic;
  /** Its records, as the first fields of a request. */
  readonly records: Buffer;
  readonly count: number;
  /** What it says beside its records and its topic, as another field. */
  readonly condition: Buffer | undefined;
  /** In milliseconds since 1970, or Infinity. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
  /** It is not sent together with others: they would fail with it. */
  isAlone: boolean;
  /** It may be the one for which others were refused. */
  isSuspect: boolean;
  holder: Holder | undefined;
  isSettled = false;
  readonly #resolve: (result: ProduceResult) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #listener: SettledListener;

  constructor(
    target: NamedTopic,
    { bytes, count, isBeyondLimits }: EncodedRecords,
    condition: Buffer | undefined,
    { deadline, signal }: { readonly deadline: number; readonly signal: AbortSignal | undefined },
    resolve: (result: ProduceResult) => void,
    reject: (reason: unknown) => void,
    listener: SettledListener,
  ) {
    this.target = target;
    this.records = bytes;
    this.count = count;
    this.condition = condition;
    this.isSuspect = isBeyondLimits;
    this.isAlone = condition !== undefined || isBeyondLimits;
    this.deadline = deadline;
    this.signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#listener = listener;
  }

  resolve(result: ProduceResult): void {
    if (this.isSettled) return;
    this.#settle();
    this.#resolve(result);
  }

  /** Its answer, or what there is in its place, has come. */
  reject(reason: unknown): void {
    if (this.isSettled) return;
    this.#settle();
    this.#reject(reason);
  }

  /** Ends before its answer has come. */
  endEarly(reason: unknown): void {
    if (this.isSettled) return;
    this.reject(reason);
    this.holder?.drop(this);
    this.holder = undefined;
  }

  #settle(): void {
    this.isSettled = true;
    this.#listener.settled(this);
  }
}

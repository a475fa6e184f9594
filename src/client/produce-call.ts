/** One call of `produce`, from when it is made until its promise is settled. Light: there may be very many at a time. */
import type { ProduceResult } from "./client.js";
import type { EncodedRecords } from "./encoding.js";

/** Where a call is that nobody has answered. */
export interface Holder {
  /** What to say of a call whose deadline passes here. */
  readonly lateness: string;
  /** The call has been settled otherwise: nobody waits for it any more. */
  drop(call: ProduceCall): void;
}

/** Which topic, as the caller said it. */
export interface TargetNames {
  readonly topic: string;
  readonly tenant: string;
  readonly topicId: Buffer | undefined;
}

interface Settling {
  readonly resolve: (result: ProduceResult) => void;
  readonly reject: (reason: unknown) => void;
  readonly onSettled: (call: ProduceCall) => void;
}

export class ProduceCall {
  readonly names: TargetNames;
  /** Its records, as the first fields of a request. */
  readonly records: Buffer;
  readonly count: number;
  /** What it says beside its records and its topic, as another field. */
  readonly condition: Buffer | undefined;
  /** In milliseconds since 1970, or Infinity. */
  readonly deadline: number;
  /** It is not sent together with others: they would fail with it. */
  isAlone: boolean;
  holder: Holder | undefined;
  isSettled = false;
  readonly #settling: Settling;
  #stopListening: (() => void) | undefined;

  constructor(
    names: TargetNames,
    encoded: EncodedRecords,
    condition: Buffer | undefined,
    deadline: number,
    settling: Settling,
  ) {
    this.names = names;
    this.records = encoded.bytes;
    this.count = encoded.count;
    this.condition = condition;
    this.isAlone = condition !== undefined || encoded.isBeyondLimits;
    this.deadline = deadline;
    this.#settling = settling;
  }

  /** Ends with the signal's reason when it aborts. */
  listenTo(signal: AbortSignal): void {
    const abort = () => this.give(signal.reason);
    signal.addEventListener("abort", abort);
    this.#stopListening = () => signal.removeEventListener("abort", abort);
  }

  resolve(result: ProduceResult): void {
    if (this.isSettled) return;
    this.#settle();
    this.#settling.resolve(result);
  }

  /** Its answer, or what there is in its place, has come. */
  reject(reason: unknown): void {
    if (this.isSettled) return;
    this.#settle();
    this.#settling.reject(reason);
  }

  /** Ends before its answer has come. */
  give(reason: unknown): void {
    if (this.isSettled) return;
    this.reject(reason);
    this.holder?.drop(this);
    this.holder = undefined;
  }

  #settle(): void {
    this.isSettled = true;
    this.#stopListening?.();
    this.#settling.onSettled(this);
  }
}

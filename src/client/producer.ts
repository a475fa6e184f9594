/** All calls of `produce` of one client: who makes them, until when, and how much may wait. */
import { status } from "@grpc/grpc-js";
import { CallError, asLastAttempt, QueueFull } from "./call-error.js";
import { defaultTimeoutMs, type Calls, type UnderWay } from "./calls.js";
import type { ProduceOptions, ProduceResult } from "./client.js";
import type { Identity } from "./credentials.js";
import { encodeExpectedOffset, encodeRecords } from "./encoding.js";
import { Lane, type Sending } from "./lane.js";
import { requireOptions } from "./misuse.js";
import { optionNames } from "./option-names.js";
import { ProduceCall, type Holder, type SettledListener } from "./produce-call.js";
import type { RecordInput } from "./records.js";
import { named } from "./requests.js";
import { SharedSignals } from "./signals.js";

/** Bytes of calls that nobody has answered yet, beyond which no more are taken. */
const maxWaitingBytes = 64 * 1024 * 1024;
/** What a call takes in memory beside its records, roughly. */
const callOverheadBytes = 256;

export class Producer implements UnderWay, SettledListener {
  readonly endsOnClose = false;
  readonly #calls: Calls;
  readonly #sending: Sending;
  readonly #open = new Set<ProduceCall>();
  readonly #signals = new SharedSignals<ProduceCall>((call, reason) => call.endEarly(reason));
  readonly #lanes = new Set<Lane>();
  #lane: { readonly identity: Identity; readonly lane: Lane } | undefined;
  /** Calls that wait for the certificates to be made with. */
  #unidentified: Unidentified | undefined;
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer looks at deadlines, in milliseconds since 1970. */
  #looksAt = Infinity;

  constructor(calls: Calls, sending: Sending) {
    this.#calls = calls;
    this.#sending = sending;
    calls.whenAllHaveLeft(() => {
      for (const lane of this.#lanes) lane.close();
    });
  }

  produce(records: RecordInput | readonly RecordInput[], options: ProduceOptions): Promise<ProduceResult> {
    // What is thrown in here rejects the promise.
    return new Promise((resolve, reject) => {
      requireOptions(options, optionNames.produce);
      const target = named(options);
      const encoded = encodeRecords(records);
      const { expectedOffset, signal, timeoutMs = defaultTimeoutMs } = options;
      const condition = expectedOffset === undefined ? undefined : encodeExpectedOffset(expectedOffset);
      const deadline = this.#calls.admit(signal, timeoutMs);
      if (timeoutMs === 0) throw new CallError(status.DEADLINE_EXCEEDED, "it had no time, and was not sent");
      const size = encoded.bytes.length + callOverheadBytes;
      if (this.#open.size > 0 && this.#waitingBytes + size > maxWaitingBytes) throw new QueueFull(maxWaitingBytes);
      const call = new ProduceCall(target, encoded, condition, { deadline, signal }, resolve, reject, this);
      if (signal !== undefined) this.#signals.add(signal, call);
      if (this.#open.size === 0) {
        this.#calls.enter(this);
        this.#timer?.ref();
      }
      this.#open.add(call);
      this.#waitingBytes += size;
      if (deadline < this.#looksAt) this.#lookAt(deadline);
      try {
        this.#identify(call);
      } catch (error) {
        call.endEarly(error);
      }
    });
  }

  cancel(reason: unknown): void {
    for (const call of this.#open) call.endEarly(reason);
  }

  settled(call: ProduceCall): void {
    this.#open.delete(call);
    if (call.signal !== undefined) this.#signals.delete(call.signal, call);
    this.#waitingBytes -= call.records.length + callOverheadBytes;
    if (this.#open.size > 0) return;
    // A deadline that nobody has any more must not keep the process.
    this.#timer?.unref();
    this.#calls.leave(this);
  }

  /** Each call is made as who its maker is when it is made; those that do not know yet go first, in their order. */
  #identify(call: ProduceCall): void {
    if (this.#unidentified === undefined) {
      const identity = this.#sending.connection.identity();
      if (!(identity instanceof Promise)) {
        this.#laneOf(identity).add(call);
        return;
      }
      const unidentified = (this.#unidentified = new Unidentified());
      const over = (): readonly ProduceCall[] => {
        this.#unidentified = undefined;
        return unidentified.take();
      };
      identity.then(
        (known) => {
          for (const each of over()) this.#laneOf(known).add(each);
        },
        (error: unknown) => {
          for (const each of over()) each.reject(error);
        },
      );
    }
    this.#unidentified.add(call);
  }

  #laneOf(identity: Identity): Lane {
    if (this.#lane?.identity === identity) return this.#lane.lane;
    const lane = new Lane(this.#sending, this.#sending.connection.enter(identity), this.#lane?.lane, () => {
      this.#lanes.delete(lane);
      if (this.#lane?.lane === lane) this.#lane = undefined;
    });
    this.#lanes.add(lane);
    this.#lane = { identity, lane };
    return lane;
  }

  /** One timer for all deadlines: most calls have theirs long behind their answer. */
  #lookAt(time: number): void {
    clearTimeout(this.#timer);
    this.#looksAt = time;
    this.#timer = setTimeout(() => this.#expire(), time - Date.now());
  }

  #expire(): void {
    const now = Date.now();
    let next = Infinity;
    for (const call of this.#open) {
      if (call.deadline <= now) call.endEarly(lateError(call.holder!));
      else next = Math.min(next, call.deadline);
    }
    this.#looksAt = Infinity;
    if (next < Infinity) this.#lookAt(next);
  }
}

function lateError({ lateness, failure }: Holder): CallError {
  return asLastAttempt(status.DEADLINE_EXCEEDED, lateness, failure);
}

class Unidentified implements Holder {
  readonly failure = undefined;
  readonly lateness = "the certificates to call with were not there in time";
  readonly #calls = new Set<ProduceCall>();

  add(call: ProduceCall): void {
    call.holder = this;
    this.#calls.add(call);
  }

  drop(call: ProduceCall): void {
    this.#calls.delete(call);
  }

  take(): readonly ProduceCall[] {
    return [...this.#calls];
  }
}

import { type Metadata, Metadata as GrpcMetadata, type ServerInterceptor, ServerInterceptingCall } from "@grpc/grpc-js";
import type { AccessRequest, Judge } from "../authz/index.js";
import { PermissionDenied } from "../errors.js";
import type { Connection } from "../identity/index.js";
import { Admitted, type Incoming, type TopicAccess, Withdrawal, admit } from "./admission.js";
import type { OpenCall, OpenCalls } from "./open-calls.js";
import { OpenStreams } from "./open-streams.js";
import { callerOf } from "./outcomes.js";
import { ReadAhead } from "./read-ahead.js";
import { toStatus } from "./status.js";
import { StreamWrites } from "./stream-writes.js";
import { UnreadAnswers, answerBytes } from "./unread-answers.js";

/** `open`: for every caller whom the handshake let in; otherwise for whom the policy allows it. */
export type MethodAccess = TopicAccess | "open";

/**
 * Checks each *message*, not the metadata: tenant and topic are in the message, and grpc-js starts the handlers of
 * streams on metadata alone. A stream's second message can name another topic. Goes behind `observeCalls`, which knows
 * who calls.
 *
 * @param access what each method needs, by its path; a method that is missing here is refused, never waved through
 */
export function authorize(
  access: Readonly<Record<string, MethodAccess>>,
  authorizer: Judge,
  openCalls: OpenCalls,
): ServerInterceptor {
  const shared = { authorizer, openCalls, openStreams: new OpenStreams(), unreadAnswers: new UnreadAnswers() };
  return (method, call) => {
    const needed = Object.hasOwn(access, method.path) ? access[method.path] : undefined;
    return new AuthorizedCall(method, call, needed, shared);
  };
}

interface Shared {
  readonly authorizer: Judge;
  readonly openCalls: OpenCalls;
  readonly openStreams: OpenStreams;
  readonly unreadAnswers: UnreadAnswers;
}

/** How long a stream that lost its right may take to give the answers that are due; then it is cut off. */
const partingMs = 500;

type Inner = Parameters<ServerInterceptor>[1];
type Method = Parameters<ServerInterceptor>[0];
type Listener = Parameters<Inner["start"]>[0];
type ServerStatus = Parameters<Inner["sendStatus"]>[0];

/**
 * Only one thing makes a message wait here, and that is the read-ahead of its stream; so of the order that
 * ServerInterceptingCall keeps it needs only that a half-close does not overtake what waits.
 */
class AuthorizedCall extends ServerInterceptingCall implements OpenCall, Listener {
  readonly #method: Method;
  readonly #inner: Inner;
  readonly #needed: MethodAccess | undefined;
  readonly #shared: Shared;
  #handler: Listener | undefined;
  #connection: Connection | undefined;
  /** What it delivers by. */
  #admitted: Admitted | undefined;
  #requestId: string | undefined;
  #readAhead: ReadAhead | undefined;
  #first: AccessRequest | undefined;
  #writes: StreamWrites | undefined;
  #heldMessages = 0;
  #holdsHalfClose = false;
  #halfClosed = false;
  #isToldToEnd = false;
  #sentMetadata = false;
  #endedFromOutside = false;
  #isOver = false;
  #onEnd: (() => void)[] | undefined;

  constructor(method: Method, inner: Inner, needed: MethodAccess | undefined, shared: Shared) {
    super(inner);
    this.#method = method;
    this.#inner = inner;
    this.#needed = needed;
    this.#shared = shared;
  }

  override start(handler: Listener): void {
    this.#handler = handler;
    this.#inner.start(this);
  }

  onReceiveMetadata(metadata: Metadata): void {
    const needed = this.#needed;
    const { authorizer, openCalls, openStreams } = this.#shared;
    try {
      const { connection, requestId } = callerOf(this.#inner);
      if (needed === undefined) throw new PermissionDenied("the method is not open to anyone");
      if (needed !== "open" && this.#isStream) {
        const { principal } = connection.identity;
        const maximum = authorizer.streamsOf(principal, this.#method.path);
        this.#atEnd(openStreams.enter(principal.tenant, maximum));
      }
      this.#connection = connection;
      this.#requestId = requestId;
    } catch (error) {
      this.#inner.sendStatus(toStatus(error));
      return;
    }
    if (this.#method.requestStream) this.#readAhead = new ReadAhead();
    const writes = needed !== "open" && needed.kind === "writes";
    if (writes && this.#method.requestStream) this.#writes = new StreamWrites(authorizer);
    // What a single request stores is judged when it is stored, and its caller is told what came of it.
    if (!writes || this.#writes !== undefined) this.#atEnd(openCalls.add(this, this.#connection));
    if (!this.#endedFromOutside) this.#handler!.onReceiveMetadata(metadata);
  }

  onReceiveMessage(message: unknown): void {
    const connection = this.#connection;
    const needed = this.#needed;
    // Of a call that was refused or is over nothing more is heard: what it had begun must not be done for nobody.
    if (connection === undefined || needed === undefined || this.#isOver || this.#halfClosed) return;
    if (needed === "open") {
      this.#receiveOpen(message, connection);
      return;
    }
    const { authorizer } = this.#shared;
    const names = { requestId: this.#requestId, method: this.#method.path };
    const admitted = admit(message as Incoming, connection, needed, authorizer, names, this.#first);
    if (admitted instanceof Admitted) {
      if (needed.namesOnce) this.#first ??= admitted.access;
      // Only these calls go on delivering on the strength of one message.
      if (needed.kind === "reads") this.#admitted = admitted;
      this.#writes?.note(admitted.access);
    }
    if (this.#readAhead === undefined) {
      this.#handler!.onReceiveMessage(admitted);
      return;
    }
    this.#heldMessages++;
    this.#readAhead.pass(admitted, admitted instanceof Admitted ? (admitted.request.bytes ?? 0) : 0, (passed) => {
      this.#heldMessages--;
      if (this.#isOver || this.#isToldToEnd) return;
      this.#handler!.onReceiveMessage(passed);
      if (this.#holdsHalfClose) this.onReceiveHalfClose();
    });
  }

  onReceiveHalfClose(): void {
    if (this.#isToldToEnd) return;
    this.#halfClosed = true;
    if (this.#connection === undefined || this.#isOver) return;
    this.#holdsHalfClose = this.#heldMessages > 0;
    if (!this.#holdsHalfClose) this.#handler!.onReceiveHalfClose();
  }

  onCancel(): void {
    this.#forget();
    this.#handler!.onCancel();
  }

  override sendMetadata(metadata: Metadata): void {
    this.#sentMetadata = true;
    this.#inner.sendMetadata(metadata);
  }

  override sendMessage(message: unknown, done: () => void): void {
    // Behind the status nothing may follow: it would not arrive, and it would break the stream before the status does.
    // And of a call that is over nothing is forgotten any more, so nothing may be counted.
    if (this.#isOver) return;
    if (!this.#sentMetadata) this.sendMetadata(new GrpcMetadata());
    try {
      // When a policy or a list changes, calls are judged in turn. What that forbids must not go out before.
      this.#admitted?.judgeAgain();
      // grpc-js asks for the status once the answer is on its way to its reader: until then it takes memory.
      const bytes = this.#isStream ? 0 : answerBytes(message as object);
      if (bytes > 0) this.#atEnd(this.#shared.unreadAnswers.add(this.#connection!.identity.principal.tenant, bytes));
    } catch (error) {
      this.end(toStatus(error));
      return;
    }
    this.#inner.sendMessage(message, done);
  }

  override sendStatus(status: ServerStatus): void {
    this.#forget();
    if (!this.#endedFromOutside) this.#inner.sendStatus(status);
  }

  get delivers(): boolean {
    return this.#admitted !== undefined;
  }

  get endsItself(): boolean {
    return this.#writes !== undefined;
  }

  /**
   * By what is known of the connection: to judge that of every call at once would hold up everybody else. But who is
   * refused anyway is told so by who he is, if that is why.
   */
  judgeAgain(): void {
    if (this.#writes !== undefined) {
      this.#judgeWrites(this.#writes);
      return;
    }
    const connection = this.#connection!;
    if (connection.ended !== undefined) throw connection.ended;
    const refusal = this.#admitted?.whyNot();
    if (refusal !== undefined) throw connection.whyEnded() ?? refusal;
  }

  /** Ends the call from outside: whatever its handler says afterwards is not heard. */
  end(status: ServerStatus): void {
    this.#endedFromOutside = true;
    this.#forget();
    this.#inner.sendStatus(status);
  }

  #receiveOpen(message: unknown, connection: Connection): void {
    const ended = connection.whyEnded();
    if (ended === undefined) this.#handler!.onReceiveMessage(message);
    else this.end(toStatus(ended));
  }

  /**
   * Ends a stream whose caller is nobody any more, or that has nothing left to write to. Its handler is told in the place
   * of a request: it knows which answers are due before. A stream that is half-closed ends by itself, and what it has not
   * stored yet is judged once more.
   */
  #judgeWrites(writes: StreamWrites): void {
    if (this.#isOver || this.#halfClosed) return;
    const error = this.#whyNotWrite(writes);
    if (error === undefined) return;
    this.#halfClosed = this.#isToldToEnd = true;
    this.#handler!.onReceiveMessage(new Withdrawal(error));
    this.#handler!.onReceiveHalfClose();
    const late = setTimeout(() => this.end(toStatus(error)), partingMs).unref();
    this.#atEnd(() => clearTimeout(late));
  }

  #whyNotWrite(writes: StreamWrites): unknown {
    const connection = this.#connection!;
    if (connection.ended !== undefined) return connection.ended;
    const refusal = writes.whyNot();
    return refusal === undefined ? undefined : (connection.whyEnded() ?? refusal);
  }

  get #isStream(): boolean {
    return this.#method.requestStream || this.#method.responseStream;
  }

  #atEnd(end: () => void): void {
    (this.#onEnd ??= []).push(end);
  }

  #forget(): void {
    this.#isOver = true;
    const onEnd = this.#onEnd;
    this.#onEnd = undefined;
    if (onEnd !== undefined) for (const end of onEnd) end();
  }
}

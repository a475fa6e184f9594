import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import {
  type Metadata,
  Metadata as GrpcMetadata,
  type ServerInterceptor,
  ServerInterceptingCall,
  status as codes,
} from "@grpc/grpc-js";
import type { BufferPool } from "../buffer-pool.js";
import type { Connection, Connections } from "../identity/index.js";
import type { Principal } from "../names.js";
import { UnreadableRequest } from "../wire/request-fields.js";
import { ConsumeMessages } from "./consume-response.js";
import type { RefusedRequest } from "./produce-answer.js";
import { adoptRequestId, requestIdKey } from "./request-id.js";
import { UndeliveredStreams, resetLater } from "./reset-undelivered.js";
import { toStatus } from "./status.js";

/** What is known of a call when it begins. */
export interface StartedCall {
  /** `/log.v1.Log/Produce` */
  readonly method: string;
  /** `10.0.0.1:40000`; made up when it is asked for. */
  readonly peer: string;
  /** Undefined if the caller could not be told; the call is then refused. */
  readonly principal: Principal | undefined;
  /** Of the caller's choice or made up here; visible ASCII, at most 128 characters. */
  readonly requestId: string;
  readonly metadata: Metadata;
}

/** How a call ended. */
export interface Outcome {
  readonly code: codes;
  readonly details: string;
  readonly seconds: number;
  /** False if no handler and no interceptor of ours answered: grpc-js did, or the caller had gone. */
  readonly isOurs: boolean;
}

/**
 * Told of each call that begins; what it returns is told how that call ended, once, whoever ended it. Must not throw:
 * between grpc-js and a handler nobody would catch it.
 */
export type CallObserver = (call: StartedCall) => ((outcome: Outcome) => void) | undefined;

/** Told of each request that is refused while its stream goes on. Must not throw, as CallObserver. */
export type RefusalObserver = (call: StartedCall, refusal: { readonly code: number; readonly details: string }) => void;

/** A call that can be ended although neither its caller nor its handler wants to, each with a status that no other gets. */
export interface EndableCall {
  /** `/log.v1.Log/Produce` */
  readonly method: string;
  /**
   * Ends the call behind the answers that are due: who still sends is heard no further, and who only reads is cut off.
   * Who has said all and waits for what was done with it is left to be told.
   */
  end(error: Error): void;
  /** Ends the call now. */
  sendStatus(status: ServerStatus): void;
}

/** Where calls are noted as long as they are open, by the session that they came on. */
export interface CallRegister {
  add(session: ServerHttp2Session, call: EndableCall): void;
  delete(session: ServerHttp2Session, call: EndableCall): void;
}

type ServerStatus = Parameters<ServerInterceptingCall["sendStatus"]>[0];
type Inner = Parameters<ServerInterceptor>[1];
type Listener = Parameters<Inner["start"]>[0];

export interface ObservationOptions {
  readonly connections: Connections;
  readonly observers: readonly CallObserver[];
  readonly onRefusedRequest: RefusalObserver;
  readonly register: CallRegister;
  /** Whether calls of a method only read: nothing is lost with one that is cut off while it waits. */
  readonly onlyReads: (path: string) => boolean;
  /** Whether the handler of a method takes an error in the place of a request, and ends its call by it. */
  readonly endsItself: (path: string) => boolean;
  /** A status that its caller has not taken by then is given up, together with its stream. */
  readonly undeliveredMs: number;
  /** What is written past grpc-js is put together in these. */
  readonly buffers: BufferPool;
  /** Each call's stream, at once when it begins. */
  readonly onStream: (stream: ServerHttp2Stream) => void;
}

/**
 * Sees every end of every call, gives the call its request id, and sees to it that what has ended goes away. Must be the
 * first interceptor, so that it sees what the others answer too.
 */
export function observeCalls(options: ObservationOptions): ServerInterceptor {
  const leaving = {
    answers: new UndeliveredStreams(untakenMs),
    statuses: new UndeliveredStreams(options.undeliveredMs),
  };
  return (method, call) => new ObservedCall(method, call, options, leaving);
}

/** The only answer of a call is given up when its caller has not taken it by then, together with its stream. */
const untakenMs = 60_000;

type Method = Parameters<ServerInterceptor>[0];
type Leaving = Readonly<Record<"answers" | "statuses", UndeliveredStreams>>;

/**
 * Who calls, as it was looked up when the call began: a connection's ends may be another's by the time that a later message
 * arrives. @throws whatever kept the caller from being told
 */
export function callerOf(call: Inner): { readonly connection: Connection; readonly requestId: string } {
  if (!(call instanceof ObservedCall)) throw new TypeError("nobody has looked who calls");
  return call.caller;
}

/**
 * Nearest the wire, it hands everything on at once; so it needs none of the order that ServerInterceptingCall keeps. It is
 * its own listener: a call is made ten thousand times a second, and each closure of it outlives a sync of the disk.
 */
class ObservedCall extends ServerInterceptingCall implements EndableCall, StartedCall, Listener {
  readonly #method: Method;
  readonly #inner: Inner;
  readonly #options: ObservationOptions;
  readonly #leaving: Leaving;
  readonly #stream: ServerHttp2Stream | undefined;
  readonly #session: ServerHttp2Session | undefined;
  readonly #startedAt = performance.now();
  #handler: Listener | undefined;
  #metadata: Metadata | undefined;
  #requestId = "";
  #connection: Connection | undefined;
  /** Why there is no connection that it could be let in on. */
  #unknown: unknown;
  #deadlineMs = Infinity;
  #endings: ((outcome: Outcome) => void)[] = [];
  #ended = false;
  #sentMetadata = false;
  /** No more requests are handed on; the caller himself may or may not have said so. */
  #halfClosed = false;
  #saidAll = false;
  /** What is to be answered whatever the handler says. */
  #instead: ServerStatus | undefined;
  /** Its handler has been told to end it. */
  #isLeaving = false;

  constructor(method: Method, inner: Inner, options: ObservationOptions, leaving: Leaving) {
    super(inner);
    this.#method = method;
    this.#inner = inner;
    this.#options = options;
    this.#leaving = leaving;
    this.#stream = streamOf(inner);
    this.#session = this.#stream?.session as ServerHttp2Session | undefined;
    if (this.#stream !== undefined) options.onStream(this.#stream);
  }

  get method(): string {
    return this.#method.path;
  }

  get peer(): string {
    const { remoteAddress, remotePort } = this.#inner.getConnectionInfo();
    return remoteAddress === undefined ? "unknown" : `${remoteAddress}:${remotePort}`;
  }

  get principal(): Principal | undefined {
    return this.#connection?.identity.principal;
  }

  get requestId(): string {
    return this.#requestId;
  }

  get metadata(): Metadata {
    return this.#metadata!;
  }

  get caller(): { readonly connection: Connection; readonly requestId: string } {
    if (this.#connection === undefined) throw this.#unknown;
    return { connection: this.#connection, requestId: this.#requestId };
  }

  override start(handler: Listener): void {
    this.#handler = handler;
    this.#inner.start(this);
  }

  onReceiveMetadata(metadata: Metadata): void {
    this.#begin(metadata);
    this.#handler!.onReceiveMetadata(metadata);
  }

  onReceiveMessage(message: unknown): void {
    if (this.#ended || this.#instead !== undefined || this.#isLeaving || this.#isLate()) return;
    this.#handler!.onReceiveMessage(message);
  }

  onReceiveHalfClose(): void {
    this.#saidAll = true;
    // A caller who is told how his call ended often ends his side too, and that must not begin what he asked for.
    if (!this.#ended && !this.#halfClosed && !this.#isLate()) this.#halfClose();
  }

  onCancel(): void {
    // Every call comes here in the end, also when its status was sent.
    if (!this.#ended) this.#end(statusOf(this.#stream), false);
    this.#noteLeft();
    this.#handler!.onCancel();
  }

  override sendMetadata(metadata: Metadata): void {
    this.#sentMetadata = true;
    metadata.set(requestIdKey, this.#requestId);
    this.#inner.sendMetadata(metadata);
  }

  override sendMessage(message: unknown, done: () => void): void {
    // Behind a status nothing may follow: it would not arrive, and it would break the stream before the status does.
    if (this.#ended) return;
    if (message instanceof ConsumeMessages) {
      this.#write(message, done);
      return;
    }
    this.#inner.sendMessage(message, done);
    const { requestStream, responseStream } = this.#method;
    if (requestStream && responseStream) this.#noteRefusal(message as Partial<RefusedRequest>);
    // The only answer of its call: whoever does not take it keeps it in memory for nothing.
    if (!requestStream && !responseStream && this.#stream !== undefined) this.#leaving.answers.add(this.#stream);
  }

  #noteRefusal({ requestId, error }: Partial<RefusedRequest>): void {
    if (requestId === undefined || !error) return;
    this.#options.onRefusedRequest(this, { code: error.code ?? codes.UNKNOWN, details: error.message ?? "" });
  }

  /** Past grpc-js, which would put each message into fresh memory and write it by itself. */
  #write(messages: ConsumeMessages, done: () => void): void {
    const stream = this.#stream!;
    if (stream.destroyed || stream.closed) return;
    this.#inner.sendMetadata(new GrpcMetadata());
    const { bytes, lease } = messages.encode(this.#options.buffers);
    stream.write(bytes, (error) => {
      // Of a stream that broke, nobody says whether its bytes are still looked at: they are left to the garbage collector.
      // Node says so by an error, or, where the stream was destroyed while the write was under way, not at all.
      if ((error !== null && error !== undefined) || stream.destroyed) return;
      lease.release();
      done();
    });
  }

  override sendStatus(status: ServerStatus): void {
    if (!this.#ended) this.#send(this.#instead ?? status);
  }

  end(error: Error): void {
    if (this.#ended || this.#instead !== undefined || this.#isLeaving) return;
    const { path, requestStream, responseStream } = this.#method;
    const isServerStream = responseStream && !requestStream;
    const onlyWaits = !this.#sentMetadata && this.#options.onlyReads(path);
    if (this.#halfClosed && !isServerStream && !onlyWaits) return;
    if (requestStream && this.#options.endsItself(path)) {
      // In the place of a request: the handler knows which answers are due before, and how to say it.
      this.#isLeaving = true;
      this.#handler?.onReceiveMessage(new UnreadableRequest(error, undefined));
      this.#halfClose();
    } else if (requestStream) {
      this.#instead = toStatus(error);
      this.#halfClose();
    } else this.#send(toStatus(error));
  }

  /** In a busy process grpc-js's own timer comes late, and nothing must be done for who has given up. */
  #isLate(): boolean {
    return this.#deadlineMs !== Infinity && Date.now() >= this.#deadlineMs;
  }

  #begin(metadata: Metadata): void {
    const { connections, observers, register, undeliveredMs } = this.#options;
    this.#metadata = metadata;
    this.#requestId = adoptRequestId(metadata);
    this.#deadlineMs = Number(this.#inner.getDeadline());
    try {
      this.#connection = connections.connectionOf(this.#inner.getConnectionInfo());
    } catch (error) {
      // The next interceptor refuses the call for it.
      this.#unknown = error;
    }
    for (const observer of observers) {
      const ending = observer(this);
      if (ending !== undefined) this.#endings.push(ending);
    }
    if (this.#session !== undefined) register.add(this.#session, this);
    // grpc-js answers it by itself, and its answer waits behind what the reader does not take.
    if (this.#method.responseStream && this.#deadlineMs !== Infinity && this.#stream !== undefined)
      resetLater(this.#stream, this.#deadlineMs - Date.now() + undeliveredMs);
  }

  /** grpc-js has got rid of the status. A caller who is still uploading has to be stopped all the same. */
  #noteLeft(): void {
    if (this.#stream === undefined) return;
    this.#leaving.answers.delete(this.#stream);
    if (this.#saidAll) this.#leaving.statuses.delete(this.#stream);
  }

  #halfClose(): void {
    this.#halfClosed = true;
    this.#handler?.onReceiveHalfClose();
  }

  #send(status: ServerStatus): void {
    this.#end(status, true);
    if (!this.#sentMetadata) {
      const metadata = status.metadata ?? new GrpcMetadata();
      metadata.set(requestIdKey, this.#requestId);
      this.#inner.sendStatus({ ...status, metadata });
    } else this.#inner.sendStatus(status);
    if (this.#stream !== undefined) this.#leaving.statuses.add(this.#stream);
  }

  #end({ code, details }: Pick<ServerStatus, "code" | "details">, isOurs: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#session !== undefined) this.#options.register.delete(this.#session, this);
    const outcome = { code, details, seconds: (performance.now() - this.#startedAt) / 1000, isOurs };
    for (const ending of this.#endings) ending(outcome);
  }
}

/** What grpc-js answered by itself, such as a deadline or a message too large; else the caller has gone. */
function statusOf(stream: ServerHttp2Stream | undefined): { code: codes; details: string } {
  const headers = stream?.sentTrailers ?? stream?.sentHeaders;
  const name = codes[Number(headers?.["grpc-status"])] as keyof typeof codes | undefined;
  if (name === undefined) return { code: codes.CANCELLED, details: "the caller has gone" };
  const details = headers?.["grpc-message"];
  return { code: codes[name], details: typeof details === "string" ? decodeURI(details) : "" };
}

/** grpc-js keeps the stream to itself, and has no public way to reset one. A test fails if it is no longer there. */
function streamOf(call: Inner): ServerHttp2Stream | undefined {
  return (call as { readonly stream?: ServerHttp2Stream }).stream;
}

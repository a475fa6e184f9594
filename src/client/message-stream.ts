/**
 * The answers to one request as bytes, read one at a time. grpc-js's own stream reads sixteen ahead, which is 4 MiB of them
 * for a reader who has stopped, and passes each on in later turns.
 */
import { Metadata, status, type Client, type Deadline, type StatusObject } from "@grpc/grpc-js";

type Channel = ReturnType<Client["getChannel"]>;

/** What is called where. */
export interface StreamedCall {
  readonly path: string;
  readonly request: Buffer;
  readonly deadline: Deadline;
}

/** Who is told what comes. */
export interface MessageReceiver {
  /** The server has taken the call; it may have nothing to say for long. Servers of before say so with their first message. */
  onAccepted(): void;
  onMessage(message: Buffer): void;
  /** Nothing comes any more. @param error as grpc-js reports it; undefined after status OK */
  onEnd(error: Error | undefined): void;
}

export class MessageStream {
  readonly #call: ReturnType<Channel["createCall"]>;

  /** Starts the call and asks for its first message. */
  constructor(channel: Channel, { path, request, deadline }: StreamedCall, receiver: MessageReceiver) {
    this.#call = channel.createCall(path, deadline, undefined, null, undefined);
    this.#call.start(new Metadata(), {
      onReceiveMetadata: () => receiver.onAccepted(),
      onReceiveMessage: (message: Buffer) => receiver.onMessage(message),
      onReceiveStatus: (ending) => receiver.onEnd(ending.code === status.OK ? undefined : errorOf(ending)),
    });
    this.#call.sendMessageWithContext({}, request);
    this.#call.halfClose();
    // In this very turn: what comes before somebody reads is not held back, and piles up.
    this.read();
  }

  /** Asks for one more message, once the one before has come: the server is held up while nobody asks. */
  read(): void {
    this.#call.startRead();
  }

  cancel(): void {
    const cancel = () => this.#call.cancelWithStatus(status.CANCELLED, "Cancelled on client");
    cancel();
    // Once more when this turn is over: in the turn in which a call is opened, grpc-js (1.14.7) opens it all the same.
    setImmediate(cancel);
  }
}

function errorOf(ending: StatusObject): Error {
  return Object.assign(new Error(`${ending.code} ${status[ending.code]}: ${ending.details}`), ending);
}

import { once } from "node:events";
import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type Metadata,
  type ServiceError,
  Metadata as GrpcMetadata,
  credentials,
  status as codes,
} from "@grpc/grpc-js";
import type { MessageTypeDefinition } from "@grpc/proto-loader";
import { identityOf, type Pem } from "../../src/client/credentials.js";
import { noticingResets } from "../../src/client/resets.js";
import { type DecodedStatus, decodeStatus, logPackageDefinition, statusDetailsKey } from "../../src/wire/definition.js";
import type { ConsumeRequest } from "../../src/wire/generated/log/v1/ConsumeRequest.js";
import type { ConsumeResponse, ConsumeResponseOutput } from "../../src/wire/generated/log/v1/ConsumeResponse.js";
import type { ProduceRequest } from "../../src/wire/generated/log/v1/ProduceRequest.js";
import type { ProduceResponse, ProduceResponseOutput } from "../../src/wire/generated/log/v1/ProduceResponse.js";

/** How a call ended, in the words that a test asserts. */
export interface Ended {
  /** `OK`, `PERMISSION_DENIED`, … */
  readonly code: string;
  readonly words: string;
  /** Of `ErrorInfo`; undefined for an answer of grpc-js itself. */
  readonly reason: string | undefined;
  readonly domain: string | undefined;
  readonly facts: Readonly<Record<string, string>>;
  /** The fields that are to blame. */
  readonly fields: readonly string[];
  readonly details: DecodedStatus["details"] | undefined;
}

/** How a call ended, and the messages that came before. */
export interface Answered extends Ended {
  readonly messages: readonly Buffer[];
}

const asIs = (bytes: Buffer): Buffer => bytes;
const prefix = "/log.v1.Log/";

/** Sends bytes as they are given, whether or not they are a message. */
export class RawClient {
  readonly #client: Client;

  constructor({ address, ...pem }: Pem & { readonly address: string }) {
    this.#client = new Client(address, noticingResets(credentials.createFromSecureContext(identityOf(pem).context)), {
      "grpc.max_receive_message_length": 16 * 1024 * 1024,
      "grpc.max_send_message_length": -1,
      "grpc.enable_http_proxy": 0,
    });
  }

  /** Any method, by its name in `log.v1.Log` or its whole path. As a stream, which is the same on the wire. */
  open(method: string, metadata = new GrpcMetadata()): RawCall {
    const path = method.startsWith("/") ? method : prefix + method;
    return new RawCall(this.#client.makeBidiStreamRequest(path, asIs, asIs, metadata, {}));
  }

  /** Sends messages and half-closes, and waits for the end. */
  async call(method: string, messages: readonly Buffer[], metadata?: Metadata): Promise<Answered> {
    const call = this.open(method, metadata);
    for (const message of messages) call.send(message);
    call.halfClose();
    return call.end();
  }

  /** The one answer of a call that is to succeed. */
  async answer(method: string, message: Buffer): Promise<Buffer> {
    const answered = await this.call(method, [message]);
    if (answered.code !== "OK") throw new Error(`${answered.code}: ${answered.words}`);
    return answered.messages[0]!;
  }

  /** A server stream that is read only when the test reads it. */
  read(method: string, message: Buffer): ClientReadableStream<Buffer> {
    const call = this.#client.makeServerStreamRequest(prefix + method, asIs, asIs, message, {});
    call.on("error", () => undefined);
    return call;
  }

  async close(): Promise<void> {
    this.#client.close();
  }
}

/** A call that is under way. Its answers are read as they come. */
export class RawCall {
  /** What came so far. */
  readonly messages: Buffer[] = [];
  readonly #call: ClientDuplexStream<Buffer, Buffer>;
  readonly #ended: Promise<Ended>;

  constructor(call: ClientDuplexStream<Buffer, Buffer>) {
    this.#call = call;
    call.on("data", (message: Buffer) => this.messages.push(message));
    this.#ended = new Promise((resolve) => {
      // "status" comes before the last messages were read; "error" and "end" come behind them.
      call.on("error", (error: ServiceError) => resolve(endedWith(error.code, error.details, error.metadata)));
      call.on("end", () => resolve(endedWith(codes.OK, "", undefined)));
    });
  }

  send(message: Buffer): void {
    this.#call.write(message);
  }

  halfClose(): void {
    this.#call.end();
  }

  cancel(): void {
    this.#call.cancel();
  }

  /** Resolves when as many messages have come. @throws Error when the call ends before */
  async received(count: number): Promise<readonly Buffer[]> {
    while (this.messages.length < count) {
      const ended = await Promise.race([once(this.#call, "data").then(() => undefined), this.#ended]);
      if (ended !== undefined && this.messages.length < count) throw new Error(`${ended.code}: ${ended.words}`);
    }
    return this.messages;
  }

  async end(): Promise<Answered> {
    return { ...(await this.#ended), messages: this.messages };
  }
}

/** What a status says. */
export function endedWith(code: codes, words: string, metadata: Metadata | undefined): Ended {
  const [trailer] = metadata?.get(statusDetailsKey) ?? [];
  const details = Buffer.isBuffer(trailer) ? decodeStatus(trailer).details : undefined;
  return {
    code: codes[code],
    words,
    reason: details?.ErrorInfo?.reason,
    domain: details?.ErrorInfo?.domain,
    facts: details?.ErrorInfo?.metadata ?? {},
    fields: details?.BadRequest?.fieldViolations.map(({ field }) => field) ?? [],
    details,
  };
}

const produceRequestType = messageType<ProduceRequest, never>("ProduceRequest");
const produceResponseType = messageType<ProduceResponse, ProduceResponseOutput>("ProduceResponse");
const consumeRequestType = messageType<ConsumeRequest, never>("ConsumeRequest");
const consumeResponseType = messageType<ConsumeResponse, ConsumeResponseOutput>("ConsumeResponse");

/** A serialised ProduceRequest; text is a record with that value. */
export function produceBytes({
  records,
  ...rest
}: Omit<ProduceRequest, "records"> & { records: readonly string[] }): Buffer {
  return produceRequestType.serialize({ ...rest, records: records.map((value) => ({ value: Buffer.from(value) })) });
}

export function consumeBytes(request: ConsumeRequest): Buffer {
  return consumeRequestType.serialize(request);
}

export function produced(answer: Buffer): ProduceResponseOutput {
  return produceResponseType.deserialize(answer);
}

export function consumed(answer: Buffer): ConsumeResponseOutput {
  return consumeResponseType.deserialize(answer);
}

function messageType<Input extends object, Output extends object>(name: string): MessageTypeDefinition<Input, Output> {
  return logPackageDefinition[`log.v1.${name}`] as unknown as MessageTypeDefinition<Input, Output>;
}

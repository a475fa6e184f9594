/** A bare gRPC server that speaks the contract with handlers of the test's own, behind mutual TLS. */
import {
  Metadata,
  Server,
  ServerCredentials,
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type StatusObject,
} from "@grpc/grpc-js";
import type { MessageTypeDefinition } from "@grpc/proto-loader";
import { Client, type Pem } from "../../src/client/index.js";
import {
  encodeStatus,
  logPackageDefinition,
  logServiceDefinition,
  offsetsServiceDefinition,
  statusDetailsKey,
  topicsServiceDefinition,
  type OutgoingStatus,
} from "../../src/wire/definition.js";
import type { Status, StatusOutput } from "../../src/wire/generated/google/rpc/Status.js";
import type { ConsumeRequestOutput } from "../../src/wire/generated/log/v1/ConsumeRequest.js";
import type { ConsumeResponse } from "../../src/wire/generated/log/v1/ConsumeResponse.js";
import type { ImportResponse } from "../../src/wire/generated/log/v1/ImportResponse.js";
import type { OffsetsHandlers } from "../../src/wire/generated/log/v1/Offsets.js";
import type { ProduceRequestOutput } from "../../src/wire/generated/log/v1/ProduceRequest.js";
import type { ProduceResponse } from "../../src/wire/generated/log/v1/ProduceResponse.js";
import type { TopicsHandlers } from "../../src/wire/generated/log/v1/Topics.js";
import { type IssueOptions, TestAuthority } from "../support/certificates.js";

type ProduceCall = ServerDuplexStream<ProduceRequestOutput, ProduceResponse>;
const statusType = logPackageDefinition["google.rpc.Status"] as unknown as MessageTypeDefinition<Status, StatusOutput>;

interface Handlers {
  readonly Produce?: handleUnaryCall<ProduceRequestOutput, ProduceResponse>;
  readonly Consume?: handleUnaryCall<ConsumeRequestOutput, ConsumeResponse | Buffer>;
  readonly ProduceStream?: handleBidiStreamingCall<ProduceRequestOutput, ProduceResponse>;
  readonly ConsumeStream?: handleServerStreamingCall<ConsumeRequestOutput, ConsumeResponse | Buffer>;
  readonly Import?: handleClientStreamingCall<ProduceRequestOutput, ImportResponse>;
  readonly topics?: Some<TopicsHandlers>;
  readonly offsets?: Some<OffsetsHandlers>;
}

/** The generated handlers, without the index signature that lets any name pass. */
type Some<Handlers> = { readonly [Name in keyof Handlers as string extends Name ? never : Name]?: Handlers[Name] };

interface ServerOptions {
  /** What the server's certificate is for; localhost and the loopback addresses unless told. */
  readonly names?: readonly string[];
  /** One of its own unless told. */
  readonly authority?: TestAuthority;
  /** A free one unless told. */
  readonly port?: number;
}

export class BareServer implements AsyncDisposable {
  readonly authority: TestAuthority;
  readonly port: number;
  readonly #server: Server;

  private constructor(authority: TestAuthority, port: number, server: Server) {
    this.authority = authority;
    this.port = port;
    this.#server = server;
  }

  static async start(handlers: Handlers, options: ServerOptions = {}): Promise<BareServer> {
    const { names, authority = await TestAuthority.create() } = options;
    const { certPem, keyPem } =
      names === undefined
        ? authority.server()
        : authority.issue({ principal: "test/server", usages: ["serverAuth"], names });
    const { topics, offsets, ...log } = handlers;
    const server = new Server();
    // Methods without a handler answer UNIMPLEMENTED.
    server.addService({ ...logServiceDefinition, ...mayBeBytes }, withLane(log));
    server.addService(topicsServiceDefinition, { ...topics });
    server.addService(offsetsServiceDefinition, { ...offsets });
    const pair = { private_key: Buffer.from(keyPem), cert_chain: Buffer.from(certPem) };
    const credentials = ServerCredentials.createSsl(Buffer.from(authority.caPem), [pair], true);
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${options.port ?? 0}`, credentials, (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    return new BareServer(authority, port, server);
  }

  client(host = "localhost"): Client {
    return Client.connect({ address: `${host}:${this.port}`, ...pemOf(this.authority) });
  }

  /** Ends every call and every connection at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
  }
}

const { Consume, ConsumeStream } = logServiceDefinition;

/** What a handler gives as bytes already is sent as it is. */
function orBytes(serialize: (response: ConsumeResponse) => Buffer): (response: ConsumeResponse | Buffer) => Buffer {
  return (response) => (Buffer.isBuffer(response) ? response : serialize(response));
}

const mayBeBytes = {
  Consume: { ...Consume, responseSerialize: orBytes(Consume.responseSerialize) },
  ConsumeStream: { ...ConsumeStream, responseSerialize: orBytes(ConsumeStream.responseSerialize) },
};

/** Answers what `client.produce` sends down its stream as Produce would; other streams go to their own handler. */
function withLane<Log extends Pick<Handlers, "Produce" | "ProduceStream">>(log: Log): Log {
  const { Produce, ProduceStream } = log;
  if (Produce === undefined) return log;
  const answer = (call: ProduceCall, request: ProduceRequestOutput) => {
    const unary: unknown = { request, getAuthContext: () => call.getAuthContext() };
    Produce(unary as ServerUnaryCall<ProduceRequestOutput, ProduceResponse>, (error, response) => {
      call.write({ ...(error ? { error: statusOf(error) } : response), requestId: request.requestId! });
    });
  };
  const handle = (call: ProduceCall) => {
    const endUnasked = () => {
      ProduceStream?.(call);
      call.emit("end");
    };
    call.once("end", endUnasked);
    call.once("data", (first: ProduceRequestOutput) => {
      call.off("end", endUnasked);
      if (first.requestId === undefined) {
        ProduceStream?.(call);
        call.emit("data", first);
      } else {
        call.on("data", (request: ProduceRequestOutput) => answer(call, request));
        call.on("end", () => call.end());
        answer(call, first);
      }
    });
  };
  return { ...log, ProduceStream: handle };
}

/** A refusal as a message. */
export function statusOf({ code, details, metadata }: Partial<StatusObject>): Status {
  const [trailer] = metadata?.get(statusDetailsKey) ?? [];
  if (Buffer.isBuffer(trailer)) return statusType.deserialize(trailer);
  return { code: code ?? 2, message: details ?? "" };
}

/** What a client of that authority needs in order to be `acme/billing`, or another. */
export function pemOf(authority: TestAuthority, options: Partial<IssueOptions> = {}): Pem & { readonly ca: string } {
  const { certPem, keyPem } = authority.issue({ principal: "acme/billing", ...options });
  return { ca: authority.caPem, cert: certPem, key: keyPem };
}

/** What a handler calls back with to refuse. */
export function refusal(status: OutgoingStatus): { code: number; details: string; metadata: Metadata } {
  const metadata = new Metadata();
  metadata.set(statusDetailsKey, encodeStatus(status));
  return { code: status.code, details: status.message, metadata };
}

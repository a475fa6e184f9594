/** A bare gRPC server that speaks the contract with handlers of the test's own, behind mutual TLS. */
import {
  Metadata,
  Server,
  ServerCredentials,
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
} from "@grpc/grpc-js";
import { Client } from "../../src/client/index.js";
import {
  encodeStatus,
  logServiceDefinition,
  statusDetailsKey,
  type OutgoingStatus,
} from "../../src/wire/definition.js";
import type { ConsumeRequestOutput } from "../../src/wire/generated/log/v1/ConsumeRequest.js";
import type { ConsumeResponse } from "../../src/wire/generated/log/v1/ConsumeResponse.js";
import type { ProduceRequestOutput } from "../../src/wire/generated/log/v1/ProduceRequest.js";
import type { ProduceResponse } from "../../src/wire/generated/log/v1/ProduceResponse.js";
import { TestAuthority } from "../support/certificates.js";

interface Handlers {
  readonly Produce?: handleUnaryCall<ProduceRequestOutput, ProduceResponse>;
  readonly Consume?: handleUnaryCall<ConsumeRequestOutput, ConsumeResponse>;
  readonly ProduceStream?: handleBidiStreamingCall<ProduceRequestOutput, ProduceResponse>;
  readonly ConsumeStream?: handleServerStreamingCall<ConsumeRequestOutput, ConsumeResponse>;
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

  /** `names` are what the server's certificate is for; localhost and the loopback addresses unless told. */
  static async start(handlers: Handlers, names?: readonly string[]): Promise<BareServer> {
    const authority = await TestAuthority.create();
    const { certPem, keyPem } =
      names === undefined
        ? authority.server()
        : authority.issue({ principal: "test/server", usages: ["serverAuth"], names });
    const server = new Server();
    // Methods without a handler answer UNIMPLEMENTED.
    server.addService(logServiceDefinition, { ...handlers });
    const pair = { private_key: Buffer.from(keyPem), cert_chain: Buffer.from(certPem) };
    const credentials = ServerCredentials.createSsl(Buffer.from(authority.caPem), [pair], true);
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
    });
    return new BareServer(authority, port, server);
  }

  client(host = "localhost"): Client {
    const { certPem, keyPem } = this.authority.issue({ principal: "acme/billing" });
    return Client.connect({ address: `${host}:${this.port}`, ca: this.authority.caPem, cert: certPem, key: keyPem });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
  }
}

/** What a handler calls back with to refuse. */
export function refusal(status: OutgoingStatus): { code: number; details: string; metadata: Metadata } {
  const metadata = new Metadata();
  metadata.set(statusDetailsKey, encodeStatus(status));
  return { code: status.code, details: status.message, metadata };
}

/** A server that runs elsewhere and has other things to do: where it is, who vouches for it, and what of it is seen from outside. */
import { randomBytes } from "node:crypto";
import { connect as connectHttp2 } from "node:http2";
import { type Socket, connect, isIP } from "node:net";
import {
  type ConnectionOptions,
  type PeerCertificate,
  type TLSSocket,
  checkServerIdentity,
  createSecureContext,
} from "node:tls";
import {
  type ChannelCredentials,
  type ChannelOptions,
  InterceptingCall,
  type Interceptor,
  credentials,
  status,
} from "@grpc/grpc-js";
import { type Address, formatAddress } from "../address.js";
import { CallError } from "../client/index.js";
import { onOneLine } from "./answer.js";
import type { CalledServer } from "./callers.js";
import type { Door } from "./disguises.js";
import { patienceMs } from "./knocking.js";
import { type NamedCertificate, namedCertificate } from "./named-certificates.js";
import { connectTls } from "./sockets.js";
import { type ClientKeys, channelOptions } from "./stage.js";

export class LiveServer implements CalledServer, Door {
  /** `HOST:PORT` */
  readonly address: string;
  /** The authorities that vouch for the server and for its clients, PEM. */
  readonly ca: Buffer;
  /** How the request ids of this run begin, by which an operator knows its calls in the log. */
  readonly requestIds = `aclog-matrix-${randomBytes(4).toString("hex")}-`;
  readonly channelOptions: ChannelOptions;
  readonly interceptors: Interceptor[];
  readonly #at: Address;
  readonly #certificates = new Map<string, Buffer>();
  #calls = 0;

  constructor(at: Address, ca: Buffer) {
    this.#at = at;
    this.address = formatAddress(at);
    this.ca = ca;
    // RFC 6066 knows no IP address as a server name.
    const name = isIP(at.host) === 0 ? { "grpc.ssl_target_name_override": at.host } : {};
    this.channelOptions = { ...channelOptions, ...name };
    this.interceptors = [
      (options, next) =>
        new InterceptingCall(next(options), {
          start: (metadata, listener, start) => {
            metadata.set("x-request-id", `${this.requestIds}${++this.#calls}`);
            start(metadata, listener);
          },
        }),
    ];
  }

  /** Calls that were made. */
  get calls(): number {
    return this.#calls;
  }

  /** By which it proved to be the server, each once: whatever stands between may lead to several. */
  get certificates(): readonly NamedCertificate[] {
    return [...this.#certificates.values()].map(namedCertificate);
  }

  credentials(client: ClientKeys): ChannelCredentials {
    const context = createSecureContext({ ...client, ca: this.ca, minVersion: "TLSv1.3" });
    return credentials.createFromSecureContext(context, {
      checkServerIdentity: (_name, certificate) => this.#recognize(certificate),
    });
  }

  /** Nothing is said to whoever does not prove to be the server. */
  readonly overTls = (options: ConnectionOptions): TLSSocket =>
    connectTls(this.#at.port, {
      host: this.#at.host,
      ca: this.ca,
      rejectUnauthorized: true,
      checkServerIdentity: (_name, certificate) => this.#recognize(certificate),
      ...options,
    });

  readonly inPlainText = (): Socket => connect(this.#at.port, this.#at.host);

  /** Why this is not the certificate of who was asked for. */
  #recognize(certificate: PeerCertificate): Error | undefined {
    const problem = checkServerIdentity(this.#at.host, certificate);
    if (problem === undefined) this.#certificates.set(certificate.fingerprint256, certificate.raw);
    return problem;
  }

  /**
   * How a certificate is turned away, as far as that shows; undefined when its bearer is let in.
   * @throws CallError when nobody is there who proves to be the server
   */
  async whyNotIn(keys: ClientKeys): Promise<string | undefined> {
    let socket: TLSSocket;
    try {
      socket = this.overTls({ ...keys });
    } catch (error) {
      return `OpenSSL does not take the certificate (${wordsOf(error)})`;
    }
    const session = connectHttp2("http://localhost", { createConnection: () => socket });
    let timer: NodeJS.Timeout | undefined;
    // In TLS 1.3 the server proves who it is before it looks at who calls.
    let [isServer, seen] = [false, "the connection was closed"];
    socket.once("secureConnect", () => (isServer = true));
    socket.on("error", (error) => (seen = wordsOf(error)));
    session.on("error", () => undefined);
    try {
      return await new Promise((resolve, reject) => {
        const giveUp = (why: string): void =>
          isServer ? resolve(why) : reject(new CallError(status.UNAVAILABLE, seen));
        session.once("remoteSettings", () => resolve(undefined));
        socket.once("close", () => giveUp(`the server cuts the connection (${seen}); its log says why`));
        timer = setTimeout(() => {
          if (!isServer) seen = `no answer within ${patienceMs / 1000} s`;
          giveUp("the server neither answers nor cuts the connection");
        }, patienceMs);
      });
    } finally {
      clearTimeout(timer);
      session.destroy();
      socket.destroy();
    }
  }
}

/** Of several addresses that all failed Node tells no more than a code. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // It may name what is in somebody else's certificate.
  return onOneLine(error.message === "" && "code" in error ? String(error.code) : error.message);
}

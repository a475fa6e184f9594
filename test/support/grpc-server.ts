import type { ClientHttp2Session } from "node:http2";
import { BreakGlass, CasbinAuthorizer } from "../../src/authz/index.js";
import { defaultLimits } from "../../src/config/index.js";
import { Connections } from "../../src/identity/index.js";
import { type CommitLog, type LogStore, type RecordFrames, defaultTopicSettings } from "../../src/log/index.js";
import { LogService } from "../../src/service/index.js";
import { TenantLogs } from "../../src/tenancy/tenant-logs.js";
import { defaultTenantLimits } from "../../src/tenant-limits.js";
import {
  GrpcServer,
  type GrpcServerOptions,
  OpenCalls,
  authorize,
  logMethodAccess,
  logRoutes,
  logRoutesDefinition,
} from "../../src/transport/index.js";
import { TestAuthority } from "./certificates.js";
import { judgeOf } from "./trusted.js";
import { http2To } from "./http2-client.js";
import { RawClient } from "./raw-client.js";

/** The transport over an engine of the test's own, which enters through the port. */
export class EngineServer implements AsyncDisposable {
  readonly #authority: TestAuthority;
  readonly #server: GrpcServer;
  readonly #connections: Connections;
  /** What was reported as no fault of a caller. */
  readonly reported: unknown[];

  private constructor(parts: {
    authority: TestAuthority;
    server: GrpcServer;
    connections: Connections;
    reported: unknown[];
  }) {
    this.#authority = parts.authority;
    this.#server = parts.server;
    this.#connections = parts.connections;
    this.reported = parts.reported;
  }

  /** @param log what stands for every topic; what a test leaves out throws */
  static async start(
    log: Partial<CommitLog>,
    changes: Partial<Pick<GrpcServerOptions, "interceptors">> & { readonly access?: typeof logMethodAccess } = {},
  ): Promise<EngineServer> {
    const authority = await TestAuthority.create();
    const { certPem, keyPem } = authority.server();
    const connections = new Connections({
      judge: judgeOf([authority.caPem]),
      limitsOf: () => defaultTenantLimits,
    });
    const authorizer = await CasbinAuthorizer.open(new URL("../../policy", import.meta.url).pathname, {
      onDenied: () => undefined,
    });
    const openCalls = new OpenCalls();
    const reported: unknown[] = [];
    const service = new LogService(new TenantLogs(storeOf(log), () => defaultTenantLimits));
    const handlers = logRoutes(service, openCalls, (error) => reported.push(error), new AbortController().signal);
    const server = await GrpcServer.listen({
      listen: { host: "127.0.0.1", port: 0 },
      limits: defaultLimits,
      tls: { ca: Buffer.from(authority.caPem), cert: Buffer.from(certPem), key: Buffer.from(keyPem) },
      connections,
      interceptors: changes.interceptors ?? [
        authorize(changes.access ?? logMethodAccess, BreakGlass.forNobody(authorizer), openCalls),
      ],
      services: [{ definition: logRoutesDefinition, handlers, access: logMethodAccess }],
      extensions: [],
      onConnection: () => undefined,
      onRefused: () => undefined,
    });
    return new EngineServer({ authority, server, connections, reported });
  }

  raw(principal: string): RawClient {
    return new RawClient({ address: `localhost:${this.#port}`, ...this.#keysOf(principal) });
  }

  http2(principal: string): ClientHttp2Session {
    return http2To(this.#port, this.#keysOf(principal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
    await this.#connections[Symbol.asyncDispose]();
  }

  get #port(): number {
    return Number(/\d+$/.exec(this.#server.address)![0]);
  }

  #keysOf(principal: string): { readonly ca: string; readonly cert: string; readonly key: string } {
    const { certPem, keyPem } = this.#authority.issue({ principal });
    return { ca: this.#authority.caPem, cert: certPem, key: keyPem };
  }
}

function storeOf(log: Partial<CommitLog>): LogStore {
  const missing = (): never => {
    throw new Error("the test's engine does not have this, nor /a/path/of/the/server");
  };
  const whole: CommitLog = {
    topicId: "00112233445566778899aabbccddeeff",
    append: missing,
    read: missing,
    reach: missing,
    offsetAt: missing,
    range: missing,
    tenant: "acme",
    topic: "orders",
    createdMs: 0,
    settings: defaultTopicSettings,
    storedBytes: 0,
    lastTimestampMs: 0,
    trimBefore: missing,
    configure: missing,
    ...log,
  };
  return {
    find: () => whole,
    open: async () => whole,
    create: missing,
    delete: missing,
    topics: () => [whole],
    usage: () => ({ topics: 1, bytes: 0 }),
    maintain: async () => undefined,
    admit: () => undefined,
    failure: undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Whole frames with values of so many bytes, as an engine gives them. */
export function framesOf(offset: bigint, count: number, valueBytes: number): RecordFrames {
  const value = Buffer.alloc(valueBytes);
  const body = Buffer.concat([Buffer.from([0x0a]), varint(valueBytes), value]);
  const frame = Buffer.concat([Buffer.from([0x0a]), varint(body.length), body]);
  return {
    offset,
    count,
    next: offset + BigInt(count),
    parts: [Buffer.concat(new Array<Buffer>(count).fill(frame))],
    lease: undefined,
  };
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}

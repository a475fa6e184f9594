/** A server for the matrix alone: its own port, its own empty data directory, the policy that is to be tried. */
import { X509Certificate } from "node:crypto";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { ChannelCredentials, type ChannelOptions, credentials } from "@grpc/grpc-js";
import { readMatrix } from "../authz/index.js";
import { loadConfig } from "../config/index.js";
import { Closers } from "../lifecycle.js";
import { type RunningNode, startNode } from "../node/index.js";
import type { TenantLimits } from "../tenant-limits.js";
import { ServerLog } from "./server-log.js";

/** Who gets in, as `aclog serve` takes it: PEM files, revocation lists if there are any, rules of identity if there are any. */
export interface ServerFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly crl?: string | undefined;
  /** What becomes of new clients whose authority's list has expired; they are refused unless told. */
  readonly crlExpired?: "refuse" | "accept";
  readonly identity?: string | undefined;
}

/** Certificate and key of whoever calls, PEM. */
export interface ClientKeys {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

/** What is stored, seen without asking the policy. */
export type Store = RunningNode["store"];

export class Stage implements AsyncDisposable {
  readonly store: Store;
  readonly log: ServerLog;
  readonly port: number;
  /** Where it says what it counts. */
  readonly adminAddress: string;
  /** The authorities that vouch for clients, PEM. */
  readonly ca: Buffer;
  /** The server's certificate, and those that lead from it to an authority, PEM. */
  readonly cert: Buffer;
  readonly #closers: Closers;

  private constructor(node: RunningNode, log: ServerLog, pems: { ca: Buffer; cert: Buffer }, closers: Closers) {
    this.store = node.store;
    this.log = log;
    this.port = Number(/\d+$/.exec(node.address)![0]);
    this.adminAddress = node.adminAddress;
    this.ca = pems.ca;
    this.cert = pems.cert;
    this.#closers = closers;
  }

  /** @throws OperatorError when the policy or a certificate cannot be used */
  static async open(policyDir: string, files: ServerFiles): Promise<Stage> {
    const closers = new Closers();
    try {
      const directory = await mkdtemp(join(tmpdir(), "aclog-matrix-"));
      closers.defer(() => rm(directory, { recursive: true, force: true }));
      await layOutPolicy(policyDir, join(directory, "policy"));
      const log = new ServerLog();
      const loopback = "127.0.0.1:0";
      const { crl, crlExpired, identity, ...pem } = files;
      const flags = {
        listen: loopback,
        "admin-listen": loopback,
        data: join(directory, "data"),
        policy: join(directory, "policy"),
        ...pem,
        ...(crl !== undefined && { crl }),
        ...(crlExpired !== undefined && { "crl-expired": crlExpired }),
        ...(identity !== undefined && { identity }),
        "drain-ms": "1000",
        "log-level": "debug",
      };
      const config = await loadConfig({ flags, env: {} });
      const node = closers.add(await startNode(config, log.logger));
      const [ca, cert] = await Promise.all([readFile(files.ca), readFile(files.cert)]);
      return new Stage(node, log, { ca, cert }, closers);
    } catch (error) {
      await closers[Symbol.asyncDispose]();
      throw error;
    }
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /**
   * TLS towards exactly this server, whatever name its certificate is for: who answers is not in question here.
   * @throws Error of OpenSSL when certificate and key do not parse or do not belong together
   */
  credentials(client: ClientKeys): ChannelCredentials {
    const server = new X509Certificate(this.cert);
    const context = createSecureContext({
      minVersion: "TLSv1.3",
      ...client,
      ca: this.cert,
      allowPartialTrustChain: true,
    });
    return credentials.createFromSecureContext(context, {
      checkServerIdentity: (_name, { raw }) =>
        raw.equals(server.raw) ? undefined : new Error("this is another server than the one that was started"),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closers[Symbol.asyncDispose]();
  }
}

/** How every channel of the matrix is set up. */
export const channelOptions: ChannelOptions = {
  // Nobody may ride on another one's connection.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_http_proxy": 0,
  // RFC 6066 knows no IP address as a server name.
  "grpc.ssl_target_name_override": "address.invalid",
  "grpc.max_receive_message_length": 16 * 1024 * 1024,
};

/** All as it is, but no matrix, because a server does not start with one that fails; and no limits in the way. */
async function layOutPolicy(from: string, to: string): Promise<void> {
  const { tenants, standingOf } = await readMatrix(from);
  await mkdir(to);
  for (const name of ["model.conf", "policy.csv"]) await copyFile(join(from, name), join(to, name));
  await writeFile(join(to, "matrix.csv"), "");
  // JSON is YAML, and quotes names that YAML would take for something else.
  const declared = Object.fromEntries(
    tenants.map((tenant) => {
      const { isSuspended, authorities } = standingOf(tenant);
      return [tenant, { limits: generous, suspended: isSuspended, ca: authorities }];
    }),
  );
  await writeFile(join(to, "tenants.yaml"), JSON.stringify({ tenants: declared }));
}

/** What is tried is who may do what, not how much of it. */
const generous: Partial<TenantLimits> = {
  storage_bytes: Number.MAX_SAFE_INTEGER,
  topics: Number.MAX_SAFE_INTEGER,
  connections: Number.MAX_SAFE_INTEGER,
  streams: Number.MAX_SAFE_INTEGER,
};

import { setMaxListeners } from "node:events";
import { basename } from "node:path";
import type { TLSSocket } from "node:tls";
import type { Logger } from "pino";
import { PolicyActivation } from "../activation/index.js";
import { BreakGlass } from "../authz/index.js";
import { type Address, formatAddress } from "../address.js";
import type { Config } from "../config/index.js";
import { Credentials, type CredentialsInForce } from "../credentials/index.js";
import { OperatorError, ShuttingDown } from "../errors.js";
import { Connections } from "../identity/index.js";
import { Closers } from "../lifecycle.js";
import {
  FileStore,
  type FileStoreEvents,
  type FileStoreOptions,
  type LogStore,
  defaultFileStoreOptions,
  isDiskFull,
} from "../log/index.js";
import { type Principal, systemTenant } from "../names.js";
import type { OwnedTopic } from "../review/index.js";
import { LogService, OffsetService, TopicService } from "../service/index.js";
import { CommittedOffsets } from "../tenancy/committed-offsets.js";
import { TenantLogs } from "../tenancy/tenant-logs.js";
import type { TenantLimits } from "../tenant-limits.js";
import {
  GrpcServer,
  OpenCalls,
  type TlsMaterial,
  authorize,
  breakGlassMethods,
  methodAccess,
  servicesOf,
} from "../transport/index.js";
import { AdminServer } from "./admin-server.js";
import type { ExpiryWarnings } from "./expiry-warnings.js";
import { Maintenance } from "./maintenance.js";
import { Observation } from "./observation.js";
import { expiredLists, expiredOf, refusedCredentials, refusedFiles } from "./remarks.js";
import { Health, Reflection } from "./standard-services.js";
import { PolicyGate } from "./tenant-gate.js";
import { aclogVersion } from "./version.js";

/** Of its storage limit: a tenant that has used more gets back what its topics no longer need, however little it is. */
const tightPart = 0.9;

/**
 * The whole server, put together: the one place that knows which class stands behind which interface.
 *
 * @param storage sizes of the file engine; the defaults are for production
 * @throws OperatorError for what whoever runs it can mend: a policy with a mistake, a data directory in use, …
 */
export async function startNode(
  config: Config,
  logger: Logger,
  storage: FileStoreOptions = defaultFileStoreOptions,
): Promise<RunningNode> {
  const closers = new Closers();
  try {
    if (isSame(config.listen, config.adminListen)) {
      const address = formatAddress(config.listen);
      throw new OperatorError(
        `clients and probes cannot both be served on ${address}: --listen and --admin-listen have to differ`,
      );
    }
    const observation: Observation = new Observation(logger, {
      dataDir: config.dataDir,
      version: aclogVersion(),
      certificatesEndMs: () => endsOf(credentials.inForce),
      credentialsRefused: () => credentials.findings.length > 0,
      revocationListsExpired: () => expiredOf(credentials.inForce).length,
      connections: () => connections.size,
      openConsumes: () => openCalls.consumes,
      waitingReaders: () => store.waiting.readers,
      journalWaitingBytes: () => store.waiting.bytes,
      isReady: () => readiness() === undefined,
      policy: () => activation.status(),
    });
    const credentials: Credentials = closers.add(
      await Credentials.open(config.tls, observation.ofCredentials(config.tls.cert)),
    );
    await PolicyActivation.refuseFirstStart(config);
    const health = new Health();
    const events = observation.storeEvents(() => health.setServing(false));
    const store: FileStore = closers.add(await openStore(config.dataDir, storage, events));
    const openCalls = new OpenCalls();
    const activation: PolicyActivation = closers.add(
      await PolicyActivation.open({
        policyDir: config.policyDir,
        dataDir: config.dataDir,
        observer: observation.ofActivation,
        settled: async () => {
          await judging;
          await openCalls.settled();
        },
      }),
    );
    const { authorizer } = activation;
    let judging: Promise<unknown> = Promise.resolve();
    // Connections before calls, so that those of a tenant that is gone are told that they are nobody, and not that they may not.
    const judgeAgain = (): Promise<unknown> => {
      noteUnknown();
      return Promise.all([connections.judgeAgain(), openCalls.judgeAgain()]);
    };
    const follow = (work: Promise<unknown>): void => {
      judging = work;
      // Whoever waits for the change is told of it too; but nobody may.
      work.catch(observation.ofActivation.onProblem);
    };
    authorizer.onChange(() => {
      const areRead = gate.files.every((name) => credentials.inForce.tenantFiles.has(name));
      // By authorities that nobody has read yet, all who are vouched for by them would be nobody.
      follow(areRead ? judgeAgain() : credentials.nameTenantFiles(gate.files).then(judgeAgain));
    });
    if (config.metricsTenants) observation.nameTenants(store, authorizer);
    const limitsOf = (tenant: string): TenantLimits => authorizer.limitsOf(tenant);
    const isTight = (tenant: string): boolean => store.usage(tenant).bytes > limitsOf(tenant).storage_bytes * tightPart;
    closers.add(new Maintenance(store, isTight, observation.onMaintenance));
    const judge = new BreakGlass(authorizer, {
      principal: config.breakGlass,
      methods: breakGlassMethods,
      onUse: observation.onBreakGlass,
    });
    const isBreakGlass = (principal: Principal): boolean => judge.isHolder(principal);
    const gate = new PolicyGate(authorizer, isBreakGlass, () => credentials.inForce.tenantFiles);
    await credentials.nameTenantFiles(gate.files);
    const noteUnknown = (): void => {
      const { authorities } = credentials.inForce.trust;
      const known = new Set(authorities.map(({ fingerprint256 }) => fingerprint256));
      observation.noteUnknownAuthorities(gate.unknownAuthorities(known));
    };
    noteUnknown();
    const connections: Connections = closers.add(
      new Connections({
        judge: (presented, isLive = false) => credentials.inForce.trust.judge(presented, gate, { isLive }),
        limitsOf,
        isBreakGlass,
        onAdmitted: (connection) => expiry.note(connection),
      }),
    );
    // The first to be told, so that nobody's calls wait until the connections of others are closed.
    connections.onEnded((connection) => openCalls.judgeAgainOn(connection));
    const expiry: ExpiryWarnings = closers.add(
      observation.watchClients(connections, config.metricsTenants ? authorizer : undefined),
    );
    const shutdown = new AbortController();
    // Every stream that is open listens, and Node would take the eleventh for a leak.
    setMaxListeners(0, shutdown.signal);
    const readiness = (): string | undefined => {
      if (shutdown.signal.aborted) return "shutting down";
      if (store.failure !== undefined) return store.failure.message;
      return store.isFull ? "the disk is full: nothing is stored until there is room; reading goes on" : undefined;
    };
    const remark = (): string | undefined => {
      const remarks = [
        refusedFiles(activation.status()),
        refusedCredentials(credentials.findings),
        expiredLists(credentials.inForce, config.tls.crlExpired),
      ];
      const there = remarks.filter((text) => text !== undefined);
      return there.length === 0 ? undefined : there.join("; ");
    };
    const extensions = config.reflection ? [health, new Reflection()] : [health];
    const access = Object.assign(
      {},
      methodAccess(observation.refusals),
      ...extensions.map((each) => each.access),
    ) as ReturnType<typeof methodAccess>;
    const logs = new TenantLogs(store, limitsOf);
    const topicsIn = (tenant: string | undefined): OwnedTopic[] =>
      (tenant === undefined ? [...authorizer.tenants, systemTenant] : [tenant]).flatMap((owner) =>
        store.topics(owner).map(({ topic }) => ({ tenant: owner, topic })),
      );
    const offsets = new CommittedOffsets(store, {
      onUnreadable: (event) => logger.error(event, "committed offsets cannot be read and are lost"),
      onNotShortened: ({ tenant, error }) => logger.error({ tenant, err: error }, "committed offsets stay long"),
    });
    const useCases = {
      log: new LogService(logs, observation.traffic),
      topics: new TopicService(logs),
      offsets: new OffsetService(logs, offsets),
      policy: { activation, refusals: observation.refusals, topics: topicsIn },
      connections: { connections, openCallsOn: (socket: TLSSocket) => server.openCallsOn(socket) },
    };
    const server: GrpcServer = closers.add(
      await GrpcServer.listen({
        listen: config.listen,
        tls: tlsOf(credentials.inForce),
        connections,
        limits: config.limits,
        interceptors: [authorize(access, judge, openCalls)],
        services: servicesOf(useCases, openCalls, observation.onInternalError, shutdown.signal),
        extensions,
        ...observation.ofServer,
      }),
    );
    credentials.onChange(({ isTls, isTrust }) => {
      if (isTls) server.setTls(tlsOf(credentials.inForce));
      if (isTrust) follow(judgeAgain());
    });
    const admin = closers.add(await AdminServer.listen(config.adminListen, observation.metrics, readiness, remark));
    // To callers a full disk is no reason to go elsewhere: they may read, and the records are here.
    health.setServing(store.failure === undefined);
    logger.info({ address: server.address, adminAddress: admin.address, policyVersion: authorizer.version }, "serving");
    const parts = {
      config,
      logger,
      closers,
      store,
      server,
      admin,
      activation,
      credentials,
      health,
      openCalls,
      shutdown,
    };
    return new RunningNode({ ...parts, observation });
  } catch (error) {
    // Half a node must not keep files or ports.
    await closers[Symbol.asyncDispose]();
    throw error;
  }
}

/** @throws OperatorError with the directory's name also where the system says only what it could not do, and not to what */
async function openStore(path: string, storage: FileStoreOptions, events: FileStoreEvents): Promise<FileStore> {
  try {
    return await FileStore.open(path, storage, events);
  } catch (error) {
    if (!(error instanceof Error) || !("syscall" in error)) throw error;
    const unusable = `the data directory ${path} cannot be used`;
    if (isDiskFull(error)) {
      throw new OperatorError(`${unusable}: ${needOfRoom(error, storage)}`, [], { cause: error });
    }
    if ("path" in error) throw error;
    throw new OperatorError(`${unusable}: ${error.message}`, [], { cause: error });
  }
}

function needOfRoom({ message }: Error, { journalFileBytes, journalFiles }: FileStoreOptions): string {
  const need = `A file of the journal takes ${journalFileBytes} bytes, and records are taken while more than ${journalFileBytes * journalFiles} bytes are free`;
  return `its disk is full (${message}). ${need}. Make room and start again; nothing that was stored is lost`;
}

function tlsOf({ ca, server }: CredentialsInForce): TlsMaterial {
  return { ca, cert: server.cert, key: server.key };
}

/** When what the server uses ends, in milliseconds since 1970. */
function endsOf({ server, trust, lists }: CredentialsInForce): ReadonlyMap<string, number> {
  const authorities = Math.min(...trust.authorities.map(({ facts }) => facts.notAfterMs));
  const ends = new Map([
    ["server", server.endMs],
    ["ca", authorities],
  ]);
  const { listsInUse } = trust;
  for (const { source, list } of lists) {
    if (!listsInUse.has(list)) continue;
    const name = `crl:${basename(source)}`;
    if (list.nextUpdateMs !== undefined) ends.set(name, Math.min(ends.get(name) ?? Infinity, list.nextUpdateMs));
  }
  return ends;
}

/** Port 0 is another port each time. */
function isSame(one: Address, other: Address): boolean {
  return one.port !== 0 && one.port === other.port && one.host === other.host;
}

interface Parts {
  readonly config: Config;
  readonly logger: Logger;
  readonly closers: Closers;
  readonly store: LogStore;
  readonly server: GrpcServer;
  readonly admin: AdminServer;
  readonly activation: PolicyActivation;
  readonly credentials: Credentials;
  readonly health: Health;
  readonly openCalls: OpenCalls;
  readonly shutdown: AbortController;
  readonly observation: Observation;
}

/** A server that serves, until it is drained. */
export class RunningNode implements AsyncDisposable {
  /** Where gRPC listens, as in `127.0.0.1:8400`. */
  readonly address: string;
  /** Where probes and Prometheus ask, as in `127.0.0.1:8401`. */
  readonly adminAddress: string;
  /** What is stored, for who runs the server in his own process and must see behind the policy. Not to be closed. */
  readonly store: LogStore;
  /** Which policy is in force, for the same; not to be closed either. */
  readonly policy: PolicyActivation;
  readonly #parts: Parts;
  #drained: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.address = parts.server.address;
    this.adminAddress = parts.admin.address;
    this.store = parts.store;
    this.policy = parts.activation;
  }

  /**
   * Reads the policy files again. Once it resolves, every call that the new policy forbids has ended, and nothing that it
   * forbids is written any more.
   *
   * @throws OperatorError when the files have mistakes; the policy that was in force stays. The outcome is logged.
   */
  async reloadPolicy(): Promise<void> {
    await this.#parts.activation.reload();
  }

  /**
   * Reads the certificates, the authorities and the revocation lists again. Once it resolves, new connections go by them, and
   * those that are there are judged by them.
   *
   * @throws OperatorError when some have mistakes; of those the last good ones stay. The outcome is logged.
   */
  async reloadCredentials(): Promise<void> {
    await this.#parts.credentials.reload();
  }

  /** Reads all that may change while the server runs, and logs what comes of it. */
  async reload(): Promise<void> {
    await Promise.allSettled([this.reloadCredentials(), this.reloadPolicy()]);
  }

  /** Takes no new calls, ends streams with UNAVAILABLE behind their answers, waits for the rest, and closes everything. */
  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain();
  }

  async #drain(): Promise<void> {
    const { closers, server, health, openCalls, shutdown, config, logger } = this.#parts;
    logger.info("draining");
    health.setServing(false);
    shutdown.abort();
    openCalls.endAll(new ShuttingDown());
    await server.drain(config.drainMs);
    await closers[Symbol.asyncDispose]();
    logger.info("stopped");
  }
}

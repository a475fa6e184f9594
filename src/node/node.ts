import type { Logger } from "pino";
import { CasbinAuthorizer } from "../authz/index.js";
import type { Config } from "../config/index.js";
import { OperatorError, RecordCorrupt, ShuttingDown } from "../errors.js";
import { Connections } from "../identity/index.js";
import { Closers } from "../lifecycle.js";
import { FileStore, type FileStoreOptions, defaultFileStoreOptions } from "../log/index.js";
import { LogService } from "../service/index.js";
import { TenantLogs } from "../tenancy/tenant-logs.js";
import {
  GrpcServer,
  OpenCalls,
  type Outcome,
  authorize,
  isInternal,
  logMethodAccess,
  logRoutes,
  logRoutesDefinition,
  recordOutcome,
} from "../transport/index.js";
import { AdminServer } from "./admin-server.js";
import { logOutcome, logRecovery } from "./log-lines.js";
import { Metrics } from "./metrics.js";
import { Health, Reflection } from "./standard-services.js";
import { readTls } from "./tls-files.js";

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
    const tls = await readTls(config.tls);
    const authorizer = await CasbinAuthorizer.open(config.policyDir, {
      onDenied: (denial) => {
        metrics.noteDenial(denial.action);
        logger.warn(denial, "denied");
      },
    });
    const health = new Health();
    const store = closers.add(
      await FileStore.open(config.dataDir, storage, {
        onRecovered: (report) => logRecovery(logger, report),
        onFailure: (error) => {
          logger.fatal({ err: error }, "the journal failed: nothing is acknowledged until a restart; reading goes on");
          health.setServing(false);
        },
      }),
    );
    const connections = closers.add(new Connections({ isDeclaredTenant: (name) => authorizer.isDeclaredTenant(name) }));
    const openCalls = new OpenCalls();
    const shutdown = new AbortController();
    const readiness = (): string | undefined => {
      if (shutdown.signal.aborted) return "shutting down";
      return store.failure?.message;
    };
    const metrics = new Metrics({
      connections: () => connections.size,
      openConsumes: () => openCalls.consumes,
      isReady: () => readiness() === undefined,
    });
    const extensions = config.reflection ? [health, new Reflection()] : [health];
    const access = Object.assign({}, logMethodAccess, ...extensions.map((extension) => extension.access)) as Record<
      string,
      (typeof logMethodAccess)[string]
    >;
    const onOutcome = (outcome: Outcome): void => {
      metrics.noteCall(outcome);
      logOutcome(logger, outcome);
    };
    const onError = (error: unknown, method: string): void => {
      if (error instanceof RecordCorrupt)
        logger.error({ method, location: error.location }, "stored records are damaged");
      else if (isInternal(error)) logger.error({ err: error, method }, "a call failed for a reason of ours");
    };
    authorizer.onChange(() => openCalls.judgeAgain());
    const service = new LogService(new TenantLogs(store));
    const server = closers.add(
      await GrpcServer.listen({
        listen: config.listen,
        tls,
        connections,
        interceptors: [recordOutcome(connections, onOutcome), authorize(access, authorizer, connections, openCalls)],
        services: [
          { definition: logRoutesDefinition, handlers: logRoutes(service, openCalls, onError, shutdown.signal) },
        ],
        extensions,
        onConnection: (event) => logger.debug(event, "connected"),
        onRefused: (event) => {
          metrics.noteRefusedConnection();
          logger.warn(event, "connection refused");
        },
      }),
    );
    const admin = closers.add(await AdminServer.listen(config.adminListen, metrics, readiness));
    health.setServing(readiness() === undefined);
    logger.info({ address: server.address, adminAddress: admin.address, policyVersion: authorizer.version }, "serving");
    return new RunningNode({ config, logger, closers, server, admin, authorizer, health, openCalls, shutdown });
  } catch (error) {
    // Half a node must not keep files or ports.
    await closers[Symbol.asyncDispose]();
    throw error;
  }
}

interface Parts {
  readonly config: Config;
  readonly logger: Logger;
  readonly closers: Closers;
  readonly server: GrpcServer;
  readonly admin: AdminServer;
  readonly authorizer: CasbinAuthorizer;
  readonly health: Health;
  readonly openCalls: OpenCalls;
  readonly shutdown: AbortController;
}

/** A server that serves, until it is drained. */
export class RunningNode implements AsyncDisposable {
  /** Where gRPC listens, as in `127.0.0.1:8400`. */
  readonly address: string;
  /** Where probes and Prometheus ask, as in `127.0.0.1:8401`. */
  readonly adminAddress: string;
  readonly #parts: Parts;
  #drained: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.address = parts.server.address;
    this.adminAddress = parts.admin.address;
  }

  /**
   * Reads the policy files again. Once it resolves, every call that the new policy forbids has ended, and nothing that it
   * forbids is written any more.
   *
   * @throws OperatorError when the files have mistakes; the policy that was in force stays. The outcome is logged.
   */
  async reloadPolicy(): Promise<void> {
    const { authorizer, logger, openCalls } = this.#parts;
    try {
      const { changed, version } = await authorizer.reload();
      logger.info({ policyVersion: version }, changed ? "a new policy is in force" : "the policy has not changed");
    } catch (error) {
      const kept = { policyVersion: authorizer.version };
      if (error instanceof OperatorError) {
        logger.error({ ...kept, findings: error.findings }, `the policy was not reloaded: ${error.message}`);
      } else {
        logger.error({ ...kept, err: error }, "the policy was reloaded, but not everything followed it");
      }
      throw error;
    }
    // What the old policy allowed and was on its way to the disk is there now.
    await openCalls.settled();
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

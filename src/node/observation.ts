import { status } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { ActivationObserver } from "../activation/index.js";
import { type AccessRequest, type Action, type Authorizer, type Denial, Refusals } from "../authz/index.js";
import { type CredentialsObserver, EndWarnings } from "../credentials/index.js";
import type { FileStoreEvents, LogStore } from "../log/index.js";
import type { Connections } from "../identity/index.js";
import { formatPrincipal } from "../names.js";
import type { Traffic } from "../service/index.js";
import { type CallObserver, type GrpcServerOptions, traceCall } from "../transport/index.js";
import { ClientCertificates } from "./client-certificates.js";
import { ExpiryWarnings } from "./expiry-warnings.js";
import {
  logActivated,
  logCredentials,
  logEnd,
  logCalls,
  logClockJump,
  logEnded,
  logExpiry,
  logInternal,
  logRecovery,
  logRefusedFiles,
  logRefusedRequest,
  logStray,
  logTopicFailure,
} from "./log-lines.js";
import { type Asked, Metrics } from "./metrics.js";
import { RefusedLines } from "./refused-lines.js";
import { TenantMetrics } from "./tenant-metrics.js";

/** All that tells operators what the server does: its metrics, its log, its spans. */
export class Observation {
  readonly metrics: Metrics;
  /** For who asks later why. */
  readonly refusals = new Refusals();
  readonly #logger: Logger;
  #tenants: TenantMetrics | undefined;
  readonly #refused: RefusedLines;
  #maintenanceProblem: string | undefined;
  #policyProblem: string | undefined;
  #credentialsProblem: string | undefined;
  #unknownAuthorities = "[]";

  constructor(logger: Logger, asked: Asked) {
    this.#logger = logger;
    this.#refused = new RefusedLines(logger);
    this.metrics = new Metrics(asked);
  }

  /** From now on metrics name tenants. */
  nameTenants(store: LogStore, authorizer: Authorizer): void {
    this.#tenants = new TenantMetrics(this.metrics.instruments, store, authorizer);
  }

  /**
   * From now on metrics and warnings tell how long the certificates are good that clients are connected with.
   * @param tenants whose are counted by name; undefined: nobody's
   */
  watchClients(connections: Connections, tenants: Pick<Authorizer, "isDeclaredTenant"> | undefined): ExpiryWarnings {
    new ClientCertificates(this.metrics.instruments, connections, tenants);
    return new ExpiryWarnings(connections, (warning) => logExpiry(this.#logger, warning));
  }

  readonly onDenied = (denial: Denial): void => {
    this.metrics.tallies.denied(denial.action);
    this.#tenants?.noteDenial(denial.principal.split("/", 1)[0]!);
    this.refusals.add(denial, Date.now());
    this.#logger.warn(denial, "denied");
  };

  /** As loud as it gets while the server goes on: somebody does what no rule lets him do. */
  readonly onBreakGlass = ({ principal, method, requestId }: AccessRequest): void => {
    this.metrics.counts.brokenGlass.inc();
    const line = { principal: formatPrincipal(principal), method, requestId };
    this.#logger.error(line, "break-glass: let in to the policy although the policy is against it");
  };

  readonly onAllowed = (action: Action): void => this.metrics.tallies.allowed(action);

  readonly traffic: Traffic = {
    produced: (tenant, records, bytes) => {
      this.metrics.tallies.traffic.produced(tenant, records, bytes);
      this.#tenants?.traffic.produced(tenant, records, bytes);
    },
    consumed: (tenant, records, bytes) => {
      this.metrics.tallies.traffic.consumed(tenant, records, bytes);
      this.#tenants?.traffic.consumed(tenant, records, bytes);
    },
  };

  /** @param onFailure called when nothing can be acknowledged any more; it is logged already */
  storeEvents(onFailure: () => void): FileStoreEvents {
    const logger = this.#logger;
    const { counts } = this.metrics;
    return {
      onRecovered: (report) => {
        logRecovery(logger, report);
        counts.replayedGroups.set(report.groups);
        counts.replaySeconds.set(report.milliseconds / 1000);
      },
      onFailure: (error) => {
        logger.fatal({ err: error }, "the journal failed: nothing is acknowledged until a restart; reading goes on");
        onFailure();
      },
      onTopicFailure: (failed) => {
        logTopicFailure(logger, failed);
        counts.topicFailures.inc();
      },
      onClockJump: (jump) => {
        logClockJump(logger, jump);
        counts.clockJumps.inc();
      },
      onMaintenanceProblem: ({ tenant, topic, error }) => {
        logger.error({ tenant, topic, err: error }, "a topic's space could not be given back; it is tried again");
      },
      observer: this.metrics.storeObserver,
    };
  }

  /** @param error what kept the round from being finished; undefined: nothing did */
  readonly onMaintenance = (seconds: number, error: unknown): void => {
    const { counts } = this.metrics;
    counts.maintenance.observe(seconds);
    if (error !== undefined) counts.maintenanceFailures.inc();
    const problem = error instanceof Error ? error.message : error === undefined ? undefined : "unknown";
    // Once for each kind, not once a round.
    if (problem !== undefined && problem !== this.#maintenanceProblem)
      this.#logger.error({ err: error }, "retention and compaction could not finish; they are tried again");
    this.#maintenanceProblem = problem;
  };

  /** What activation tells. */
  get ofActivation(): ActivationObserver {
    const { counts } = this.metrics;
    return {
      onDenied: this.onDenied,
      onAllowed: this.onAllowed,
      onActivated: (version) => {
        counts.policyReloads.inc({ result: "changed" });
        logActivated(this.#logger, version);
      },
      onUnchanged: ({ version }) => {
        counts.policyReloads.inc({ result: "unchanged" });
        this.#logger.info({ policyVersion: version }, "the policy has not changed");
      },
      onRefused: (refused) => {
        counts.policyReloads.inc({ result: "refused" });
        logRefusedFiles(this.#logger, refused);
      },
      onProblem: (error) => {
        const problem = error instanceof Error ? error.message : "unknown";
        // Once for each kind: it is tried again every few seconds.
        if (problem !== this.#policyProblem)
          this.#logger.error(
            { err: error },
            "the policy files could not be looked at, or not everything followed them",
          );
        this.#policyProblem = problem;
      },
    };
  }

  /** What the credentials tell. @param certSource the file of the server's own certificate */
  ofCredentials(certSource: string): CredentialsObserver {
    const { credentialReloads } = this.metrics.counts;
    const warnings = new EndWarnings();
    return {
      onChanged: (inForce, change) => {
        credentialReloads.inc({ result: "changed" });
        logCredentials(this.#logger, inForce, change);
      },
      onUnchanged: () => {
        credentialReloads.inc({ result: "unchanged" });
        this.#logger.info("the certificates and revocation lists have not changed");
      },
      onRefused: (findings) => {
        credentialReloads.inc({ result: "refused" });
        this.#logger.error(
          { findings },
          "not all certificates and lists could be read: of those the last good ones stay",
        );
      },
      onMended: () => this.#logger.info("the certificates and revocation lists are all in force again"),
      onLooked: (inForce) => {
        for (const warning of warnings.due(inForce, certSource, Date.now())) logEnd(this.#logger, warning);
      },
      onProblem: (error) => {
        const problem = error instanceof Error ? error.message : "unknown";
        // Once for each kind: it is tried again a few times a second.
        if (problem !== this.#credentialsProblem)
          this.#logger.error(
            { err: error },
            "the certificates could not be looked at, or not everything followed them",
          );
        this.#credentialsProblem = problem;
      },
    };
  }

  /** Tenants that nobody can vouch for, because the policy binds them to an authority that is not here: once for each set. */
  noteUnknownAuthorities(unknown: readonly { readonly tenant: string; readonly authority: string }[]): void {
    const text = JSON.stringify(unknown);
    if (text === this.#unknownAuthorities) return;
    this.#unknownAuthorities = text;
    for (const each of unknown)
      this.#logger.error(
        each,
        "a tenant is bound to an authority that is not here: none of its principals is let in by it",
      );
  }

  readonly onInternalError = (error: unknown, method: string, requestId: string | undefined): void =>
    logInternal(this.#logger, error, method, requestId);

  /** What the gRPC server tells. */
  get ofServer(): Required<
    Pick<GrpcServerOptions, "onConnection" | "onRefused" | "onEnded" | "onRefusedRequest" | "onFlood" | "onStray">
  > & {
    readonly observers: readonly CallObserver[];
  } {
    const { counts } = this.metrics;
    return {
      observers: [this.metrics.observeCall, traceCall, logCalls(this.#logger)],
      onConnection: (event) => {
        counts.accepted.inc();
        this.#logger.debug(event, "connected");
      },
      onRefused: (event) => {
        counts.refused.inc({ reason: event.kind });
        this.#refused.note(event);
      },
      onEnded: (connection) => {
        counts.ended.inc({ reason: connection.ended!.problem });
        logEnded(this.#logger, connection);
      },
      onRefusedRequest: (call, refusal) => {
        counts.refusedRequests.inc({ code: status[refusal.code] ?? "UNKNOWN" });
        logRefusedRequest(this.#logger, call, refusal);
      },
      onFlood: (event) => {
        counts.cut.inc();
        this.#logger.warn(event, "connection cut: it floods the server with pings or settings");
      },
      onStray: (event) => {
        const code = event.code === undefined ? "NOT_GRPC" : (status[event.code] ?? "UNKNOWN");
        counts.strays.inc({ code });
        logStray(this.#logger, { ...event, code });
      },
    };
  }
}

import { identityProblems } from "../identity/index.js";
import { refusalKinds } from "../transport/index.js";
import { type Instruments, callBuckets, diskBuckets } from "./instruments.js";

/** All that is counted when it happens; what happens at every call is in `Tallies`, what is looked up at each scrape in `Metrics`. */
export type Counts = ReturnType<typeof makeCounts>;

export function makeCounts(make: Instruments) {
  const counts = {
    calls: make.durations<"method" | "code">(
      "aclog_call_duration_seconds",
      "Calls that ended, by method and gRPC status code, and how long they took. Streams last as long as they are open.",
      callBuckets,
    ),
    refusedRequests: make.counter(
      "aclog_refused_requests_total",
      "Requests that were refused while their stream went on, by the gRPC status code that they were answered.",
      ["code"],
    ),
    strays: make.counter(
      "aclog_stray_requests_total",
      "Requests that are no call of any method here, by what they were answered: a gRPC code, or NOT_GRPC.",
      ["code"],
    ),
    policyReloads: make.counter(
      "aclog_policy_reloads_total",
      "Times that the policy was read again, by result: changed, unchanged, or refused, and then the last one stays.",
      ["result"],
    ),
    credentialReloads: make.counter(
      "aclog_credentials_reloads_total",
      "Times that certificates, authorities and revocation lists were read again, by result: changed, unchanged, or refused, and then the last good ones stay.",
      ["result"],
    ),
    brokenGlass: make.counter(
      "aclog_break_glass_total",
      "Requests about the policy that the break-glass principal made although the policy is against it.",
    ),
    accepted: make.counter("aclog_connections_accepted_total", "Connections whose peer proved to be a principal."),
    refused: make.counter(
      "aclog_connections_refused_total",
      "Connections that were refused before HTTP/2, by reason, such as untrusted, expired, protocol, timeout or full.",
      ["reason"],
    ),
    ended: make.counter(
      "aclog_connections_ended_total",
      "Connections that were ended because their peers are principals no more, by reason, such as expired or revoked.",
      ["reason"],
    ),
    topicFailures: make.counter(
      "aclog_topic_failures_total",
      "Topics that take no records until a restart, because their files could not be written. Nothing is lost.",
    ),
    cut: make.counter("aclog_connections_cut_total", "Connections that were cut off for a flood of pings or settings."),
    sync: make
      .durations("aclog_journal_sync_duration_seconds", "What the fdatasync of a group took.", diskBuckets)
      .series({}),
    checkpoints: make.histogram(
      "aclog_checkpoint_duration_seconds",
      "Checkpoints, and what they took: the segments are synced, and the journal can be used again.",
      diskBuckets,
    ),
    replayedGroups: make.gauge(
      "aclog_replay_groups",
      "Groups that the last start wrote to their segments again: after a crash, those since the last checkpoint.",
    ),
    replaySeconds: make.gauge("aclog_replay_duration_seconds", "What the recovery of the last start took."),
    maintenance: make.histogram(
      "aclog_maintenance_duration_seconds",
      "Rounds of retention and compaction, and what they took.",
      diskBuckets,
    ),
    maintenanceFailures: make.counter(
      "aclog_maintenance_failures_total",
      "Rounds of retention and compaction that failed; they are tried again.",
    ),
    clockJumps: make.counter(
      "aclog_clock_jumps_total",
      "Jumps of the wall clock that were left out of the age of records.",
    ),
  };
  // What has not happened yet is 0 and not missing: a rate needs a first value.
  for (const reason of refusalKinds) counts.refused.inc({ reason }, 0);
  for (const reason of identityProblems) counts.ended.inc({ reason }, 0);
  for (const result of ["changed", "unchanged", "refused"]) {
    counts.policyReloads.inc({ result }, 0);
    counts.credentialReloads.inc({ result }, 0);
  }
  return counts;
}

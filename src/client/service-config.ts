/** What grpc-js may try again by itself. */

/**
 * Calls that may happen twice without a trace: reads, and committing an offset, which stores the same value again. Not
 * here is whatever stores a record, makes or removes something: a first attempt may have come through although its
 * answer did not.
 */
const safeToRetry = [
  { service: "log.v1.Log", method: "Consume" },
  { service: "log.v1.Topics", method: "Describe" },
  { service: "log.v1.Topics", method: "List" },
  { service: "log.v1.Offsets", method: "Fetch" },
  { service: "log.v1.Offsets", method: "List" },
  { service: "log.v1.Offsets", method: "Commit" },
];

/** A gRPC service config as JSON: retries, and which server of several gets a call. */
export function serviceConfig(loadBalancer: string): string {
  return JSON.stringify({
    loadBalancingConfig: [{ [loadBalancer]: {} }],
    methodConfig: [
      {
        name: safeToRetry,
        // Two seconds together, each part a fifth more or less: a server that is started again is back by then.
        retryPolicy: {
          maxAttempts: 4,
          initialBackoff: "0.15s",
          maxBackoff: "1.35s",
          backoffMultiplier: 3,
          retryableStatusCodes: ["UNAVAILABLE"],
        },
      },
    ],
  });
}

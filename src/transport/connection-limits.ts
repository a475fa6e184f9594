/** What connections may cost. Times in milliseconds; Infinity for what is not limited. */
export interface ConnectionLimits {
  /** Connections of the whole process, also those whose handshake is not finished. */
  readonly maxConnections: number;
  /** Calls that one connection may have open: each can make the server hold a message that is still to be finished. */
  readonly maxConcurrentStreams: number;
  /** A connection that has been silent for so long is asked whether its peer is still there, */
  readonly keepaliveMs: number;
  /** and closed if there is no answer by then. */
  readonly keepaliveTimeoutMs: number;
  /** A connection this old, give or take a tenth, takes no more calls; its client opens another one. */
  readonly maxConnectionAgeMs: number;
  /** How long its calls may go on then, before they are told UNAVAILABLE. */
  readonly maxConnectionAgeGraceMs: number;
  /** A connection without a call for so long, give or take a tenth, is closed. */
  readonly maxConnectionIdleMs: number;
}

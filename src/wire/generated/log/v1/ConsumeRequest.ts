// Original file: proto/log/v1/log.proto

import type { Start as _log_v1_Start, StartOutput as _log_v1_StartOutput } from '../../log/v1/Start.js';

/**
 * What to read. On a ConsumeStream it holds for the whole stream.
 */
export interface ConsumeRequest {
  /**
   * First offset to read, with start OFFSET. Past the end, Consume answers OUT_OF_RANGE and ConsumeStream waits.
   */
  'offset'?: (number | string | bigint);
  /**
   * Empty: "default".
   */
  'topic'?: (string);
  /**
   * Whose topic. Empty: the caller's own tenant.
   */
  'tenant'?: (string);
  /**
   * Most records in one response. 0: one, as the original contract has it.
   */
  'maxRecords'?: (number);
  /**
   * Most bytes of records in one response; the first record always comes whole. 0: 1 MiB. At most 3 MiB is used, on a
   * ConsumeStream at most 512 KiB: a reader who stops reading makes the server hold a few times as much.
   */
  'maxBytes'?: (number);
  /**
   * Consume only: how long to wait at the end for a record, in milliseconds, at most 60,000. 0: answer at once,
   * with OUT_OF_RANGE at an offset past the end, as the original contract has it. Where it waited in vain, or
   * started anywhere else than at an offset, the answer may be empty.
   */
  'maxWaitMs'?: (number);
  /**
   * Where to begin.
   */
  'start'?: (_log_v1_Start);
  /**
   * For start TIME, in milliseconds since 1970.
   */
  'startTimeMs'?: (number | string | bigint);
  /**
   * Read only if the topic still has this id (16 bytes). Empty: whichever topic has the name now.
   */
  'topicId'?: (Buffer | Uint8Array | string);
}

/**
 * What to read. On a ConsumeStream it holds for the whole stream.
 */
export interface ConsumeRequestOutput {
  /**
   * First offset to read, with start OFFSET. Past the end, Consume answers OUT_OF_RANGE and ConsumeStream waits.
   */
  'offset': (bigint);
  /**
   * Empty: "default".
   */
  'topic': (string);
  /**
   * Whose topic. Empty: the caller's own tenant.
   */
  'tenant': (string);
  /**
   * Most records in one response. 0: one, as the original contract has it.
   */
  'maxRecords': (number);
  /**
   * Most bytes of records in one response; the first record always comes whole. 0: 1 MiB. At most 3 MiB is used, on a
   * ConsumeStream at most 512 KiB: a reader who stops reading makes the server hold a few times as much.
   */
  'maxBytes': (number);
  /**
   * Consume only: how long to wait at the end for a record, in milliseconds, at most 60,000. 0: answer at once,
   * with OUT_OF_RANGE at an offset past the end, as the original contract has it. Where it waited in vain, or
   * started anywhere else than at an offset, the answer may be empty.
   */
  'maxWaitMs': (number);
  /**
   * Where to begin.
   */
  'start': (_log_v1_StartOutput);
  /**
   * For start TIME, in milliseconds since 1970.
   */
  'startTimeMs': (bigint);
  /**
   * Read only if the topic still has this id (16 bytes). Empty: whichever topic has the name now.
   */
  'topicId': (Buffer);
}

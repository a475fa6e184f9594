// Original file: proto/log/v1/log.proto

/**
 * Where to begin reading.
 */
export const Start = {
  /**
   * At `offset`.
   */
  OFFSET: 'OFFSET',
  /**
   * At the first record that is still there.
   */
  EARLIEST: 'EARLIEST',
  /**
   * Behind the last record: only what comes later.
   */
  LATEST: 'LATEST',
  /**
   * At the first record whose timestamp is `start_time_ms` or later.
   */
  TIME: 'TIME',
} as const;

/**
 * Where to begin reading.
 */
export type Start =
  /**
   * At `offset`.
   */
  | 'OFFSET'
  | 0
  /**
   * At the first record that is still there.
   */
  | 'EARLIEST'
  | 1
  /**
   * Behind the last record: only what comes later.
   */
  | 'LATEST'
  | 2
  /**
   * At the first record whose timestamp is `start_time_ms` or later.
   */
  | 'TIME'
  | 3

/**
 * Where to begin reading.
 */
export type StartOutput = typeof Start[keyof typeof Start]

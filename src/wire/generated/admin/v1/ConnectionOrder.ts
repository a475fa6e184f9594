// Original file: proto/admin/v1/admin.proto

export const ConnectionOrder = {
  /**
   * The newest connection first.
   */
  NEWEST: 'NEWEST',
  /**
   * The one first whose certificate ends first.
   */
  ENDS_FIRST: 'ENDS_FIRST',
} as const;

export type ConnectionOrder =
  /**
   * The newest connection first.
   */
  | 'NEWEST'
  | 0
  /**
   * The one first whose certificate ends first.
   */
  | 'ENDS_FIRST'
  | 1

export type ConnectionOrderOutput = typeof ConnectionOrder[keyof typeof ConnectionOrder]

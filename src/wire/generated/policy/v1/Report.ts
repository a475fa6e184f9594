// Original file: proto/policy/v1/policy.proto


/**
 * Part of a report: put together, the parts are one JSON object, the one that `aclog policy COMMAND --json` prints.
 */
export interface Report {
  'json'?: (Buffer | Uint8Array | string);
}

/**
 * Part of a report: put together, the parts are one JSON object, the one that `aclog policy COMMAND --json` prints.
 */
export interface ReportOutput {
  'json': (Buffer);
}

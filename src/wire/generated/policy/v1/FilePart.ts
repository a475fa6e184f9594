// Original file: proto/policy/v1/policy.proto


/**
 * Part of a file of a policy. Parts of one file follow each other.
 */
export interface FilePart {
  /**
   * `model.conf`, `tenants.yaml`, `policy.csv` or `matrix.csv`.
   */
  'name'?: (string);
  'content'?: (Buffer | Uint8Array | string);
}

/**
 * Part of a file of a policy. Parts of one file follow each other.
 */
export interface FilePartOutput {
  /**
   * `model.conf`, `tenants.yaml`, `policy.csv` or `matrix.csv`.
   */
  'name': (string);
  'content': (Buffer);
}

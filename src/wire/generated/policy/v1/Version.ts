// Original file: proto/policy/v1/policy.proto


/**
 * A version that came into force.
 */
export interface Version {
  /**
   * 12 hexadecimal digits: a hash of the four files.
   */
  'version'?: (string);
  /**
   * When it came into force, in milliseconds since 1970.
   */
  'activatedMs'?: (number | string | bigint);
  /**
   * A principal, such as `ops/root`; or `files`, for whoever changed the files of the server.
   */
  'author'?: (string);
  /**
   * `start`, `files`, `activate` or `rollback`.
   */
  'how'?: (string);
  /**
   * The version that was in force before; empty for the first one.
   */
  'basedOn'?: (string);
}

/**
 * A version that came into force.
 */
export interface VersionOutput {
  /**
   * 12 hexadecimal digits: a hash of the four files.
   */
  'version': (string);
  /**
   * When it came into force, in milliseconds since 1970.
   */
  'activatedMs': (bigint);
  /**
   * A principal, such as `ops/root`; or `files`, for whoever changed the files of the server.
   */
  'author': (string);
  /**
   * `start`, `files`, `activate` or `rollback`.
   */
  'how': (string);
  /**
   * The version that was in force before; empty for the first one.
   */
  'basedOn': (string);
}

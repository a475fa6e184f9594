// Original file: proto/admin/v1/admin.proto

import type { Certificate as _admin_v1_Certificate, CertificateOutput as _admin_v1_CertificateOutput } from '../../admin/v1/Certificate.js';
import type { OpenCalls as _admin_v1_OpenCalls, OpenCallsOutput as _admin_v1_OpenCallsOutput } from '../../admin/v1/OpenCalls.js';

/**
 * One connection as it is now.
 */
export interface Connection {
  /**
   * Counts up from the start of the server; no two connections of one start have the same.
   */
  'id'?: (number | string | bigint);
  /**
   * Whose it is, such as `acme/billing`.
   */
  'principal'?: (string);
  /**
   * Where it comes from, such as `10.0.0.1:40000`.
   */
  'peer'?: (string);
  /**
   * When it was let in, in milliseconds since 1970.
   */
  'sinceMs'?: (number | string | bigint);
  /**
   * What it was let in with.
   */
  'certificate'?: (_admin_v1_Certificate | null);
  /**
   * The calls that are open on it, by method.
   */
  'calls'?: (_admin_v1_OpenCalls)[];
  /**
   * As OpenSSL calls it, such as `TLSv1.3`.
   */
  'protocol'?: (string);
  /**
   * As OpenSSL calls it, such as `TLS_AES_256_GCM_SHA384`.
   */
  'cipher'?: (string);
}

/**
 * One connection as it is now.
 */
export interface ConnectionOutput {
  /**
   * Counts up from the start of the server; no two connections of one start have the same.
   */
  'id': (bigint);
  /**
   * Whose it is, such as `acme/billing`.
   */
  'principal': (string);
  /**
   * Where it comes from, such as `10.0.0.1:40000`.
   */
  'peer': (string);
  /**
   * When it was let in, in milliseconds since 1970.
   */
  'sinceMs': (bigint);
  /**
   * What it was let in with.
   */
  'certificate': (_admin_v1_CertificateOutput | null);
  /**
   * The calls that are open on it, by method.
   */
  'calls': (_admin_v1_OpenCallsOutput)[];
  /**
   * As OpenSSL calls it, such as `TLSv1.3`.
   */
  'protocol': (string);
  /**
   * As OpenSSL calls it, such as `TLS_AES_256_GCM_SHA384`.
   */
  'cipher': (string);
}

// Original file: proto/admin/v1/admin.proto


/**
 * A client's certificate.
 */
export interface Certificate {
  /**
   * In hexadecimal, upper case.
   */
  'serial'?: (string);
  /**
   * As RFC 4514 writes it, such as `CN=billing,O=acme`, in ASCII; of a longer one the first 200 characters and `…`. Not what the
   * principal was read from.
   */
  'subject'?: (string);
  /**
   * The same of who signed it.
   */
  'issuer'?: (string);
  /**
   * Of the certificate, SHA-256, such as `AB:CD:…`.
   */
  'fingerprint'?: (string);
  /**
   * When it ends, or the first of the certificates that lead from it to the authority, in milliseconds since 1970.
   */
  'endsMs'?: (number | string | bigint);
}

/**
 * A client's certificate.
 */
export interface CertificateOutput {
  /**
   * In hexadecimal, upper case.
   */
  'serial': (string);
  /**
   * As RFC 4514 writes it, such as `CN=billing,O=acme`, in ASCII; of a longer one the first 200 characters and `…`. Not what the
   * principal was read from.
   */
  'subject': (string);
  /**
   * The same of who signed it.
   */
  'issuer': (string);
  /**
   * Of the certificate, SHA-256, such as `AB:CD:…`.
   */
  'fingerprint': (string);
  /**
   * When it ends, or the first of the certificates that lead from it to the authority, in milliseconds since 1970.
   */
  'endsMs': (bigint);
}

/** What one tenant may use of the server. Stated in `tenants.yaml`; open to every room. */
export interface TenantLimits {
  /** What its topics may take on disk together, in bytes. */
  readonly storage_bytes: number;
  /** How many topics it may have, beside `default` and those that the server makes. */
  readonly topics: number;
  /** Connections of its principals that are open at a time. */
  readonly connections: number;
  /** Streams of its principals that are open at a time: ConsumeStream, ProduceStream, Import. */
  readonly streams: number;
  /** Value, key, header names and header values of one record in its topics together, in bytes. */
  readonly record_bytes: number;
  /** Records of one request to its topics together, in bytes. */
  readonly batch_bytes: number;
}

/** For a tenant about which `tenants.yaml` says nothing else. */
export const defaultTenantLimits: TenantLimits = Object.freeze({
  storage_bytes: 10 * 1024 ** 3,
  topics: 1_000,
  connections: 200,
  streams: 1_000,
  record_bytes: 1024 * 1024,
  batch_bytes: 4 * 1024 * 1024,
});

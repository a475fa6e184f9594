/**
 * Told what goes in and out, by the tenant whose topic it is. Must not throw. Bytes are those of the records with their
 * framing.
 */
export interface Traffic {
  /** A batch was admitted. */
  produced(tenant: string, records: number, bytes: number): void;
  /** Records were read for a caller. */
  consumed(tenant: string, records: number, bytes: number): void;
}

/** For who does not count. */
export const noTraffic: Traffic = { produced: () => undefined, consumed: () => undefined };

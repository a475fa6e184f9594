/** Bytes of one topic, which count for its tenant, too. */
export class StorageAccount {
  readonly #tenant: StorageAccount | undefined;
  #bytes = 0;
  #closed = false;

  /** @param tenant the sum of all accounts that name it */
  constructor(tenant?: StorageAccount) {
    this.#tenant = tenant;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(bytes: number): void {
    if (this.#closed) return;
    this.#bytes += bytes;
    this.#tenant?.add(bytes);
  }

  /** Takes everything back; what is added later does not count. */
  close(): void {
    this.add(-this.#bytes);
    this.#closed = true;
  }
}

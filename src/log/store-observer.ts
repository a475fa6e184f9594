/** Told how the store's work goes, for metrics. Must not throw, and must not take long: the work waits for it. */
export interface StoreObserver {
  /** A group is durable. */
  onGroup(group: { readonly commits: number; readonly bytes: number; readonly syncSeconds: number }): void;
  /** A checkpoint was made. */
  onCheckpoint(seconds: number): void;
}

/**
 * Does the work for each item, so many at a time. After a failure it begins no more.
 *
 * @throws the first failure, once nothing is under way any more: whoever lets go of the files then leaves nobody behind
 */
export async function inParallel<T>(
  items: Iterable<T>,
  concurrent: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const queue = items[Symbol.iterator]();
  let hasFailed = false;
  const worker = async (): Promise<void> => {
    for (let item = queue.next(); item.done !== true && !hasFailed; item = queue.next()) {
      try {
        await work(item.value);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: concurrent }, worker));
  for (const result of workers) if (result.status === "rejected") throw result.reason;
}

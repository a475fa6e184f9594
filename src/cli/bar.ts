/** A bar for work that can be counted. */

/** Shows on a terminal how far `work` is, and wipes that when it ends. */
export async function withBar<T>(
  unit: string,
  work: (onProgress: (done: number, of: number) => void) => Promise<T>,
): Promise<T> {
  if (!process.stderr.isTTY || process.env["TERM"] === "dumb") return work(() => undefined);
  const { SingleBar } = await import("cli-progress").then((module) => module.default);
  // Its way with signals would keep them from ending the process.
  const format = `[{bar}] {value} of {total} ${unit}`;
  const bar = new SingleBar({ format, clearOnComplete: true, gracefulExit: false });
  bar.start(0, 0);
  try {
    return await work((done, of) => {
      bar.setTotal(of);
      bar.update(done);
    });
  } finally {
    bar.stop();
  }
}

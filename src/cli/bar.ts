/** A bar for work that can be counted. */
import type { SingleBar } from "cli-progress";

/** Work that is over sooner shows nothing. */
const quietMs = 300;

/** Shows on a terminal how far `work` is, and wipes that when it ends. */
export async function withBar<T>(
  unit: string,
  work: (onProgress: (done: number, of: number) => void) => Promise<T>,
): Promise<T> {
  if (!process.stderr.isTTY || process.env["TERM"] === "dumb") return work(() => undefined);
  const cliProgress = await import("cli-progress").then((module) => module.default);
  const startedMs = Date.now();
  let bar: SingleBar | undefined;
  try {
    return await work((done, of) => {
      if (bar !== undefined) {
        bar.setTotal(of);
        bar.update(done);
      } else if (Date.now() - startedMs >= quietMs) {
        // Its way with signals would keep them from ending the process.
        const format = `[{bar}] {value} of {total} ${unit}`;
        bar = new cliProgress.SingleBar({ format, clearOnComplete: true, gracefulExit: false });
        bar.start(of, done);
      }
    });
  } finally {
    bar?.stop();
  }
}

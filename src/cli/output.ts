/** Writing to stdout at the reader's pace. */
import { once } from "node:events";

/** Someone stopped reading our output, as `| head` does: no failure, only the end. */
export class ReaderGone extends Error {}

/**
 * Resolves once stdout can take more.
 * @throws ReaderGone when nobody reads it any more
 */
export async function print(output: string | Uint8Array): Promise<void> {
  const { stdout } = process;
  try {
    if (stdout.destroyed || stdout.errored) throw stdout.errored ?? new ReaderGone();
    if (!stdout.write(output)) await once(stdout, "drain");
  } catch (error) {
    throw isBrokenPipe(error) ? new ReaderGone() : error;
  }
}

/** Without a listener a broken pipe ends the process with a stack trace, wherever it happens to be. */
export function tolerateBrokenPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error) => {
      if (!isBrokenPipe(error)) throw error;
    });
  }
}

function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EPIPE";
}

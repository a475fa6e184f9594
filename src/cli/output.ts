/** Writing to stdout at the reader's pace. */

/** Nobody takes our output any more. Where someone stopped reading, as `| head` does, that is no failure, only the end. */
export class ReaderGone extends Error {}

/**
 * Resolves once stdout has taken it.
 * @throws ReaderGone when nothing can be written any more; `watchOutput` tells why
 */
export async function print(output: string | Uint8Array): Promise<void> {
  const { stdout } = process;
  await new Promise<void>((resolve, reject) => {
    stdout.write(output, (error) => (error ? reject(new ReaderGone("", { cause: error })) : resolve()));
  });
}

/** As `print`, for what is done whether or not somebody reads of it. */
export async function tell(output: string): Promise<void> {
  await print(output).catch((error: unknown) => {
    if (!(error instanceof ReaderGone)) throw error;
  });
}

/**
 * Without a listener a stream that breaks ends the process with a stack trace, wherever it happens to be. `onFailure`
 * is told when stdout breaks for another reason than that nobody reads it, such as a full disk.
 */
export function watchOutput(onFailure: (error: Error) => void): void {
  process.stdout.on("error", (error: Error) => {
    if (!isBrokenPipe(error)) onFailure(error);
  });
  // There is no other place to complain in.
  process.stderr.on("error", () => undefined);
}

function isBrokenPipe(error: Error): boolean {
  return "code" in error && error.code === "EPIPE";
}

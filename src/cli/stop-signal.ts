/** SIGINT and SIGTERM for a command that has something to finish. */

/**
 * Runs `work` with a signal that SIGINT and SIGTERM abort. Once the work has come to its end, the process ends by the
 * signal it was sent, as whoever sent it expects; a second one ends it at once.
 * @throws what `work` throws, but for the reason of the signal
 */
export async function untilStopped(work: (stopped: AbortSignal) => Promise<void>): Promise<void> {
  const stopping = new AbortController();
  let received: NodeJS.Signals | undefined;
  const deafen = () => {
    for (const signal of ["SIGINT", "SIGTERM"]) process.off(signal, stop);
  };
  const stop = (signal: NodeJS.Signals) => {
    received = signal;
    deafen();
    stopping.abort();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  try {
    await work(stopping.signal);
  } catch (error) {
    if (error !== stopping.signal.reason) throw error;
  } finally {
    deafen();
  }
  if (received !== undefined) process.kill(process.pid, received);
}

import { spawn } from "node:child_process";

const script = new URL("readers.mjs", import.meta.url).pathname;

/** A process with so many connections that read `orders`, and take nothing if they are stalled; it ends when it is killed. */
export function startReaders({ connection }, certificates, count, stalled) {
  const argv = [script, `${connection.port}`, certificates, `${count}`, `${stalled}`];
  return spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] });
}

/** Child processes: started, watched, measured and ended by the bench; it never touches one that it did not start. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const running = new Set();
const stopMs = 10_000;

/**
 * A server process. Ready when `isReady` says so of a line of its output, or resolves; what it wrote last is in the
 * error when it ends before.
 * @param isReady (line) => what `start` resolves with beside the process, or undefined
 */
export async function startProcess(command, argv, { isReady, env = process.env, cwd }) {
  const child = spawn(command, argv, { stdio: ["ignore", "pipe", "pipe"], env, cwd });
  running.add(child);
  const lastLines = [];
  const ended = Promise.race([
    once(child, "exit").then(([code, signal]) => `ended with ${code ?? signal}`),
    once(child, "error").then(([error]) => error.message),
  ]).finally(() => running.delete(child));
  const ready = new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on("line", (line) => {
        lastLines.push(line);
        if (lastLines.length > 5) lastLines.shift();
        const found = isReady(line);
        if (found !== undefined) resolve(found);
      });
  });
  const outcome = await Promise.race([ready, ended]);
  if (typeof outcome === "string") throw new Error(`${command} ${outcome}\n${lastLines.join("\n")}`);
  return { ...outcome, pid: child.pid, stop: () => stopChild(child, ended) };
}

/** Node, with what BENCH_NODE_OPTIONS says, that prints one line of JSON when it serves. */
export function startNode(argv) {
  const options = process.env.BENCH_NODE_OPTIONS?.split(" ") ?? [];
  const isReady = (line) => (line.startsWith('{"address"') ? JSON.parse(line) : undefined);
  return startProcess(process.execPath, [...options, ...argv], { isReady });
}

/** Ends at once what is still running: for a bench that was itself told to end. */
export function killAll() {
  for (const child of running) child.kill("SIGKILL");
}

/** Its output. @throws Error with what it said when it fails */
export async function run(command, argv, options = {}) {
  try {
    const { stdout } = await promisify(execFile)(command, argv, { maxBuffer: 16 << 20, ...options });
    return stdout;
  } catch (error) {
    throw new Error(`${command}: ${(error.stderr || error.message).trim().split("\n").at(-1)}`, { cause: error });
  }
}

/** A port of loopback that nobody uses just now. */
export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** What a process has used of all processors, in user and system time, in seconds; NaN where there is no /proc. */
export function cpuSeconds(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1].split(" ");
    // Source: proc(5), utime and stime of all threads, in ticks of a hundredth of a second.
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return NaN;
  }
}

/** What a process has in memory, in bytes; NaN where there is no /proc. */
export function residentBytes(pid) {
  try {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))[1]) * 1024;
  } catch {
    return NaN;
  }
}

async function stopChild(child, ended) {
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), stopMs);
  await ended;
  clearTimeout(late);
}

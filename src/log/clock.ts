import { readFileSync } from "node:fs";
import { uptime } from "node:os";

/** Where the engine reads the time. A test brings its own. */
export interface Clock {
  /** Milliseconds since 1970, as the machine says at the moment; whoever sets the machine's clock makes it jump. */
  wallMs(): number;
  /** Milliseconds that never go back and never jump, from any beginning; good only within this process. */
  monotonicMs(): number;
  /** The same across all processes, but only until the machine is started anew. */
  uptimeMs(): number;
  /** Another one each time the machine is started; undefined where that cannot be known. */
  readonly bootId: string | undefined;
}

/** The machine's own clocks. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  uptimeMs: () => uptime() * 1000,
  bootId: readBootId(),
};

function readBootId(): string | undefined {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    // Not Linux: then the time between two runs does not count.
    return undefined;
  }
}

import { setImmediate as turn } from "node:timers/promises";
import v8 from "node:v8";
import vm from "node:vm";

v8.setFlagsFromString("--expose-gc");
const collect = vm.runInNewContext("gc") as () => void;

/** What buffers that somebody still holds take in this process, in bytes. */
export async function heldBytes(): Promise<number> {
  let least = Infinity;
  // What a collection finds is given back beside everything else, and counted when the next one begins.
  for (let round = 0; round < 3; round++) {
    collect();
    await turn();
    least = Math.min(least, process.memoryUsage().arrayBuffers);
  }
  return least;
}

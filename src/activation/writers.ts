import { type Dir, opendirSync, readFileSync, readlinkSync } from "node:fs";
import { readdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { Pace } from "../authz/index.js";

/** More open files than these are not looked through: it would take seconds, and the settle time counts all the same. */
const mostDescriptors = 20_000;

/** Source: Linux, <fcntl.h>: O_WRONLY and O_RDWR. */
const writes = 0o3;

/**
 * Which of the files a process has open for writing, as far as /proc shows: on Linux, the processes of the same user, or all
 * of them to root, within the same container. Elsewhere none.
 *
 * @returns the process by the path that it was asked for
 */
export async function findWriters(paths: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  const asked = new Map<string, string>();
  for (const path of paths) {
    const real = await realpath(path).catch(() => undefined);
    if (real !== undefined) asked.set(real, path);
  }
  let left = mostDescriptors;
  const pace = new Pace();
  for (const name of await readdir("/proc").catch(() => [])) {
    const pid = Number(name);
    // This process replaces the files by new ones, and writes to none that has its name.
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    for (const descriptor of descriptorsOf(name)) {
      if (--left < 0) return found;
      const path = asked.get(targetOf(name, descriptor));
      if (path !== undefined && isForWriting(name, descriptor)) found.set(path, pid);
      await pace.step();
    }
    await pace.step();
  }
  return found;
}

/** Looked up at once, since no disk has a part in it: to wait for each would take twenty times as long. */
function* descriptorsOf(pid: string): Generator<string> {
  let directory: Dir;
  try {
    directory = opendirSync(join("/proc", pid, "fd"));
  } catch {
    // It is gone, or another user's.
    return;
  }
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) yield entry.name;
  } catch {
    // It ended meanwhile.
  } finally {
    directory.closeSync();
  }
}

function targetOf(pid: string, descriptor: string): string {
  try {
    return readlinkSync(join("/proc", pid, "fd", descriptor));
  } catch {
    // It is closed by now.
    return "";
  }
}

function isForWriting(pid: string, descriptor: string): boolean {
  try {
    const info = readFileSync(join("/proc", pid, "fdinfo", descriptor), "utf8");
    const flags = /^flags:\s+([0-7]+)$/m.exec(info)?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & writes) !== 0;
  } catch {
    return false;
  }
}
